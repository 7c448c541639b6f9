// SPDX-License-Identifier: Apache-2.0
#include "model/generation_config.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

TEST(GenerationConfig, ReadsOneEndTokenOrAList) {
  EXPECT_EQ(generation_config_from_json(R"({"eos_token_id": 7})", "g").eos_token_ids,
            (std::vector<int64_t>{7}));
  EXPECT_EQ(generation_config_from_json(R"({"eos_token_id": [7, 9]})", "g").eos_token_ids,
            (std::vector<int64_t>{7, 9}));
  EXPECT_TRUE(generation_config_from_json(R"({"eos_token_id": null})", "g").eos_token_ids.empty());
}

TEST(GenerationConfig, ReadsSamplingDefaultsAndIgnoresTheRest) {
  const GenerationConfig config = generation_config_from_json(
      R"({"bos_token_id": 0, "do_sample": true, "temperature": 0.6, "top_p": 0.95, "top_k": 20,
          "repetition_penalty": 1.05, "transformers_version": "4.39.3", "_from_model_config": true})",
      "g");
  EXPECT_EQ(config.bos_token_id, 0);
  EXPECT_EQ(config.do_sample, true);
  EXPECT_EQ(config.temperature, 0.6);
  EXPECT_EQ(config.top_p, 0.95);
  EXPECT_EQ(config.top_k, 20);
  EXPECT_EQ(config.repetition_penalty, 1.05);
  EXPECT_FALSE(config.min_p);
}

TEST(GenerationConfig, RoundTripsThroughItsOwnText) {
  GenerationConfig config;
  config.eos_token_ids = {1, 2};
  config.temperature = 0.7;
  config.do_sample = true;
  EXPECT_EQ(generation_config_from_json(generation_config_to_json(config), "g"), config);
}

TEST(GenerationConfig, IsEmptyWhenAFolderHasNone) {
  const testing::TemporaryFolder folder;
  EXPECT_EQ(read_generation_config(folder.path()), GenerationConfig());
}

TEST(GenerationConfig, RefusesBadFieldsByName) {
  const std::pair<const char*, const char*> table[] = {
      {R"({"temperature": -1})", "temperature: expected a number of at least 0, got -1"},
      {R"({"temperature": "hot"})", "temperature: expected a number, got \"hot\""},
      {R"({"top_p": 1.5})", "top_p: expected a number from 0 to 1, got 1.5"},
      {R"({"top_k": -2})", "top_k: expected an integer of at least 0, got -2"},
      {R"({"eos_token_id": [1, "x"]})", "eos_token_id: expected an integer or a list of integers"},
      {R"({"eos_token_id": -1})", "eos_token_id: expected token ids of at least 0, got -1"},
      {R"({"do_sample": 1})", "do_sample: expected true or false, got 1"},
      {R"({"repetition_penalty": 0})", "repetition_penalty: expected a positive number, got 0"},
      {R"([])", "expected a JSON object, got array"},
      {R"({"temperature": NaN})", "expected JSON"},
  };
  for (const auto& [text, message] : table) {
    try {
      generation_config_from_json(text, "folder/generation_config.json");
      ADD_FAILURE() << "accepted " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_file) << text;
      EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << error.what();
      EXPECT_EQ(std::string(error.what()).rfind("folder/generation_config.json: ", 0), 0u);
    }
  }
}

}  // namespace
}  // namespace deepseek
