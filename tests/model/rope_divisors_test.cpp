// SPDX-License-Identifier: Apache-2.0
#include "model/rope_divisors.h"

#include <gtest/gtest.h>

#include "model/gguf_config.h"
#include "model/hf_config.h"
#include "tests/support/shared_data.h"

namespace deepseek {
namespace {

TEST(RopeDivisors, EqualThoseStoredInAGgufFile) {
  DEEPSEEK_SHARED_OR_SKIP(folder, "golden/gguf/llama_distill-Q4_0");
  const std::vector<float> stored =
      config_from_gguf(GgufFile::open(folder / "model.gguf")).rope_scaling.frequency_divisors;
  const ModelConfig config =
      config_from_json(testing::read_data(folder / "hf_config.json"), "hf_config.json");
  const std::vector<float> got =
      llama3_divisors(config.rope_scaling, config.rope_theta, config.head_dim);
  ASSERT_EQ(got.size(), stored.size());
  // The file holds quotients of frequencies rounded to f32.
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], stored[i], 1e-6 * stored[i]) << i;
  EXPECT_EQ(llama3_from_divisors(stored, config.rope_theta, config.head_dim), config.rope_scaling);
}

TEST(RopeDivisors, OfPublishedModelsLeadBackToTheirScaling) {
  RopeScaling scaling;
  scaling.type = RopeScaling::Type::llama3;
  for (const double factor : {8.0, 32.0}) {
    scaling.factor = factor;
    scaling.original_max_position_embeddings = 8192;
    EXPECT_EQ(llama3_from_divisors(llama3_divisors(scaling, 500000, 128), 500000, 128), scaling);
  }
}

TEST(RopeDivisors, ThatNoScalingGivesAreNotMistaken) {
  EXPECT_FALSE(llama3_from_divisors({}, 10000, 8));
  EXPECT_FALSE(llama3_from_divisors({1, 1, 1, 1}, 10000, 8));
  EXPECT_FALSE(llama3_from_divisors({3, 1, 3, 1}, 10000, 8));
}

}  // namespace
}  // namespace deepseek
