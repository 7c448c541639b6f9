// SPDX-License-Identifier: Apache-2.0
#include "ops/router.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/json.h"
#include "formats/safetensors.h"
#include "tests/support/gradient_check.h"
#include "tests/support/shared_data.h"

namespace deepseek {
namespace {

using testing::expect_op;
using testing::random_tensor;
using testing::Values;

Tensor vector_of(const std::vector<float>& values) {
  return Tensor::from({static_cast<int64_t>(values.size())}, values);
}

Tensor row_of(const std::vector<float>& values) {
  return Tensor::from({1, static_cast<int64_t>(values.size())}, values);
}

RouterConfig v3_config() {
  RouterConfig config;
  config.n_routed_experts = 6;
  config.num_experts_per_tok = 2;
  config.n_group = 3;
  config.topk_group = 2;
  config.scoring = RouterScoring::sigmoid;
  config.topk_method = RouterMethod::noaux_tc;
  config.norm_topk_prob = true;
  config.routed_scaling_factor = 2.5;
  return config;
}

TEST(Router, WeightsAndTheirGradientsEqualTheDefinition) {
  for (const auto scoring : {RouterScoring::softmax, RouterScoring::sigmoid})
    for (const bool normalise : {false, true}) {
      RouterConfig config;
      config.n_routed_experts = 6;
      config.num_experts_per_tok = 3;
      config.scoring = scoring;
      config.norm_topk_prob = normalise;
      config.routed_scaling_factor = 1.7;
      const Tensor logits = random_tensor({4, 6}, 5, 2);
      const std::vector<int32_t> indices = route(logits, Tensor(), config).indices;
      const bool scaled = scoring == RouterScoring::sigmoid || !normalise;
      expect_op(
          {logits}, [&](const auto& x) { return route(x[0], Tensor(), config).weights; },
          [&](const auto& x) {
            Values out;
            for (size_t t = 0; t < 4; ++t) {
              Values s;
              double total = 0;
              for (size_t e = 0; e < 6; ++e) {
                const double z = x[0][t * 6 + e];
                s.push_back(scoring == RouterScoring::softmax ? std::exp(z)
                                                              : 1 / (1 + std::exp(-z)));
                total += s.back();
              }
              if (scoring == RouterScoring::softmax)
                for (double& v : s) v /= total;
              double sum = 0;
              for (size_t k = 0; k < 3; ++k) sum += s[static_cast<size_t>(indices[t * 3 + k])];
              for (size_t k = 0; k < 3; ++k)
                out.push_back(s[static_cast<size_t>(indices[t * 3 + k])] / (normalise ? sum : 1) *
                              (scaled ? 1.7 : 1));
            }
            return out;
          },
          2e-6);
    }
}

TEST(Router, TiesGoToTheLowerIndex) {
  RouterConfig config;
  config.n_routed_experts = 5;
  config.num_experts_per_tok = 2;
  const Routing routing = route(row_of({0, 1, 1, 1, 0}), Tensor(), config);
  EXPECT_EQ(routing.indices, (std::vector<int32_t>{1, 2}));
}

TEST(Router, AGroupIsWorthItsTwoBestAndBiasOnlyChooses) {
  // Group sums of the two best biased scores: 1.0, 1.3, 1.2; the best single expert is in group 0.
  const auto logit = [](double p) { return static_cast<float>(std::log(p / (1 - p))); };
  const Tensor logits =
      row_of({logit(0.95), logit(0.05), logit(0.6), logit(0.7), logit(0.55), logit(0.4)});
  const Tensor bias = vector_of({0, 0, 0, 0, 0, 0.25f});
  const Routing routing = route(logits, bias, v3_config());
  EXPECT_EQ(routing.indices, (std::vector<int32_t>{3, 5}));
  EXPECT_NEAR(routing.weights.data()[0], 2.5 * 0.7 / 1.1, 1e-6);
  EXPECT_NEAR(routing.weights.data()[1], 2.5 * 0.4 / 1.1, 1e-6);
}

TEST(Router, NegativeBiasedScoresStillBeatExcludedGroups) {
  const Tensor bias = vector_of({-3, -3, -3, -3, -9, -9});
  const Routing routing = route(row_of({0, 0, 1, 1, 2, 2}), bias, v3_config());
  EXPECT_EQ(routing.indices, (std::vector<int32_t>{2, 3}));
}

TEST(Router, NonFiniteLogitsStillGiveDistinctExperts) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  for (const float bad : {nan, inf, -inf}) {
    const Routing routing = route(row_of({bad, bad, bad, bad, bad, bad}), Tensor(), v3_config());
    EXPECT_EQ(routing.indices, (std::vector<int32_t>{0, 1}));
  }
}

TEST(Router, RefusesNumbersThatDoNotFit) {
  const Tensor logits = random_tensor({2, 6}, 1);
  const auto refuses = [&](auto change) {
    RouterConfig config = v3_config();
    change(config);
    EXPECT_THROW(route(logits, Tensor(), config), Error);
  };
  refuses([](RouterConfig& c) { c.num_experts_per_tok = 0; });
  refuses([](RouterConfig& c) { c.num_experts_per_tok = 7; });
  refuses([](RouterConfig& c) { c.n_group = 4; });
  refuses([](RouterConfig& c) { c.n_group = 0; });
  refuses([](RouterConfig& c) { c.topk_group = 4; });
  refuses([](RouterConfig& c) {
    c.topk_group = 1;
    c.num_experts_per_tok = 3;
  });
  refuses([](RouterConfig& c) { c.n_routed_experts = 8; });
  EXPECT_THROW(route(logits, vector_of({1, 2}), v3_config()), Error);
}

TEST(Router, EqualsTheReferenceOfEveryFamily) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden");
  for (const char* model : {"deepseek_moe", "deepseek_moe_norm", "v2_full", "v2_lite", "v3_mtp",
                            "v3_noyarn", "v3_one_group", "v3_yarn", "v32"}) {
    SCOPED_TRACE(model);
    const auto json = nlohmann::json::parse(testing::read_data(golden / model / "config.json"));
    const std::string type = json["model_type"], method = json.value("topk_method", "");
    const bool v3 = type == "deepseek_v3" || type == "deepseek_v32";
    RouterConfig config;
    config.n_routed_experts = json["n_routed_experts"];
    config.num_experts_per_tok = json["num_experts_per_tok"];
    config.n_group = json.value("n_group", 1);
    config.topk_group = json.value("topk_group", 1);
    config.norm_topk_prob = json.value("norm_topk_prob", v3);
    config.routed_scaling_factor = json.value("routed_scaling_factor", v3 ? 2.5 : 1.0);
    config.scoring = v3 ? RouterScoring::sigmoid : RouterScoring::softmax;
    if (v3) config.topk_method = RouterMethod::noaux_tc;
    if (method == "group_limited_greedy") config.topk_method = RouterMethod::group_limited_greedy;
    const auto weights = SafetensorsFile::open(golden / model / "model.safetensors");
    const auto tensors = SafetensorsFile::open(golden / model / "golden.safetensors");
    int compared = 0;
    for (int layer = 0; layer < json["num_hidden_layers"].get<int>(); ++layer)
      for (const std::string which : {"a", "b"}) {
        const std::string prefix = which + ".moe." + std::to_string(layer) + ".";
        if (tensors.find(prefix + "logits") == nullptr) continue;
        const std::string bias_name =
            "model.layers." + std::to_string(layer) + ".mlp.gate.e_score_correction_bias";
        const Tensor bias =
            weights.find(bias_name) != nullptr ? weights.tensor(bias_name) : Tensor();
        const Routing got = route(tensors.tensor(prefix + "logits"), bias, config);
        const Tensor want = tensors.tensor(prefix + "weights");
        const int64_t* indices = tensors.tensor(prefix + "indices").data_i64();
        for (int64_t i = 0; i < want.numel(); ++i) {
          ASSERT_EQ(got.indices[static_cast<size_t>(i)], indices[i]) << prefix << i;
          ASSERT_NEAR(got.weights.data()[i], want.data()[i], 1e-5) << prefix << i;
        }
        ++compared;
      }
    EXPECT_GE(compared, 2);
  }
}

}  // namespace
}  // namespace deepseek
