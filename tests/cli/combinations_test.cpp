// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/cli/run_deepseek.h"
#include "tests/cli/tiny_model.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::cli {
namespace {

using namespace deepseek::testing;

class Combinations : public ::testing::Test {
 protected:
  void SetUp() override {
    write_small_model(folder.path() / "model");
    model = (folder.path() / "model").string();
    ids = folder.write("ids.json", "[[1, 2, 3]]").string();
    out = (folder.path() / "out").string();
  }

  /// Exit code 2, and a message that has both flags.
  void expect_refused(const std::vector<std::string>& arguments, const std::string& flag,
                      const std::string& partner) {
    const Outcome outcome = run_deepseek({arguments, "x"});
    EXPECT_EQ(outcome.exit_code, 2) << flag << ": " << outcome.error;
    EXPECT_NE(outcome.error.find(flag), std::string::npos) << outcome.error;
    EXPECT_NE(outcome.error.find(partner), std::string::npos) << outcome.error;
    EXPECT_EQ(outcome.out, "");
  }

  std::vector<std::string> trace(const std::vector<std::string>& flags) const {
    std::vector<std::string> arguments{"trace", model, "--tokens-file", ids, "--out", out};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return arguments;
  }

  TemporaryFolder folder;
  std::string model, ids, out;
};

TEST_F(Combinations, AFlagThatWouldDoNothingIsRefused) {
  expect_refused({"generate", model, "--prompt", "x", "--system", "s"}, "--system", "--chat");
  expect_refused({"generate", model, "--prompt", "x", "--think"}, "--think", "--chat");
  expect_refused({"generate", model, "--prompt", "x", "--no-think"}, "--no-think", "--chat");
  expect_refused(trace({"--mtp-lambda", "0.5"}), "--mtp-lambda", "--mtp and --grad");
  expect_refused(trace({"--cache-bytes", "1M"}), "--cache-bytes", "--cache or --generate");
  expect_refused(trace({"--labels-file", ids}), "--labels-file", "--loss");
  expect_refused({"tokenize", model, "--decode", "--add-special"}, "--add-special", "--decode");
  expect_refused({"tokenize", model, "--decode", "--no-parse-special"}, "--no-parse-special",
                 "--decode");
  expect_refused({"bench", model, "--filter", "x"}, "--filter", "kernels");
  for (const char* flag : {"--prefill", "--decode-tokens", "--depth", "--repeat", "--ctx",
                           "--cache-bytes", "--adapter"})
    expect_refused({"bench", "kernels", flag, "1"}, flag, "model");
}

TEST_F(Combinations, ATokenIsBiasedOnce) {
  expect_refused({"generate", model, "--prompt", "x", "--logit-bias", "5=1", "--logit-bias", "5=2"},
                 "--logit-bias", "token 5 given twice");
}

TEST_F(Combinations, SettingsThatServeManyCallsMayBeIdle) {
  Call call{trace({})};
  call.environment["DEEPSEEK_CACHE_BYTES"] = "1M";
  const Outcome outcome = run_deepseek(call);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
}

TEST_F(Combinations, TraceRefusesAContextPastTheModelsAsGenerateDoes) {
  expect_refused(trace({"--ctx", "999999"}), "--ctx", "at most 256 tokens");
  expect_refused({"generate", model, "--prompt", "x", "--ctx", "999999"}, "--ctx",
                 "at most 256 tokens");
}

TEST_F(Combinations, KernelsAreMeasuredByName) {
  const Outcome outcome =
      run_deepseek({{"bench", "kernels", "--threads", "1", "--filter", "q8_0 smollm2.Q_proj 4"}});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 2) << outcome.out;
  EXPECT_NE(outcome.out.find("\nQ8_0 smollm2.q_proj 4 "), std::string::npos) << outcome.out;
  expect_refused({"bench", "kernels", "--threads", "1", "--filter", "no such kernel"}, "--filter",
                 "Q8_0 smollm2.q_proj 1");
}

TEST_F(Combinations, MoreThreadsThanCpusAreNotUsed) {
  const Outcome outcome = run_deepseek(
      {{"generate", model, "--prompt", "x", "--max-tokens", "3", "--threads", "1000"}});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_NE(outcome.error.find("--threads 1000: this process may run on "), std::string::npos)
      << outcome.error;
  EXPECT_EQ(outcome.out,
            run_deepseek({{"generate", model, "--prompt", "x", "--max-tokens", "3"}}).out);
}

}  // namespace
}  // namespace deepseek::cli
