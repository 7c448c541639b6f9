// SPDX-License-Identifier: Apache-2.0
// Every --json output follows its schema in docs/schemas.
#include <gtest/gtest.h>

#include "tests/cli/json_schema.h"
#include "tests/cli/run_deepseek.h"
#include "tests/cli/tiny_model.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::cli {
namespace {

using namespace deepseek::testing;

class Schema : public ::testing::Test {
 protected:
  Schema() : model((folder.path() / "model").string()) {
    write_small_model(model);
    ids = folder.write("ids.json", "[[1, 2, 3, 4]]").string();
    out = (folder.path() / "out").string();
  }

  void expect(const std::string& schema, std::vector<std::string> arguments,
              const std::string& input = "") {
    arguments.push_back("--json");
    const Outcome outcome =
        run_deepseek({arguments, input, {{"HF_HUB_CACHE", (folder.path() / "hub").string()}}});
    EXPECT_EQ(outcome.exit_code, 0) << schema << outcome.error;
    EXPECT_TRUE(follows_schema(schema, outcome.out));
  }

  TemporaryFolder folder;
  std::string model, ids, out;
};

TEST_F(Schema, OfVerbsWithoutAModel) {
  expect("version", {"version"});
  expect("help", {"help"});
  expect("help_verb", {"help", "run"});
  expect("help_verb", {"run", "--help"});
  expect("help_man", {"help", "--man"});
  expect("help_man", {"help", "--man", "run"});
  expect("exit_codes", {"help", "exit-codes"});
  expect("completion", {"completion", "bash"});
  expect("config", {"config", "show", "--threads", "2"});
  expect("list", {"list"});
  expect("doctor", {"doctor"});
}

TEST_F(Schema, OfVerbsOnText) {
  expect("tokenize", {"tokenize", model, "--text", "he he"});
  expect("tokenize_decode", {"tokenize", model, "--decode", "--text", "1 2"});
  expect("template", {"template", model}, R"({"messages": []})");
  const Outcome rows = run_deepseek({{"tokenize", model, "--jsonl"}, "3\n"});
  EXPECT_TRUE(follows_schema("line_error", rows.out));
}

TEST_F(Schema, OfVerbsThatRunAModel) {
  expect("show", {"show", model, "--tensors"});
  expect("trace", {"trace", model, "--tokens-file", ids, "--out", out});
  expect("perplexity", {"perplexity", model, "--ids-file", ids});
  expect("bench", {"bench", model, "--prefill", "8", "--decode-tokens", "2", "--repeat", "1"});
  expect("convert", {"convert", model, (folder.path() / "m.gguf").string()});
  expect("run", {"run", model, "--max-tokens", "3"}, "x");
  expect("generate", {"generate", model, "--prompt", "x", "--max-tokens", "3", "--logprobs", "2"});
}

TEST_F(Schema, OfErrors) {
  const Outcome outcome = run_deepseek({{"show", "no/model", "--json"}});
  EXPECT_TRUE(follows_schema("error", outcome.error)) << outcome.error;
}

}  // namespace
}  // namespace deepseek::cli
