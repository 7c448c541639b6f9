// SPDX-License-Identifier: Apache-2.0
#include "model/lora.h"

#include <algorithm>
#include <set>

#include "formats/peft.h"
#include "ops/tape.h"

namespace deepseek {
namespace {

/// Rows of an update for q or k in the order of a checkpoint whose rotary pairs are neighbours:
/// within a head [2, d/2] becomes [d/2, 2].
Tensor interleave_pairs(const Tensor& b, int64_t head_dim) {
  const Tensor out = Tensor::empty(b.shape());
  const int64_t width = b.dim(1), half = head_dim / 2;
  for (int64_t row = 0; row < b.dim(0); ++row) {
    const int64_t head = row / head_dim, i = row % head_dim;
    const int64_t to = head * head_dim + (i % half) * 2 + i / half;
    std::copy_n(b.data() + row * width, width, out.data() + to * width);
  }
  return out;
}

bool is_rotated(const std::string& name) {
  return name.ends_with(".q_proj") || name.ends_with(".k_proj");
}

}  // namespace

std::vector<NamedParameter> attach_lora(Transformer& model, const std::filesystem::path& folder,
                                        bool trainable) {
  const PeftAdapter adapter = read_peft_adapter(folder);
  const ModelConfig& config = model.config();
  const bool neighbours =
      config.attention == AttentionKind::gqa && config.rope_pairing == RopePairing::interleaved;
  std::vector<NamedParameter> parameters;
  std::set<std::string> attached;
  model.each_linear([&](Linear& linear) {
    const auto found = adapter.pairs.find(linear.name());
    if (found == adapter.pairs.end()) return;
    Tensor a = found->second.a.to_f32(), b = found->second.b.to_f32();
    if (neighbours && is_rotated(linear.name()) && b.dim(0) % config.head_dim == 0)
      b = interleave_pairs(b, config.head_dim);
    if (trainable) {
      const std::string name = "base_model.model." + linear.name();
      a = as_parameter(a);
      b = as_parameter(b);
      parameters.push_back({name + ".lora_A.weight", a});
      parameters.push_back({name + ".lora_B.weight", b});
    }
    linear.attach({Weight::from_tensor(a), Weight::from_tensor(b), found->second.scale});
    attached.insert(linear.name());
  });
  for (const auto& [name, pair] : adapter.pairs)
    if (!attached.contains(name))
      fail(ErrorKind::invalid_input, folder.string(), ": the adapter updates ", name,
           ", which this model does not have as a linear map; use the adapter of this very model");
  return parameters;
}

}  // namespace deepseek
