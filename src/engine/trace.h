// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/progress.h"
#include "model/placing_source.h"
#include "model/transformer.h"

namespace deepseek {

struct NamedTensor {
  std::string name;
  Tensor value;
};

/// What to write down about a model's inside; names and meaning of the outputs are those of the
/// command line contract (`deepseek trace`).
struct TraceOptions {
  enum class Logits { all, last, none };
  enum class MtpInput { normed, residual };

  Logits logits = Logits::all;
  bool hidden = false;
  bool loss = false;
  std::vector<std::vector<int64_t>> labels;  // as the token lists; empty: the tokens themselves
  bool grad = false;                         // needs loss and trainable parameters
  std::optional<MtpInput> mtp;
  float mtp_lambda = 0.3f;
  std::optional<int64_t> cache_prefill;  // compute through the cache, this many tokens at first
  int64_t generate = 0;
  DType cache_dtype = DType::f32;
  int64_t cache_bytes = int64_t{1} << 30;
  ProgressSink progress;  // tokens; may throw to end the work
};

/// One independent run per token list; i in the names counts the lists. `parameters` are those
/// that gradients are wanted for. Throws invalid_input for an empty list, ids outside the
/// vocabulary, labels of another shape, or a combination that makes no sense; bad_file for a loss,
/// or logits that a token is to be chosen by, that are not finite.
std::vector<NamedTensor> trace(const std::shared_ptr<const Transformer>& model,
                               const std::vector<std::vector<int32_t>>& lists,
                               const TraceOptions& options,
                               const std::vector<NamedParameter>& parameters = {});

}  // namespace deepseek
