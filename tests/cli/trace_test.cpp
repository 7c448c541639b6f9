// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "core/json.h"
#include "formats/safetensors.h"
#include "tests/cli/run_deepseek.h"
#include "tests/cli/tiny_model.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::cli {
namespace {

using namespace deepseek::testing;
using nlohmann::json;

std::vector<std::string> names_of(const SafetensorsFile& file) {
  std::vector<std::string> names;
  for (const SafetensorsEntry& entry : file.entries()) names.push_back(entry.name);
  std::sort(names.begin(), names.end());
  return names;
}

class Trace : public ::testing::Test {
 protected:
  SafetensorsFile run(const std::string& model, const std::string& ids,
                      std::vector<std::string> flags) {
    const std::string out = (folder.path() / "out.safetensors").string();
    std::vector<std::string> arguments{
        "trace", model, "--tokens-file", folder.write("ids.json", ids).string(), "--out", out};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Outcome outcome = run_deepseek({arguments});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
    return SafetensorsFile::open(out);
  }
  TemporaryFolder folder;
};

TEST_F(Trace, LogitsEqualTheReference) {
  DEEPSEEK_SHARED_OR_SKIP(model, "golden/v3_noyarn");
  const SafetensorsFile golden = SafetensorsFile::open(model / "golden.safetensors");
  const Tensor ids = golden.tensor("b.input_ids");
  json list = json::array();
  for (int64_t t = 0; t < ids.numel(); ++t) list.push_back(ids.data_i64()[t]);
  const SafetensorsFile traced = run(model.string(), json::array({list}).dump(), {});
  EXPECT_EQ(names_of(traced), std::vector<std::string>{"logits.0"});
  const Tensor got = traced.tensor("logits.0"), want = golden.tensor("b.logits");
  ASSERT_EQ(got.numel(), want.numel());
  for (int64_t i = 0; i < got.numel(); ++i) ASSERT_NEAR(got.data()[i], want.data()[i], 4e-4) << i;
}

TEST_F(Trace, EveryFlagWritesWhatItNames) {
  DEEPSEEK_SHARED_OR_SKIP(model, "golden/v3_mtp");
  const SafetensorsFile traced =
      run(model.string(), "[[1, 2, 3], [4, 5]]",
          {"--logits", "last", "--hidden", "--loss", "--mtp", "normed", "--generate", "3"});
  for (const char* name : {"logits.0", "logits.1", "hidden.0.in", "hidden.1.0", "hidden.0.norm",
                           "attn.0.0", "loss.0", "loss.1", "mtp.0", "mtp_loss.0", "generated.1"})
    EXPECT_NE(traced.find(name), nullptr) << name;
  EXPECT_EQ(traced.tensor("logits.0").dim(0), 1);
  EXPECT_EQ(traced.tensor("mtp.0").dim(0), 2);
  EXPECT_EQ(traced.tensor("generated.1").shape(), Shape{3});
  EXPECT_EQ(traced.tensor("generated.1").dtype(), DType::i64);
  EXPECT_EQ(traced.tensor("loss.0").shape(), Shape{1});
}

TEST_F(Trace, GoesWhereOutLeadsAndReplacesNoLinkOrPipe) {
  write_small_model(folder.path() / "model");
  const std::string model = (folder.path() / "model").string();
  const std::string ids = folder.write("ids.json", "[[1, 2, 3]]").string();
  const auto traced_to = [&](const std::string& out) {
    return run_deepseek({{"trace", model, "--tokens-file", ids, "--out", out}});
  };
  const Outcome plain = traced_to((folder.path() / "plain").string());
  ASSERT_EQ(plain.exit_code, 0) << plain.error;
  const std::string want = read_data(folder.path() / "plain");
  // Standard output holds the tensors and not a word more.
  const Outcome streamed = traced_to("/proc/self/fd/1");
  EXPECT_EQ(streamed.exit_code, 0) << streamed.error;
  EXPECT_EQ(streamed.out, want);
  std::filesystem::create_symlink("target", folder.path() / "link");
  EXPECT_EQ(traced_to((folder.path() / "link").string()).exit_code, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path() / "link"));
  EXPECT_EQ(read_data(folder.path() / "target"), want);
  const std::string nowhere = (folder.path() / "nowhere/x.st").string();
  const Outcome lost = traced_to(nowhere);
  EXPECT_EQ(lost.exit_code, 4);
  EXPECT_EQ(lost.error, "deepseek: " + nowhere + ": cannot create: No such file or directory\n");
}

