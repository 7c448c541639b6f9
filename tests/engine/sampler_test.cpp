// SPDX-License-Identifier: Apache-2.0
#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/json.h"
#include "engine/softmax_math.h"
#include "formats/safetensors.h"
#include "ops/exp_scaled.h"
#include "tests/support/shared_data.h"

namespace deepseek {
namespace {

SampleOptions options_of(const nlohmann::json& json) {
  SampleOptions options;
  options.temperature = json.value("temperature", options.temperature);
  options.top_k = json.value("top_k", options.top_k);
  options.top_p = json.value("top_p", options.top_p);
  options.min_p = json.value("min_p", options.min_p);
  options.repetition_penalty = json.value("repetition_penalty", options.repetition_penalty);
  options.frequency_penalty = json.value("frequency_penalty", options.frequency_penalty);
  options.presence_penalty = json.value("presence_penalty", options.presence_penalty);
  if (json.contains("logit_bias"))
    for (const auto& [token, bias] : json["logit_bias"].items())
      options.logit_bias[std::stoi(token)] = bias;
  return options;
}

std::vector<float> random_logits(size_t count, uint64_t seed, double spread = 3) {
  const CounterRandom random(seed, 0);
  std::vector<float> logits(count);
  for (size_t i = 0; i < count; ++i) logits[i] = float(spread * random.normal(i));
  return logits;
}

/// The definition, with a full sort.
std::vector<double> naive(const std::vector<float>& logits, const SampleOptions& options) {
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  if (options.top_k > 0 && size_t(options.top_k) < order.size())
    order.resize(size_t(options.top_k));
  std::vector<double> weights(logits.size(), 0);
  const auto total = [&] {
    double sum = 0;
    for (const size_t i : order) sum += weights[i];
    return sum;
  };
  for (const size_t i : order)
    weights[i] = std::exp((double(logits[i]) - logits[order[0]]) / options.temperature);
  const double all = total();
  double sum = 0;
  for (size_t i = 0; i < order.size() && options.top_p < 1; ++i) {
    sum += weights[order[i]];
    if (sum / all >= options.top_p) order.resize(i + 1);
  }
  const double largest = weights[order[0]];
  std::erase_if(order, [&](size_t i) { return weights[i] < options.min_p * largest; });
  const double kept = total();
  std::vector<double> result(logits.size(), 0);
  for (const size_t i : order) result[i] = weights[i] / kept;
  return result;
}

TEST(Sampler, EqualsTheReferenceForEveryOption) {
  DEEPSEEK_SHARED_OR_SKIP(path, "golden/sampling.json");
  const auto manifest = nlohmann::json::parse(testing::read_data(path));
  const SafetensorsFile file = SafetensorsFile::open(path.parent_path() / "sampling.safetensors");
  const Tensor logits = file.tensor("logits");
  const Tensor prompt = file.tensor("prompt_ids"), output = file.tensor("output_ids");
  for (const auto& [name, parameters] : manifest["cases"].items()) {
    SCOPED_TRACE(name);
    const Tensor expected = file.tensor(name + ".probs");
    for (int64_t row = 0; row < logits.dim(0); ++row) {
      Sampler sampler(options_of(parameters), logits.dim(1));
      for (int64_t i = 0; i < prompt.dim(1); ++i) {
        const auto token = int32_t(prompt.data_i64()[row * prompt.dim(1) + i]);
        sampler.add_prompt({&token, 1});
      }
      for (int64_t i = 0; i < output.dim(1); ++i)
        sampler.add_output(int32_t(output.data_i64()[row * output.dim(1) + i]));
      const auto got =
          sampler.probabilities({logits.data() + row * logits.dim(1), size_t(logits.dim(1))});
      for (int64_t i = 0; i < logits.dim(1); ++i) {
        const float want = expected.data()[row * logits.dim(1) + i];
        EXPECT_NEAR(got[size_t(i)], want, 1e-6);
        EXPECT_EQ(float(got[size_t(i)]) != 0, want != 0) << "row " << row << " token " << i;
      }
      EXPECT_EQ(std::count_if(got.begin(), got.end(), [](double p) { return p != 0; }),
                manifest["kept"][name][size_t(row)].get<int64_t>());
    }
  }
}

TEST(Sampler, EqualsAFullSortOnLargeVocabularies) {
  const auto logits = random_logits(20'011, 3);
  for (const int64_t top_k : {0, 1, 40, 3000})
    for (const double top_p : {1.0, 0.95, 0.3, 0.0})
      for (const double min_p : {0.0, 0.02})
        for (const double temperature : {1.0, 0.3, 5.0}) {
          SampleOptions options;
          options.top_k = top_k;
          options.top_p = top_p;
          options.min_p = min_p;
          options.temperature = temperature;
          Sampler sampler(options, int64_t(logits.size()));
          const auto got = sampler.probabilities(logits), want = naive(logits, options);
          for (size_t i = 0; i < want.size(); ++i) {
            ASSERT_NEAR(got[i], want[i], 1e-12);
            ASSERT_EQ(got[i] != 0, want[i] != 0)
                << top_k << " " << top_p << " " << min_p << " " << temperature << " token " << i;
          }
        }
}

TEST(Sampler, GreedyTakesTheLowestIdOfATie) {
  SampleOptions options;
  options.temperature = 0;
  std::vector<float> logits(100, 1.0f);
  logits[41] = logits[77] = 2.0f;
  EXPECT_EQ(Sampler(options, 100).sample(logits, 0), 41);
  options.logit_bias[99] = 1;
  EXPECT_EQ(Sampler(options, 100).sample(logits, 0), 41);
  options.logit_bias[3] = 1;
  EXPECT_EQ(Sampler(options, 100).sample(logits, 0), 3);
}

TEST(Sampler, TopKKeepsTheLowestIdsOfATie) {
  SampleOptions options;
  options.top_k = 5;
  const std::vector<float> logits(5000, 0.5f);
  const auto got = Sampler(options, 5000).probabilities(logits);
  for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], i < 5 ? 0.2 : 0.0);
}

TEST(Sampler, DrawsWithTheFrequenciesOfTheDistribution) {
  const auto logits = random_logits(700, 5, 2);
  for (const double top_p : {1.0, 0.9}) {
    SampleOptions options;
    options.top_p = top_p;
    options.seed = 11;
    Sampler sampler(options, 700);
    const auto expected = sampler.probabilities(logits);
    constexpr int draws = 20'000;
    std::vector<int> counts(700, 0);
    for (int i = 0; i < draws; ++i) ++counts[size_t(sampler.sample(logits, i))];
    double chi_squared = 0, cells = 0;
    for (size_t i = 0; i < counts.size(); ++i) {
      if (expected[i] == 0) {
        EXPECT_EQ(counts[i], 0);
        continue;
      }
      const double want = expected[i] * draws;
      chi_squared += (counts[i] - want) * (counts[i] - want) / want;
      cells += 1;
    }
    EXPECT_LT(chi_squared, cells + 5 * std::sqrt(2 * cells));
  }
}

TEST(Sampler, DrawsBySeedChoiceAndPositionAlone) {
  const auto logits = random_logits(1000, 9, 1);
  SampleOptions options;
  options.seed = 4;
  Sampler once(options, 1000), again(options, 1000);
  std::vector<int32_t> first, second, other_seed, other_choice;
  for (int i = 0; i < 32; ++i) first.push_back(once.sample(logits, i));
  for (int i = 31; i >= 0; --i) second.insert(second.begin(), again.sample(logits, i));
  EXPECT_EQ(first, second);
  options.choice = 1;
  for (int i = 0; i < 32; ++i) other_choice.push_back(Sampler(options, 1000).sample(logits, i));
  EXPECT_NE(first, other_choice);
  options = {};
  options.seed = 5;
  for (int i = 0; i < 32; ++i) other_seed.push_back(Sampler(options, 1000).sample(logits, i));
  EXPECT_NE(first, other_seed);
}

TEST(Sampler, NeverDrawsATokenOfProbabilityZero) {
  constexpr float never = -std::numeric_limits<float>::infinity();
  std::vector<float> logits(2000, never);
  logits[1500] = -3;
  for (const int64_t top_k : {0, 10}) {
    SampleOptions options;
    options.top_k = top_k;
    Sampler sampler(options, 2000);
    for (int i = 0; i < 50; ++i) ASSERT_EQ(sampler.sample(logits, i), 1500);
  }
}

TEST(Sampler, RefusesLogitsThatAreNotNumbers) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    for (const double temperature : {0.0, 1.0}) {
      std::vector<float> logits = random_logits(100, 1);
      logits[63] = bad;
      SampleOptions options;
      options.temperature = temperature;
      try {
        Sampler(options, 100).sample(logits, 0);
        ADD_FAILURE() << "accepted";
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::bad_file);
        EXPECT_NE(std::string(error.what()).find("token 63"), std::string::npos) << error.what();
      }
    }
}

