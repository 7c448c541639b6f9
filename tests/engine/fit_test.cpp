// SPDX-License-Identifier: Apache-2.0
#include "engine/fit.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "engine/predict_speed.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

constexpr int64_t gibibyte = int64_t{1} << 30;

/// A folder that holds the config.json of a published model and no weights.
class ConfigAlone {
 public:
  explicit ConfigAlone(const std::string& name) {
    folder_.write("config.json", testing::read_data(std::filesystem::path(DEEPSEEK_SOURCE_DIR) /
                                                    "tests/data/configs" / (name + ".json")));
    files_ = CheckpointFiles::open(folder_.path());
    config_ = files_.read_config();
  }
  const ModelConfig& config() const { return config_; }
  Fit fit(int64_t available_bytes, const TextModelOptions& options) const {
    return examine_fit(files_, config_, options, {available_bytes, available_bytes});
  }

 private:
  testing::TemporaryFolder folder_;
  CheckpointFiles files_;
  ModelConfig config_;
};

TextModelOptions with_context(int64_t context) {
  TextModelOptions options;
  options.context = context;
  options.cache_bytes = 0;
  return options;
}

TEST(Fit, WeighsWeightsAndCacheAgainstMemory) {
  const ConfigAlone v3("deepseek-v3");
  const Fit fit = v3.fit(1024 * gibibyte, with_context(4096));
  EXPECT_EQ(fit.verdict, Fit::Verdict::fits);
  EXPECT_FALSE(fit.weights_are_there);
  EXPECT_EQ(fit.weights.placement, Placement::native);
  EXPECT_NEAR(static_cast<double>(fit.weights.file_bytes), 685e9, 5e9);
  // A panel holds a scale of each of its 16 outputs for every 128 columns: 64 bytes beside 2048.
  EXPECT_NEAR(static_cast<double>(fit.native_bytes), 685e9 * (1 + 64.0 / 2048), 5e9);
  EXPECT_EQ(fit.cache.token_bytes, 61 * 576 * 2);
  EXPECT_EQ(fit.total_bytes(),
            fit.native_bytes + fit.cache.bytes + fit.scratch_bytes + fit.adapter_bytes);
}

TEST(Fit, WeightsLargerThanMemoryAreMapped) {
  const ConfigAlone v3("deepseek-v3");
  const Fit fit = v3.fit(128 * gibibyte, with_context(4096));
  EXPECT_EQ(fit.verdict, Fit::Verdict::mapped);
  EXPECT_EQ(fit.weights.placement, Placement::mapped);
  EXPECT_GT(fit.weights.mapped_bytes, 600 * gibibyte);
  EXPECT_LT(fit.total_bytes(), 128 * gibibyte);
}

TEST(Fit, TheReferenceIsNeverMapped) {
  const ConfigAlone model("deepseek-llm-7b");
  TextModelOptions options = with_context(1024);
  options.precision = Precision::f32;
  EXPECT_EQ(model.fit(16 * gibibyte, options).verdict, Fit::Verdict::too_large);
  EXPECT_EQ(model.fit(64 * gibibyte, options).verdict, Fit::Verdict::fits);
}

TEST(Fit, ACacheThatDoesNotFitNamesTheContextThatDoes) {
  const ConfigAlone model("deepseek-llm-7b");
  TextModelOptions options = with_context(4096);
  options.cache_bytes = 64 * gibibyte;
  const int64_t available = 16 * gibibyte;
  const Fit fit = model.fit(available, options);
  EXPECT_EQ(fit.verdict, Fit::Verdict::too_large);
  ASSERT_GT(fit.longest_context, 0);
  options.cache_bytes = fit.longest_context * fit.cache.token_bytes;
  options.context = fit.longest_context;
  EXPECT_EQ(model.fit(available, options).verdict, Fit::Verdict::fits);
}

TEST(Fit, RefusesAContextBeyondTheModel) {
  const ConfigAlone model("deepseek-llm-7b");
  EXPECT_THROW(model.fit(64 * gibibyte, with_context(1 << 20)), Error);
}

constexpr MachineSpeed machine{100e9, 2e12, 8e12, 2e9};

double decode_speed(const ConfigAlone& model, const Fit& fit, int64_t depth,
                    const MachineSpeed& speed) {
  return predict_speed(model.config(), fit, {SpeedCase::Kind::decode, depth, 1}, speed)
      .value()
      .tokens_per_s;
}

TEST(PredictSpeed, DecodingIsBoundByTheWeightsATokenReads) {
  const ConfigAlone dense("deepseek-llm-7b");
  const Fit fit = dense.fit(64 * gibibyte, with_context(4096));
  const PredictedSpeed speed =
      *predict_speed(dense.config(), fit, {SpeedCase::Kind::decode, 0, 1}, machine);
  EXPECT_EQ(speed.bound, PredictedSpeed::Bound::memory);
  const double at_most =
      machine.read_bytes_per_s / bytes_read_per_token(fit.weights, dense.config());
  EXPECT_LT(speed.tokens_per_s, at_most);
  EXPECT_GT(speed.tokens_per_s, at_most / 2);
  MachineSpeed twice = machine;
  twice.read_bytes_per_s *= 2;
  EXPECT_GT(decode_speed(dense, fit, 0, twice), 1.9 * speed.tokens_per_s);
  EXPECT_LT(decode_speed(dense, fit, 4000, machine), speed.tokens_per_s);
}

TEST(PredictSpeed, OfExpertsThoseCountThatATokenChose) {
  // 16.4 billion parameters of which 2.8 are active, against 6.9 that all are.
  const ConfigAlone moe("deepseek-moe-16b"), dense("deepseek-llm-7b");
  const Fit of_moe = moe.fit(64 * gibibyte, with_context(4096));
  const Fit of_dense = dense.fit(64 * gibibyte, with_context(4096));
  EXPECT_GT(decode_speed(moe, of_moe, 0, machine), 2 * decode_speed(dense, of_dense, 0, machine));
}

TEST(PredictSpeed, PrefillIsBoundByArithmetic) {
  const ConfigAlone model("deepseek-llm-7b");
  const Fit fit = model.fit(64 * gibibyte, with_context(4096));
  const SpeedCase prefill{SpeedCase::Kind::prefill, 0, 512};
  const PredictedSpeed speed = *predict_speed(model.config(), fit, prefill, machine);
  EXPECT_EQ(speed.bound, PredictedSpeed::Bound::floats);
  EXPECT_GT(speed.tokens_per_s, 5 * decode_speed(model, fit, 0, machine));
}

TEST(PredictSpeed, WhatDoesNotFitIsReadFromTheFile) {
  const ConfigAlone model("deepseek-llm-7b");
  const SpeedCase decode{SpeedCase::Kind::decode, 0, 1};
  const Fit fit = model.fit(10 * gibibyte, with_context(1024));
  ASSERT_EQ(fit.verdict, Fit::Verdict::mapped);
  const PredictedSpeed speed = *predict_speed(model.config(), fit, decode, machine);
  EXPECT_EQ(speed.bound, PredictedSpeed::Bound::file);
  EXPECT_LT(speed.tokens_per_s, 1);
  MachineSpeed unknown = machine;
  unknown.file_bytes_per_s = 0;
  EXPECT_FALSE(predict_speed(model.config(), fit, decode, unknown));
}

}  // namespace
}  // namespace deepseek