TEST_F(Trace, WritesOverNothingItReads) {
  const std::filesystem::path model = folder.path() / "model";
  write_small_model(model);
  const std::string ids = folder.write("ids.json", "[[1, 2, 3]]").string();
  const std::string labels = folder.write("labels.json", "[[1, 2, 3]]").string();
  std::filesystem::create_symlink(model / "config.json", folder.path() / "link");
  const std::string weights = read_data(model / "model.safetensors");
  for (const std::string& out :
       {ids, labels, (model / "model.safetensors").string(), (model / "tokenizer.json").string(),
        (folder.path() / "link").string()}) {
    const Outcome outcome = run_deepseek({{"trace", model.string(), "--tokens-file", ids, "--loss",
                                           "--labels-file", labels, "--out", out}});
    EXPECT_EQ(outcome.exit_code, 2) << out;
    EXPECT_NE(outcome.error.find("source and destination are the same"), std::string::npos)
        << outcome.error;
  }
  EXPECT_EQ(read_data(model / "model.safetensors"), weights);
  const std::string own = (model / "out.safetensors").string();
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(
        run_deepseek({{"trace", model.string(), "--tokens-file", ids, "--out", own}}).exit_code, 0);
}

TEST_F(Trace, WhatIsNotFiniteIsShownButNothingIsMadeOfIt) {
  write_small_model(folder.path() / "model");
  damage_last_norm(folder.path() / "model");
  const std::string model = (folder.path() / "model").string();
  EXPECT_TRUE(std::isnan(run(model, "[[1, 2]]", {"--hidden"}).tensor("logits.0").data()[0]));
  const std::string ids = folder.write("ids.json", "[[1, 2]]").string();
  using Words = std::vector<std::string>;
  for (const Words& flags : {Words{"--loss"}, Words{"--generate", "3"}}) {
    std::vector<std::string> arguments{
        "trace", model, "--out", (folder.path() / "o").string(), "--tokens-file", ids};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Outcome outcome = run_deepseek({arguments});
    EXPECT_EQ(outcome.exit_code, 3) << flags.front();
    EXPECT_NE(outcome.error.find("expected"), std::string::npos) << outcome.error;
    EXPECT_NE(outcome.error.find("the weights are damaged or overflow"), std::string::npos)
        << outcome.error;
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "o"));
  }
}

TEST_F(Trace, IdsOutsideTheVocabularyAreNamedByPlace) {
  write_small_model(folder.path() / "model");
  const std::string ids = folder.write("ids.json", "[[1, 2], [3, 100]]").string();
  const std::string labels = folder.write("labels.json", "[[1, -100], [3, 261]]").string();
  std::vector<std::string> arguments{"trace",         (folder.path() / "model").string(),
                                     "--out",         (folder.path() / "o").string(),
                                     "--tokens-file", ids};
  const Outcome bad_ids = run_deepseek({arguments});
  EXPECT_EQ(bad_ids.exit_code, 3);
  EXPECT_NE(bad_ids.error.find("ids.json: [1][1]: expected a token id from 0 to 99"),
            std::string::npos)
      << bad_ids.error;
  arguments.back() = folder.write("good.json", "[[1, 2], [3, 4]]").string();
  arguments.insert(arguments.end(), {"--loss", "--labels-file", labels});
  const Outcome bad_labels = run_deepseek({arguments});
  EXPECT_EQ(bad_labels.exit_code, 3);
  EXPECT_NE(bad_labels.error.find("labels.json: [1][1]: expected -100 or a token id from 0 to 99"),
            std::string::npos)
      << bad_labels.error;
  arguments.back() = folder.write("none.json", "[]").string();
  EXPECT_EQ(run_deepseek({arguments}).exit_code, 3) << "an empty list of labels is no labels file";
}

TEST_F(Trace, WhatDoesNotFitTogetherIsRefused) {
  DEEPSEEK_SHARED_OR_SKIP(model, "golden/llama_mha");
  struct Case {
    const char* ids;
    std::vector<std::string> flags;
    int exit_code;
    const char* expected;
  };
  for (const Case& c :
       {Case{"[[1]]", {"--grad"}, 2, "--grad needs --loss"},
        Case{"[[1, 2]]", {"--loss", "--grad", "--precision", "native"}, 2, "native"},
        Case{"[[999999]]", {}, 3, "expected a token id"},
        Case{"[[-1]]", {}, 3, "expected a token id"}, Case{"[[1.5]]", {}, 3, "whole number"},
        Case{"[1]", {}, 3, "expected a list"}, Case{"{}", {}, 3, "expected a list of lists"},
        Case{"[[1", {}, 3, "expected JSON"}, Case{"[]", {}, 2, "at least one list"},
        Case{"[[]]", {}, 2, "empty list"},
        Case{"[[1, 2, 3]]", {"--ctx", "2"}, 2, "context of 2"}}) {
    std::vector<std::string> arguments{"trace",         model.string(),
                                       "--tokens-file", folder.write("i.json", c.ids).string(),
                                       "--out",         (folder.path() / "o").string()};
    arguments.insert(arguments.end(), c.flags.begin(), c.flags.end());
    const Outcome outcome = run_deepseek({arguments});
    EXPECT_EQ(outcome.exit_code, c.exit_code) << c.ids << outcome.error;
    EXPECT_NE(outcome.error.find(c.expected), std::string::npos) << outcome.error;
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "o"));
  }
}

}  // namespace
}  // namespace deepseek::cli
