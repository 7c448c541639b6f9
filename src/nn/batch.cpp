// SPDX-License-Identifier: Apache-2.0
#include "nn/batch.h"

namespace deepseek {

Batch Batch::one(const std::vector<int32_t>& tokens, int32_t position) {
  Batch batch;
  batch.append(tokens, position);
  return batch;
}

void Batch::append(const std::vector<int32_t>& added, int32_t position) {
  spans.push_back({size(), static_cast<int64_t>(added.size())});
  for (size_t i = 0; i < added.size(); ++i) {
    tokens.push_back(added[i]);
    positions.push_back(position + static_cast<int32_t>(i));
  }
}

}  // namespace deepseek
