// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/machine_memory.h"
#include "engine/open_engine.h"
#include "model/weight_use.h"

namespace deepseek {

/// Whether a model runs in the memory there is, told from config and headers alone.
struct Fit {
  enum class Verdict {
    fits,
    mapped,     // runs, its weights read from the file as they are needed: slowly
    too_large,  // weights, or the cache beside them, take more than is free
  };
  WeightAccount weights;     // as opening would place them
  int activation_bits = 15;  // Weight::activation_bits
  bool weights_are_there = true;
  int64_t native_bytes = 0;  // of the weights where memory has room for them
  CachePlan cache;
  int64_t scratch_bytes = 0, adapter_bytes = 0;
  MachineMemory memory;
  Verdict verdict = Verdict::fits;
  int64_t longest_context = 0;  // whose cache fits beside the weights

  /// Memory that running takes at the context length; of mapped weights nothing, they may leave.
  int64_t total_bytes() const;
};

/// Throws bad_file when the weights that are there lack a parameter, invalid_input for a context
/// longer than the model's, and what reading config and headers throws.
Fit examine_fit(const CheckpointFiles& files, const ModelConfig& config,
                const TextModelOptions& options, const MachineMemory& memory);

}  // namespace deepseek
