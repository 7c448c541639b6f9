// SPDX-License-Identifier: Apache-2.0
#include "cli/dry_run.h"

#include <gtest/gtest.h>

#include "core/json.h"
#include "core/text.h"
#include "tests/cli/json_schema.h"
#include "tests/cli/run_deepseek.h"
#include "tests/cli/tiny_model.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::cli {
namespace {

using namespace deepseek::testing;
using nlohmann::json;

class DryRun : public ::testing::Test {
 protected:
  DryRun() : model((folder.path() / "model").string()) { write_small_model(model); }

  /// A folder with the config.json of DeepSeek-V3 and nothing else.
  std::string config_alone() {
    const std::filesystem::path v3 = folder.path() / "v3";
    std::filesystem::create_directories(v3);
    std::filesystem::copy_file(
        std::filesystem::path(DEEPSEEK_SOURCE_DIR) / "tests/data/configs/deepseek-v3.json",
        v3 / "config.json");
    return v3.string();
  }

  json page_of(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--dry-run", "--json"});
    const Outcome outcome = run_deepseek({arguments, "a question"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
    EXPECT_TRUE(follows_schema("dry_run", outcome.out));
    return json::parse(outcome.out);
  }

  TemporaryFolder folder;
  std::string model;
};

TEST_F(DryRun, SaysWhatAModelTakesAndAnswersNothing) {
  const json page = page_of({"run", model, "--ctx", "128"});
  const json& row = page.at("models").at(0);
  EXPECT_EQ(row.at("verdict"), "fits");
  EXPECT_EQ(row.at("remedies"), json::array());
  EXPECT_EQ(row.at("cache").at("context"), 128);
  // Two layers of two heads of 16, keys and values, in bf16.
  EXPECT_EQ(row.at("cache").at("token_bytes"), 2 * 2 * 16 * 2 * 2);
  EXPECT_EQ(row.at("cache").at("bytes"), 128 * 256);
  const json& weights = row.at("weights");
  // The embedding of 100 x 64 and five f32 vectors stay mapped; the head's 100 rows are packed as
  // 112.
  EXPECT_EQ(weights.at("mapped_bytes"), 4 * (100 * 64 + 5 * 64));
  EXPECT_EQ(weights.at("packed_bytes"),
            weights.at("file_bytes").get<int64_t>() - 4 * (100 * 64 + 5 * 64) + 4 * 12 * 64);
  EXPECT_FALSE(page.contains("budget_bytes"));
}

TEST_F(DryRun, NeedsNoWeights) {
  const std::string v3 = config_alone();
  const json row = page_of({"run", v3, "--ctx", "1024"}).at("models").at(0);
  EXPECT_EQ(row.at("weights").at("present"), false);
  EXPECT_NEAR(row.at("weights").at("file_bytes").get<double>(), 685e9, 5e9);
  const Outcome shown = run_deepseek({{"run", v3, "--dry-run", "--lang", "zh", "--ctx", "1024"}});
  EXPECT_EQ(shown.exit_code, 0) << shown.error;
  EXPECT_NE(shown.out.find("config.json"), std::string::npos) << shown.out;
  EXPECT_NE(shown.out.find("计算核"), std::string::npos) << shown.out;
}

TEST_F(DryRun, OfAServerTellsOfEveryModelAndItsBudget) {
  const json page =
      page_of({"serve", "one=" + model, "two=" + model, "--memory-bytes", "1GiB", "--port", "0"});
  ASSERT_EQ(page.at("models").size(), 2u);
  EXPECT_EQ(page.at("models").at(1).at("name"), "two");
  EXPECT_EQ(page.at("budget_bytes"), int64_t{1} << 30);
  const json& row = page.at("models").at(0);
  EXPECT_EQ(page.at("together_bytes").get<int64_t>(),
            2 * (row.at("weights").at("native_bytes").get<int64_t>() +
                 row.at("cache").at("bytes").get<int64_t>()));
}

TEST_F(DryRun, SaysWhatToDoAboutACacheThatDoesNotFit) {
  const json row = page_of({"run", model, "--cache-bytes", "512T"}).at("models").at(0);
  EXPECT_EQ(row.at("verdict"), "too_large");
  ASSERT_EQ(row.at("remedies").size(), 1u);
  EXPECT_EQ(row.at("remedies").at(0), "give it a smaller --cache-bytes");
}

TEST_F(DryRun, SaysThatTheCacheCutsTheContext) {
  const json row =
      page_of({"run", model, "--ctx", "256", "--cache-bytes", "16KiB"}).at("models").at(0);
  EXPECT_EQ(row.at("cache").at("context"), 64);
  EXPECT_EQ(row.at("remedies"), json({"--ctx 256 is cut to 64 tokens, which the cache holds; "
                                      "--cache-bytes 1MiB holds them all"}));
}

TEST_F(DryRun, RefusesACacheWithoutAPageAsOpeningDoes) {
  const Outcome real = run_deepseek({{"run", model, "--cache-bytes", "1KiB"}, "x"});
  EXPECT_EQ(real.exit_code, 6);
  EXPECT_NE(real.error.find("raise --cache-bytes"), std::string::npos) << real.error;
  for (const char* verb : {"run", "serve"}) {
    const Outcome dry = run_deepseek({{verb, model, "--dry-run", "--cache-bytes", "1KiB"}});
    EXPECT_EQ(dry.exit_code, 6) << verb;
    EXPECT_EQ(dry.error, real.error) << verb;
  }
}

TEST_F(DryRun, NamesARemedyWhereWeightsLeaveNoRoomForACache) {
  const CheckpointFiles files = CheckpointFiles::open(model);
  TextModelOptions options;
  options.context = 128;
  options.cache_bytes = 0;
  const auto fit_in = [&](int64_t available_bytes) {
    return examine_fit(files, files.read_config(), options, {available_bytes, available_bytes});
  };
  const Fit roomy = fit_in(int64_t{1} << 40);
  const Fit fit = fit_in(roomy.total_bytes() - roomy.cache.bytes + roomy.cache.token_bytes);
  ASSERT_EQ(fit.verdict, Fit::Verdict::too_large);
  ASSERT_EQ(fit.longest_context, 0);
  const std::vector<std::string> remedies = remedies_of(fit, options, Console(Language::en, false));
  ASSERT_FALSE(remedies.empty());
  EXPECT_EQ(remedies.back(), concat("with ", size_text(uint64_t(fit.total_bytes())),
                                    " of free memory this file fits"));
}

TEST_F(DryRun, RefusesWhatOpeningWould) {
  EXPECT_EQ(run_deepseek({{"run", "no/model", "--dry-run"}}).exit_code, 4);
  EXPECT_EQ(run_deepseek({{"run", model, "--dry-run", "--ctx", "100000"}}).exit_code, 2);
  std::filesystem::resize_file(std::filesystem::path(model) / "model.safetensors", 5000);
  EXPECT_EQ(run_deepseek({{"run", model, "--dry-run"}}).exit_code, 3);
}

}  // namespace
}  // namespace deepseek::cli
