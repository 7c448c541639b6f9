// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/open.h"

namespace deepseek {

/// How a checkpoint stores one parameter.
struct StoredParameter {
  Format format = Format::f32;
  DType scales = DType::f32;      // of fp8
  std::optional<Format> v_heads;  // of a kv_b_proj in two: `format` is that of its keys, transposed
};

/// The same of every parameter under its Hugging Face name; nothing for what it does not have.
using StoredParameters = std::function<std::optional<StoredParameter>(const std::string& name)>;

/// What one parameter takes once a model is open. Of kv_b_proj the keys and the values of each head
/// are one; the bytes of a file that has it whole are the first one's.
struct WeightUse {
  enum class Part {
    embedding,  // looked up, a row a token
    dense,      // multiplied for every token
    expert,     // routed: multiplied for the tokens that chose it
    head,       // multiplied where logits are wanted; the embedding too where they are one
    vector,     // norm gains and biases, as f32
    mtp,        // not used when text is generated
  };
  std::string name;
  Part part = Part::dense;
  Format stored = Format::f32;    // in the file
  Format computed = Format::f32;  // what its kernel multiplies
  int64_t values = 0;
  int64_t file_bytes = 0;    // scales included
  int64_t mapped_bytes = 0;  // computed with where they lie in the mapped file
  int64_t packed_bytes = 0;  // in memory of their own: permuted for the kernels, or widened

  int64_t bytes() const { return mapped_bytes + packed_bytes; }
};

/// What all weights of a model take, told without reading them.
struct WeightAccount {
  Placement placement = Placement::native;
  std::vector<WeightUse> uses;
  std::vector<std::string> missing;  // parameters that the files lack
  int64_t file_bytes = 0, mapped_bytes = 0, packed_bytes = 0;

  int64_t bytes() const { return mapped_bytes + packed_bytes; }
};

/// Of a model that open_model opens for running, at a placement other than trainable. Throws as
/// opening the headers of the files does.
WeightAccount account_weights(const CheckpointFiles& files, const ModelConfig& config,
                              Placement placement);

/// The same of a checkpoint that `stored` describes.
WeightAccount account_weights(const StoredParameters& stored, const ModelConfig& config,
                              Placement placement);

/// Of the routed experts, what a token chooses.
double chosen_share(const ModelConfig& config);

/// What decoding one token reads of the weights: of routed experts the chosen share.
double bytes_read_per_token(const WeightAccount& account, const ModelConfig& config);

/// Products of a weight and an activation that a token of a prompt takes.
double products_per_token(const WeightAccount& account, const ModelConfig& config);

/// How the types that config.json names store a published model.
StoredParameters parameters_as_configured(const ModelConfig& config);

}  // namespace deepseek
