// SPDX-License-Identifier: Apache-2.0
#include "engine/fit.h"

#include <algorithm>

#include "core/error.h"
#include "formats/checkpoint.h"
#include "formats/peft.h"
#include "model/inspect.h"
#include "model/memory_fit.h"

namespace deepseek {
namespace {

/// A folder of which config.json is there and the weights are not.
bool lacks_weights(const CheckpointFiles& files) {
  return !files.gguf && !Checkpoint::is_checkpoint(files.path);
}

int64_t bytes_of_adapter(const std::filesystem::path& folder) {
  int64_t values = 0;
  for (const auto& [name, pair] : read_peft_adapter(folder).pairs)
    values += pair.a.numel() + pair.b.numel();
  return values * dtype_size(DType::f32);
}

}  // namespace

int64_t Fit::total_bytes() const {
  const int64_t kept =
      weights.placement == Placement::mapped ? weights.packed_bytes : weights.bytes();
  return kept + cache.bytes + scratch_bytes + adapter_bytes;
}

Fit examine_fit(const CheckpointFiles& files, const ModelConfig& config,
                const TextModelOptions& options, const MachineMemory& memory) {
  Fit fit;
  fit.memory = memory;
  fit.weights_are_there = !lacks_weights(files);
  const auto account = [&](Placement placement) {
    return fit.weights_are_there
               ? account_weights(files, config, placement)
               : account_weights(parameters_as_configured(config), config, placement);
  };
  fit.cache = plan_cache(config, options);
  fit.scratch_bytes = scratch_bytes(config, fit.cache.context_length);
  if (options.adapter) fit.adapter_bytes = bytes_of_adapter(*options.adapter);
  const bool reference = options.precision == Precision::f32;
  fit.activation_bits = activation_bits(options);
  check_activation_bits(files, fit.activation_bits);
  fit.weights = account(reference ? Placement::reference : Placement::native);
  fit.native_bytes = fit.weights.bytes();
  if (!fit.weights.missing.empty())
    fail(ErrorKind::bad_file, files.path.string(), ": tensor ", fit.weights.missing.front(),
         ": expected it among the weights, got no such tensor; the files are incomplete or "
         "config.json is another model's");
  if (!reference && placement_within(fit.native_bytes, memory.available_bytes) == Placement::mapped)
    fit.weights = account(Placement::mapped);
  if (fit.total_bytes() > memory.available_bytes)
    fit.verdict = Fit::Verdict::too_large;
  else if (fit.weights.placement == Placement::mapped)
    fit.verdict = Fit::Verdict::mapped;
  const int64_t left = memory.available_bytes - (fit.total_bytes() - fit.cache.bytes);
  const int64_t pages = std::max<int64_t>(0, left) / (fit.cache.token_bytes * tokens_per_page);
  fit.longest_context = std::min(config.max_position_embeddings, pages * tokens_per_page);
  return fit;
}

}  // namespace deepseek
