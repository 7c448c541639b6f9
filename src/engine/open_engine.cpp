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

int64_t cache_budget(const TextModelOptions& options, const CacheLayout& layout, int64_t context) {
  if (options.cache_bytes > 0) return options.cache_bytes;
  const int64_t pages = (context + tokens_per_page - 1) / tokens_per_page;
  return std::min(pages * layout.page_bytes(),
                  std::max(machine_memory().total_bytes / 4, layout.page_bytes()));
}

}  // namespace

MemoryPlan plan_memory(const CheckpointFiles& files, const ModelConfig& config,
                       const TextModelOptions& options) {
  const int64_t context = checked_context(options.context, config);
  const CacheLayout layout = cache_layout(config, cache_dtype(options));
  MemoryPlan plan;
  plan.weight_bytes = options.precision == Precision::f32
                          ? count_parameters(config).total * dtype_size(DType::f32)
                          : weight_bytes(files);
  plan.cache_bytes = cache_budget(options, layout, context);
  plan.context_length = std::min(context, plan.cache_bytes / layout.page_bytes() * tokens_per_page);
  return plan;
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
  const int64_t context = checked_context(options.context, config);
  OpenOptions open;
  open.placement = placement_of(options, files, config);
  if (options.precision == Precision::int8) open.activation_bits = 8;
  open.adapter = options.adapter;
  open.notice = options.notice;
  open.progress = options.progress;
  const OpenedModel opened = open_model(files, open);
  const DType dtype = cache_dtype(options);
  const CacheLayout layout = cache_layout(config, dtype);
  OpenedEngine out;
  out.engine = std::make_unique<Engine>(
      opened.transformer,
      Engine::Options{.cache_bytes = cache_budget(options, layout, context), .cache_dtype = dtype});
  out.context_length = std::min(context, out.engine->pool().total_pages() * tokens_per_page);
  return out;
}

}  // namespace deepseek
