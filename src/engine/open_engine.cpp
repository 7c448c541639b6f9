// SPDX-License-Identifier: Apache-2.0
#include "engine/open_engine.h"

#include <algorithm>

#include "core/error.h"
#include "core/machine_memory.h"
#include "model/memory_fit.h"

namespace deepseek {
namespace {

Placement placement_of(const TextModelOptions& options, const CheckpointFiles& files,
                       const ModelConfig& config) {
  if (options.precision == Precision::f32) return Placement::reference;
  return choose_placement(files, config, options.notice);
}

void tell_of_cut(const CachePlan& plan, const TextModelOptions& options) {
  if (!options.notice || options.context <= 0 || plan.context_length == plan.wanted_context) return;
  options.notice(concat("--ctx ", plan.wanted_context, " is cut to ", plan.context_length,
                        " tokens, which the cache of ",
                        size_text(static_cast<uint64_t>(plan.bytes)), " holds; --cache-bytes ",
                        plan.wanted_argument(), " holds them all"));
}

}  // namespace

std::string_view CachePlan::context_flag() const {
  if (context_length < wanted_context) return "--cache-bytes";
  return context_length < model_context ? "--ctx" : "";
}

std::string CachePlan::wanted_argument() const {
  constexpr int64_t mebibyte = int64_t{1} << 20;
  return concat((wanted_bytes + mebibyte - 1) / mebibyte, "MiB");
}

CachePlan plan_cache(const ModelConfig& config, const TextModelOptions& options) {
  const CacheLayout layout = cache_layout(config, cache_dtype(options));
  const int64_t page_bytes = layout.page_bytes();
  CachePlan plan;
  plan.model_context = config.max_position_embeddings;
  plan.wanted_context = checked_context(options.context, config);
  plan.wanted_bytes = (plan.wanted_context + tokens_per_page - 1) / tokens_per_page * page_bytes;
  plan.token_bytes = page_bytes / tokens_per_page;
  plan.bytes =
      options.cache_bytes > 0
          ? options.cache_bytes
          : std::min(plan.wanted_bytes, std::max(machine_memory().total_bytes / 4, page_bytes));
  plan.context_length =
      std::min(plan.wanted_context, pages_within(layout, plan.bytes) * tokens_per_page);
  return plan;
}

MemoryPlan plan_memory(const CheckpointFiles& files, const ModelConfig& config,
                       const TextModelOptions& options) {
  const Placement placement =
      options.precision == Precision::f32 ? Placement::reference : Placement::native;
  const CachePlan cache = plan_cache(config, options);
  return {account_weights(files, config, placement).bytes(), cache.bytes, cache.context_length};
}

int64_t checked_context(int64_t wanted, const ModelConfig& config) {
  if (wanted <= 0) return config.max_position_embeddings;
  if (wanted > config.max_position_embeddings)
    fail(ErrorKind::invalid_input, "--ctx: the model was made for at most ",
         config.max_position_embeddings, " tokens, got ", wanted);
  return wanted;
}

OpenedEngine open_engine(const CheckpointFiles& files, const ModelConfig& config,
                         const TextModelOptions& options) {
  const CachePlan cache = plan_cache(config, options);
  tell_of_cut(cache, options);
  OpenOptions open;
  open.placement = placement_of(options, files, config);
  open.activation_bits = activation_bits(options);
  open.adapter = options.adapter;
  open.notice = options.notice;
  open.progress = options.progress;
  const OpenedModel opened = open_model(files, open);
  OpenedEngine out;
  out.engine = std::make_unique<Engine>(
      opened.transformer,
      Engine::Options{.cache_bytes = cache.bytes, .cache_dtype = cache_dtype(options)});
  out.context_length = cache.context_length;
  out.context_flag = cache.context_flag();
  return out;
}

}  // namespace deepseek