TEST(Sampler, RefusesOptionsOutOfRangeByName) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto refused = [](const char* field, auto member, const auto& value) {
    SampleOptions options;
    options.*member = value;
    try {
      const Sampler sampler(options, 10);
      ADD_FAILURE() << field << " accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      EXPECT_TRUE(std::string(error.what()).starts_with(field)) << error.what();
    }
  };
  for (const double bad : {nan, -0.1, std::numeric_limits<double>::infinity()}) {
    refused("temperature", &SampleOptions::temperature, bad);
    refused("top_p", &SampleOptions::top_p, bad);
    refused("min_p", &SampleOptions::min_p, bad);
    refused("repetition_penalty", &SampleOptions::repetition_penalty, bad);
  }
  refused("repetition_penalty", &SampleOptions::repetition_penalty, 0);
  refused("frequency_penalty", &SampleOptions::frequency_penalty, nan);
  refused("presence_penalty", &SampleOptions::presence_penalty, -1e9);
  refused("top_p", &SampleOptions::top_p, 1.01);
  refused("top_k", &SampleOptions::top_k, -1);
  refused("logit_bias", &SampleOptions::logit_bias, std::map<int32_t, double>{{10, 1.0}});
  refused("logit_bias", &SampleOptions::logit_bias, std::map<int32_t, double>{{3, nan}});
}

