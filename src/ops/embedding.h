// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "ops/weight.h"
#include "tensor/tensor.h"

namespace deepseek {

/// Rows `ids` of a table [vocab, dim] in any format -> [ids, dim]. A table that is a parameter gets
/// its gradient. Throws invalid_input for an id outside the vocabulary.
Tensor embed(const Weight& table, std::span<const int32_t> ids);

}  // namespace deepseek
