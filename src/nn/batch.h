// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "ops/attention.h"

namespace deepseek {

/// A flat batch of tokens, no padding: rows of many sequences one after the other. Prefill chunks,
/// single decoded rows, packed documents and evaluation windows all have this shape.
struct Batch {
  std::vector<int32_t> tokens;     // [T]
  std::vector<int32_t> positions;  // [T] position of each row in its sequence
  std::vector<Span> spans;         // one per sequence, covering the rows in order

  int64_t size() const { return static_cast<int64_t>(tokens.size()); }

  /// One sequence whose first token stands at `position`.
  static Batch one(const std::vector<int32_t>& tokens, int32_t position = 0);
  /// Adds a sequence's rows at the end.
  void append(const std::vector<int32_t>& tokens, int32_t position);
};

}  // namespace deepseek
