// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "formats/safetensors.h"
#include "tests/cli/run_deepseek.h"
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
        Case{"[[999999]]", {}, 2, "expected an id"}, Case{"[[-1]]", {}, 3, "expected a token id"},
        Case{"[[1.5]]", {}, 3, "whole number"}, Case{"[1]", {}, 3, "expected a list"},
        Case{"{}", {}, 3, "expected a list of lists"}, Case{"[[1", {}, 3, "expected JSON"},
        Case{"[]", {}, 2, "at least one list"}, Case{"[[]]", {}, 2, "empty list"},
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
