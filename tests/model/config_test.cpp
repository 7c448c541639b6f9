// SPDX-License-Identifier: Apache-2.0
#include "model/config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "core/error.h"
#include "model/hf_config.h"
#include "tests/support/shared_data.h"

namespace deepseek {
namespace {

ModelConfig published(const std::string& name) {
  const std::filesystem::path path =
      std::filesystem::path(DEEPSEEK_SOURCE_DIR) / "tests/data/configs" / (name + ".json");
  return config_from_json(testing::read_data(path), path.string());
}

double billions(int64_t parameters, double unit) {
  return std::round(static_cast<double>(parameters) / (1e9 * unit)) * unit;
}

TEST(CountParameters, OfPublishedConfigsEqualThePublishedTotals) {
  const std::pair<const char*, double> table[] = {
      {"deepseek-llm-7b", 6.910},
      {"deepseek-llm-67b", 67.425},
      {"deepseek-moe-16b", 16.376},
      {"deepseek-coder-1.3b", 1.346},
      {"deepseek-coder-6.7b", 6.741},
      {"deepseek-coder-33b", 33.343},
      {"deepseek-v2-lite", 15.706},
      {"deepseek-v2", 235.741},
      {"deepseek-v3", 671.026},
      {"deepseek-r1-distill-qwen-1.5b", 1.777},
      {"deepseek-r1-distill-qwen-7b", 7.616},
      {"deepseek-r1-distill-qwen-14b", 14.770},
      {"deepseek-r1-distill-qwen-32b", 32.764},
      {"deepseek-r1-distill-llama-8b", 8.030},
      {"deepseek-r1-distill-llama-70b", 70.554},
  };
  for (const auto& [name, total] : table)
    EXPECT_NEAR(billions(count_parameters(published(name)).total, 0.001), total, 1e-9) << name;
}

TEST(CountParameters, CountsOnlyChosenExpertsAsActive) {
  EXPECT_NEAR(billions(count_parameters(published("deepseek-moe-16b")).active, 0.01), 2.83, 1e-9);
  const ParameterCount dense = count_parameters(published("deepseek-llm-7b"));
  EXPECT_EQ(dense.active, dense.total);
}

TEST(CountParameters, CountsTheMtpLayerApart) {
  const ParameterCount v3 = count_parameters(published("deepseek-v3"));
  EXPECT_NEAR(billions(v3.mtp, 0.1), 11.5, 1e-9);
  EXPECT_EQ(v3.mtp_projection, 2 * 7168 * 7168 + 3 * 7168);
  EXPECT_EQ(count_parameters(published("deepseek-v2")).mtp, 0);
}

TEST(Validate, CallsFieldsWhatTheFileCallsThem) {
  ModelConfig config = published("deepseek-llm-7b");
  config.num_key_value_heads = 5;
  const std::vector<FieldSpelling> spellings{
      {"num_key_value_heads", "llama.attention.head_count_kv"},
      {"num_attention_heads", "llama.attention.head_count"}};
  try {
    config.validate("m.gguf", spellings);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "m.gguf: llama.attention.head_count_kv: expected a divisor of "
                 "llama.attention.head_count 32, got 5; correct it, or take the file from the "
                 "model's publication");
  }
}

}  // namespace
}  // namespace deepseek
