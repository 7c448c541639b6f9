// SPDX-License-Identifier: Apache-2.0
#include "model/lora.h"

#include <set>

#include "model/adapter.h"
#include "ops/tape.h"

namespace deepseek {

std::vector<NamedParameter> attach_lora(Transformer& model, const std::filesystem::path& folder,
                                        bool trainable) {
  const auto pairs = place_adapter(read_peft_adapter(folder), model.config());
  std::vector<NamedParameter> parameters;
  std::set<std::string> attached;
  model.each_linear([&](Linear& linear) {
    const auto found = pairs.find(linear.name());
    if (found == pairs.end()) return;
    Tensor a = found->second.a.to_f32(), b = found->second.b.to_f32();
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
  for (const auto& [name, pair] : pairs)
    if (!attached.contains(name))
      fail(ErrorKind::unsupported, folder.string(), ": the adapter updates ", name,
           ", and updates beside routed experts, the embedding or the head are not computed here; "
           "merge the adapter into the checkpoint");
  return parameters;
}

}  // namespace deepseek
