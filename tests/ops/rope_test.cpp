// SPDX-License-Identifier: Apache-2.0
#include "ops/rope.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/json.h"
#include "tests/support/gradient_check.h"
#include "tests/support/shared_data.h"

namespace deepseek {
namespace {

using testing::expect_op;
using testing::random_tensor;
using testing::Values;

TEST(Rope, EqualsItsDefinitionInBothPairings) {
  const std::vector<int32_t> positions{0, 3, 70000};
  const RopeFrequencies frequencies{{1.0f, 0.1f, 0.001f}, 1.25f};
  for (const auto pairing : {RopePairing::half, RopePairing::interleaved}) {
    const bool half = pairing == RopePairing::half;
    expect_op(
        {random_tensor({3, 2, 6}, 1)},
        [&](const auto& x) { return rope(x[0], positions, frequencies, pairing); },
        [&](const auto& x) {
          Values out(x[0].size());
          for (size_t row = 0; row < 6; ++row)
            for (size_t i = 0; i < 3; ++i) {
              const float angle = static_cast<float>(positions[row / 2]) * frequencies.inv_freq[i];
              const double c = 1.25 * std::cos(double{angle}), s = 1.25 * std::sin(double{angle});
              const size_t a = row * 6 + (half ? i : 2 * i), b = a + (half ? 3 : 1);
              out[a] = x[0][a] * c - x[0][b] * s;
              out[b] = x[0][b] * c + x[0][a] * s;
            }
          return out;
        },
        1e-6);
  }
}

RopeScaling scaling_of(const nlohmann::json& config) {
  RopeScaling out;
  const auto& s = config.value("rope_scaling", nlohmann::json());
  if (s.is_null()) return out;
  const std::string type = s.contains("type") ? s["type"] : s["rope_type"];
  out.type = type == "linear"   ? RopeScaling::Type::linear
             : type == "llama3" ? RopeScaling::Type::llama3
                                : RopeScaling::Type::yarn;
  out.factor = s.value("factor", 1.0);
  out.original_max_position_embeddings = s.value("original_max_position_embeddings", 0.0);
  out.low_freq_factor = s.value("low_freq_factor", 1.0);
  out.high_freq_factor = s.value("high_freq_factor", 4.0);
  out.beta_fast = s.value("beta_fast", 32.0);
  out.beta_slow = s.value("beta_slow", 1.0);
  if (s.contains("mscale")) out.mscale = s["mscale"];
  if (s.contains("mscale_all_dim")) out.mscale_all_dim = s["mscale_all_dim"];
  return out;
}

TEST(Rope, FrequenciesEqualTheReferenceOfEveryFamily) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden");
  for (const char* model :
       {"deepseek_moe", "llama_gqa", "llama_linear_rope", "llama_llama3_rope", "llama_mha",
        "qwen2_tied", "qwen2_untied", "v2_full", "v2_lite", "v3_noyarn", "v3_yarn"}) {
    SCOPED_TRACE(model);
    const auto config = nlohmann::json::parse(testing::read_data(golden / model / "config.json"));
    const auto attention =
        nlohmann::json::parse(testing::read_data(golden / model / "manifest.json"))["attention"];
    const std::vector<double> want = attention["inv_freq"];
    const RopeScaling scaling = scaling_of(config);
    const RopeFrequencies got =
        rope_frequencies(2 * static_cast<int64_t>(want.size()), config["rope_theta"], scaling);
    EXPECT_NEAR(got.attention_scaling, attention["attention_scaling"], 1e-6);
    for (size_t i = 0; i < want.size(); ++i)
      EXPECT_NEAR(got.inv_freq[i], want[i], 2e-7 * want[i]) << i;
    if (scaling.mscale_all_dim && config.contains("qk_nope_head_dim")) {
      const double m = yarn_mscale(scaling.factor, *scaling.mscale_all_dim);
      const double dim =
          config["qk_nope_head_dim"].get<double>() + config["qk_rope_head_dim"].get<double>();
      EXPECT_NEAR(m * m / std::sqrt(dim), attention["softmax_scale_layer0"], 1e-6);
    }
  }
}

TEST(Rope, DivisorsReplaceTheRule) {
  RopeScaling scaling;
  scaling.type = RopeScaling::Type::llama3;
  scaling.factor = 8;
  scaling.frequency_divisors = {1, 4};
  const RopeFrequencies got = rope_frequencies(4, 100, scaling);
  EXPECT_FLOAT_EQ(got.inv_freq[0], 1);
  EXPECT_FLOAT_EQ(got.inv_freq[1], 0.025f);
  scaling.frequency_divisors = {1};
  EXPECT_THROW(rope_frequencies(4, 100, scaling), Error);
}

TEST(Rope, PublishedYarnCornersAreTen23) {
  RopeScaling scaling;  // DeepSeek-V3
  scaling.type = RopeScaling::Type::yarn;
  scaling.factor = 40;
  scaling.original_max_position_embeddings = 4096;
  scaling.mscale = scaling.mscale_all_dim = 1;
  const RopeFrequencies got = rope_frequencies(64, 10000, scaling);
  const RopeFrequencies plain = rope_frequencies(64, 10000, {});
  EXPECT_EQ(got.inv_freq[10], plain.inv_freq[10]);
  EXPECT_LT(got.inv_freq[11], plain.inv_freq[11]);
  EXPECT_GT(got.inv_freq[22], plain.inv_freq[22] / 40 * 1.01f);
  EXPECT_FLOAT_EQ(got.inv_freq[23], plain.inv_freq[23] / 40);
  EXPECT_EQ(got.attention_scaling, 1);
  EXPECT_NEAR(yarn_mscale(40, 1), 1.368888, 1e-6);
}

TEST(Rope, RefusesOddAndMissingDimensions) {
  EXPECT_THROW(rope_frequencies(5, 10000, {}), Error);
  const RopeFrequencies frequencies{{1.0f}, 1};
  const std::vector<int32_t> positions{0, 1};
  EXPECT_THROW(rope(random_tensor({2, 1, 4}, 1), positions, frequencies, RopePairing::half), Error);
  EXPECT_THROW(rope(random_tensor({3, 1, 2}, 1), positions, frequencies, RopePairing::half), Error);
}

}  // namespace
}  // namespace deepseek
