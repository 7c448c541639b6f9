// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "model/config.h"
#include "tensor/tensor.h"

namespace deepseek {

/// One parameter that a config implies, under its Hugging Face name.
struct ParameterSpec {
  enum class Kind {
    matrix,       // [outputs, inputs]
    embedding,    // [vocab_size, hidden_size]
    vector,       // norm gains and biases
    router,       // [experts, hidden_size], computed in f32
    router_bias,  // e_score_correction_bias, stored in f32 whatever the model's type
  };
  std::string name;
  Shape shape;
  Kind kind = Kind::matrix;

  bool is_matrix() const { return kind == Kind::matrix || kind == Kind::embedding; }
  int64_t numel() const;
};

/// All parameters of a valid config in the order of the layers, MTP layers last; of those the
/// copies of embedding and head are left out.
std::vector<ParameterSpec> list_parameters(const ModelConfig& config);

}  // namespace deepseek