TEST(LogProbabilities, AreTheLogSoftmaxOfTheRawLogits) {
  const auto logits = random_logits(5000, 21);
  double total = 0;
  for (const float v : logits) total += std::exp(double(v));
  const Logprobs got = log_probabilities(logits, 17, 5);
  EXPECT_EQ(got.chosen.token, 17);
  EXPECT_NEAR(got.chosen.logprob, logits[17] - std::log(total), 1e-12);
  std::vector<float> sorted = logits;
  std::sort(sorted.rbegin(), sorted.rend());
  ASSERT_EQ(got.best.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(logits[size_t(got.best[i].token)], sorted[i]);
    EXPECT_NEAR(got.best[i].logprob, sorted[i] - std::log(total), 1e-12);
  }
  const Logprobs tied = log_probabilities(std::vector<float>(4, 1.0f), 3, 2);
  EXPECT_EQ(tied.best[0].token, 0);
  EXPECT_EQ(tied.best[1].token, 1);
  EXPECT_NEAR(tied.chosen.logprob, -std::log(4.0), 1e-15);
}

TEST(SoftmaxMath, ExpIsWithinTwoUlpOfExact) {
  std::vector<double> values;
  for (double x = 0; x > -720; x -= 0.0371) values.push_back(x);
  std::vector<double> got = values;
  exp_scaled(got, 0, 1);
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] < -708) {
      EXPECT_EQ(got[i], 0);
      continue;
    }
    const double want = std::exp(values[i]);
    EXPECT_NEAR(got[i], want, 2 * want * std::numeric_limits<double>::epsilon()) << values[i];
  }
  EXPECT_EQ(got[0], 1);
}

}  // namespace
}  // namespace deepseek
