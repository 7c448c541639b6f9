// SPDX-License-Identifier: Apache-2.0
#include "ops/rows.h"

#include "core/error.h"

namespace deepseek {

void require_rank(std::string_view op, std::string_view name, const Tensor& tensor, int rank) {
  if (tensor.rank() != rank)
    fail(ErrorKind::invalid_input, op, ": ", name, ": expected ", rank, " dimensions, got ",
         shape_text(tensor.shape()));
}

void require_same_shape(std::string_view op, std::string_view name, const Tensor& tensor,
                        const Tensor& like) {
  if (tensor.shape() != like.shape())
    fail(ErrorKind::invalid_input, op, ": ", name, ": expected shape ", shape_text(like.shape()),
         ", got ", shape_text(tensor.shape()));
}

}  // namespace deepseek
