// SPDX-License-Identifier: Apache-2.0
#include "model/parameters.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "formats/checkpoint.h"
#include "model/hf_config.h"
#include "tests/support/shared_data.h"

namespace deepseek {
namespace {

TEST(ListParameters, SumsToTheCountOfEveryPublishedConfig) {
  const auto folder = std::filesystem::path(DEEPSEEK_SOURCE_DIR) / "tests/data/configs";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const ModelConfig config =
        config_from_json(testing::read_data(entry.path()), entry.path().string());
    int64_t sum = 0;
    for (const ParameterSpec& spec : list_parameters(config)) sum += spec.numel();
    const ParameterCount count = count_parameters(config);
    EXPECT_EQ(sum, count.total + count.mtp + count.mtp_projection) << entry.path();
  }
}

TEST(ListParameters, NamesExactlyTheTensorsOfEveryGoldenCheckpoint) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden");
  for (const char* model :
       {"llama_mha", "llama_gqa", "llama_linear_rope", "llama_llama3_rope", "qwen2_tied",
        "qwen2_untied", "deepseek_moe", "deepseek_moe_norm", "v2_full", "v2_lite", "v3_yarn",
        "v3_noyarn", "v3_one_group", "v3_mtp", "v3_yarn-bf16", "v3_yarn-fp8"}) {
    SCOPED_TRACE(model);
    const Checkpoint checkpoint = Checkpoint::open(golden / model);
    std::set<std::string> expected, got;
    for (const ParameterSpec& spec : list_parameters(read_hf_config(golden / model))) {
      expected.insert(spec.name);
      const SafetensorsEntry* entry = checkpoint.find(spec.name);
      ASSERT_NE(entry, nullptr) << spec.name;
      EXPECT_EQ(entry->shape, spec.shape) << spec.name;
    }
    for (const std::string_view name : checkpoint.names())
      if (!name.ends_with("_scale_inv") && !name.ends_with("shared_head.head.weight") &&
          !(name.starts_with("model.layers.") && name.ends_with("embed_tokens.weight")))
        got.emplace(name);
    EXPECT_EQ(got, expected);
  }
}

}  // namespace
}  // namespace deepseek
