// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ops/router.h"
#include "tensor/tensor.h"

namespace deepseek {

/// softmax over the last dimension of [rows, dim]. Not recorded.
Tensor softmax_rows(const Tensor& x);

/// Affinities of tokens to experts [T, E]: softmax or sigmoid of the logits. Not recorded.
Tensor router_scores(const Tensor& logits, RouterScoring scoring);

/// d_logits from d_scores, both [T, E].
Tensor scores_backward(const Tensor& d_scores, const Tensor& scores, RouterScoring scoring);

}  // namespace deepseek
