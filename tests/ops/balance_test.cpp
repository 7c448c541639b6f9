// SPDX-License-Identifier: Apache-2.0
#include "ops/balance.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/json.h"
#include "formats/safetensors.h"
#include "ops/linear.h"
#include "ops/tape.h"
#include "tests/support/gradient_check.h"
#include "tests/support/shared_data.h"

namespace deepseek {
namespace {

using testing::expect_op;
using testing::random_tensor;
using testing::Values;

Routing chosen_experts(int64_t tokens, int64_t experts_per_token,
                       const std::vector<int32_t>& indices) {
  return {experts_per_token, indices, Tensor::zeros({tokens, experts_per_token})};
}

TEST(Balance, LossAndGradientEqualTheDefinition) {
  const std::vector<Span> spans{{0, 3}, {3, 2}};
  const std::vector<int32_t> indices{0, 1, 0, 2, 1, 2, 0, 3, 0, 3};
  const Routing routing = chosen_experts(5, 2, indices);
  for (const auto scoring : {RouterScoring::softmax, RouterScoring::sigmoid})
    expect_op(
        {random_tensor({5, 4}, 3)},
        [&](const auto& x) { return balance_loss(x[0], routing, spans, scoring, 0.3); },
        [&](const auto& x) {
          double loss = 0;
          for (const Span& span : spans)
            for (int64_t e = 0; e < 4; ++e) {
              double count = 0, mean = 0;
              for (int64_t t = span.first_row; t < span.first_row + span.length; ++t) {
                for (int64_t k = 0; k < 2; ++k)
                  count += indices[static_cast<size_t>(2 * t + k)] == e;
                double own = 0, sum = 0;
                for (int64_t j = 0; j < 4; ++j) {
                  const double z = x[0][static_cast<size_t>(4 * t + j)];
                  const double s =
                      scoring == RouterScoring::softmax ? std::exp(z) : 1 / (1 + std::exp(-z));
                  sum += s;
                  if (j == e) own = s;
                }
                mean += own / sum;
              }
              const double length = static_cast<double>(span.length);
              loss += 4 / (2 * length) * count * mean / length;
            }
          return Values{0.3 * loss / 2};
        },
        1e-6);
}

TEST(Balance, BiasMovesTowardsTheMeanLoad) {
  const Tensor bias = Tensor::from({4}, std::vector<float>{0, 1, 2, 3});
  const Tensor out = bias_update(bias, std::vector<int64_t>{1, 2, 3, 2}, 0.5);
  EXPECT_EQ(out.data()[0], 0.5f);
  EXPECT_EQ(out.data()[1], 1);
  EXPECT_EQ(out.data()[2], 1.5f);
  EXPECT_EQ(out.data()[3], 3);
}

TEST(Balance, RefusesSpansThatDoNotCoverTheRows) {
  const Routing routing = chosen_experts(3, 1, {0, 1, 0});
  const Tensor logits = random_tensor({3, 2}, 1);
  const auto loss = [&](const std::vector<Span>& spans) {
    return balance_loss(logits, routing, spans, RouterScoring::softmax, 1);
  };
  EXPECT_NO_THROW(loss({{0, 3}}));
  EXPECT_THROW(loss({{0, 2}}), Error);
  EXPECT_THROW(loss({{0, 0}, {0, 3}}), Error);
}

/// Largest value of a tensor, for tolerances relative to it.
double largest(const Tensor& x) {
  double out = 0;
  for (const float v : x.values()) out = std::max(out, std::abs(double{v}));
  return out;
}

TEST(Balance, EqualsTheReference) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden");
  for (const std::string model : {"deepseek_moe", "deepseek_moe_norm", "v3_noyarn"}) {
    SCOPED_TRACE(model);
    const auto manifest =
        nlohmann::json::parse(testing::read_data(golden / model / "manifest.json"));
    const auto scoring = manifest["balance"]["scores"] == "sigmoid" ? RouterScoring::sigmoid
                                                                    : RouterScoring::softmax;
    const auto weights = SafetensorsFile::open(golden / model / "model.safetensors");
    const auto tensors = SafetensorsFile::open(golden / model / "golden.safetensors");
    int compared = 0;
    for (int layer = 0; layer < 8; ++layer) {
      const std::string number = std::to_string(layer);
      const std::string loss_name = "a.aux_loss." + number;
      if (tensors.find(loss_name) == nullptr) continue;
      ++compared;
      const Tensor input = as_parameter(tensors.tensor("a.moe." + number + ".input"));
      const Tensor gate =
          as_parameter(weights.tensor("model.layers." + number + ".mlp.gate.weight"));
      const Tensor chosen = tensors.tensor("a.moe." + number + ".indices");
      Routing routing = chosen_experts(chosen.dim(0), chosen.dim(1), {});
      for (int64_t i = 0; i < chosen.numel(); ++i)
        routing.indices.push_back(static_cast<int32_t>(chosen.data_i64()[i]));
      const int64_t length = chosen.dim(0) / 2;
      const std::vector<Span> spans{{0, length}, {length, length}};

      Tape tape;
      const Tensor logits = linear(input, Weight::from_tensor(gate));
      const Tensor loss =
          balance_loss(logits, routing, spans, scoring, manifest["balance"]["alpha"]);
      const auto f64 = [&](const std::string& name, int64_t i) {
        return reinterpret_cast<const double*>(tensors.tensor(name).bytes())[i];
      };
      EXPECT_NEAR(loss.item(), f64(loss_name, 0), 1e-6 * f64(loss_name, 0));
      const BalanceTerms terms = balance_terms(logits, routing, spans, scoring);
      for (size_t i = 0; i < terms.f.size(); ++i) {
        EXPECT_NEAR(terms.f[i], f64(loss_name + ".f", static_cast<int64_t>(i)), 1e-9);
        EXPECT_NEAR(terms.p[i], f64(loss_name + ".P", static_cast<int64_t>(i)), 1e-6);
      }
      tape.backward(loss);
      for (const auto& [name, parameter] : {std::pair{"grad_gate", gate}, {"grad_input", input}}) {
        const Tensor want = tensors.tensor(loss_name + "." + name);
        testing::expect_close(tape.grad(parameter), {want.values().begin(), want.values().end()},
                              1e-4, name);
        EXPECT_GT(largest(want), 0);
      }

      const std::string update = "a.bias_update." + number;
      if (tensors.find(update + ".before") == nullptr) continue;
      const std::vector<int64_t> counts = expert_counts(routing, gate.dim(0));
      for (size_t e = 0; e < counts.size(); ++e)
        EXPECT_EQ(counts[e], tensors.tensor(update + ".counts").data_i64()[e]);
      const Tensor after = bias_update(tensors.tensor(update + ".before"), counts,
                                       manifest["balance"]["bias_speed"]);
      for (int64_t e = 0; e < after.numel(); ++e)
        EXPECT_NEAR(after.data()[e], tensors.tensor(update + ".after").data()[e], 1e-7);
    }
    EXPECT_GE(compared, 1);
  }
}

}  // namespace
}  // namespace deepseek
