// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "ops/weight.h"
#include "tensor/tensor.h"

namespace deepseek {

/// The up-projection of MLA's latent, kv_b_proj, in whichever form a checkpoint has it.
struct LatentUpWeights {
  Weight fused;                 // [heads * (nope + v), rank], or undefined
  std::vector<Weight> k_heads;  // a head's key part transposed, [rank, nope]; else empty
  std::vector<Weight> v_heads;  // a head's value part, [v, rank]; else empty
};

/// Where modules take their parameters from, under the names published Hugging Face checkpoints
/// use: a mapped checkpoint, a GGUF file, an initialiser.
class ParamSource {
 public:
  virtual ~ParamSource() = default;

  enum class Use { linear, gather };

  /// A matrix [rows, cols] in the layout its use wants. Throws bad_file naming file and tensor when
  /// it is missing or has another shape.
  virtual Weight weight(const std::string& name, int64_t rows, int64_t cols, Use use) = 0;
  /// A vector [size] as f32.
  virtual Tensor vector(const std::string& name, int64_t size) = 0;
  /// `<prefix>.kv_b_proj.weight` in either form.
  virtual LatentUpWeights latent_up(const std::string& prefix, int64_t heads, int64_t nope,
                                    int64_t v, int64_t rank) = 0;
  virtual bool has(const std::string& name) const = 0;

  /// A vector that is never trained.
  virtual Tensor buffer(const std::string& name, int64_t size) { return vector(name, size); }
  /// A router's matrix [experts, hidden], which computes in f32 whatever the model's type.
  virtual Weight router(const std::string& name, int64_t rows, int64_t cols) {
    return weight(name, rows, cols, Use::linear);
  }
  /// What a message calls a parameter: the file and the tensor's name there.
  virtual std::string described(const std::string& name) const { return "tensor " + name; }
  /// The caller has taken what it needs from a weight that this source gave, or from rows of one:
  /// its mapped pages may leave memory. They stay readable.
  virtual void release(const Weight& /*raw*/) {}
  /// A weight that the caller derived from others, in the layout the linear kernels want.
  virtual Weight placed(Weight derived) { return derived; }
};

}  // namespace deepseek
