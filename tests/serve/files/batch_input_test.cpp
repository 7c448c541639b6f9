// SPDX-License-Identifier: Apache-2.0
#include "serve/batches/batch_input.h"

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;

BatchInput::Checked check(const std::string& text) {
  const testing::TemporaryFolder folder;
  return BatchInput(folder.write("input.jsonl", text)).check("/v1/completions");
}

std::string line(const std::string& custom_id) {
  return R"({"custom_id":")" + custom_id +
         R"(","method":"POST","url":"/v1/completions","body":{"prompt":"x"}})" + "\n";
}

TEST(BatchInput, LinesAreFoundAgain) {
  const testing::TemporaryFolder folder;
  const BatchInput input(folder.write("input.jsonl", line("a") + "\r\n  \n" + line("b")));
  const BatchInput::Checked checked = input.check("/v1/completions");
  EXPECT_TRUE(checked.errors.empty());
  ASSERT_EQ(checked.lines.size(), 2u);
  EXPECT_EQ(checked.lines[1].custom_id, "b");
  EXPECT_EQ(checked.lines[1].line, 1);
  EXPECT_EQ(input.body(checked.lines[1]), (ordered_json{{"prompt", "x"}}));
}

TEST(BatchInput, WhatIsWrongIsListedWithItsLine) {
  const auto first = [](const std::string& text) { return check(text).errors.at(0); };
  const auto row = [](const ordered_json& error) {
    return error.at("code").get<std::string>() + " " + error.at("param").dump();
  };
  EXPECT_EQ(first(line("a") + "{").at("line"), 2);
  EXPECT_EQ(row(first("{")), "invalid_json_line null");
  EXPECT_EQ(row(first("[]")), "invalid_json_line null");
  EXPECT_EQ(row(first("{}")), "missing_required_parameter \"custom_id\"");
  EXPECT_EQ(row(first(line(""))), "missing_required_parameter \"custom_id\"");
  EXPECT_EQ(row(first(line("a\\u0000b"))), "invalid_value \"custom_id\"");
  EXPECT_EQ(row(first(line("a\\nb"))), "invalid_value \"custom_id\"");
  EXPECT_EQ(row(first(line("a") + line("a"))), "duplicate_custom_id \"custom_id\"");
  EXPECT_EQ(row(first(R"({"custom_id":"a"})")), "invalid_method \"method\"");
  EXPECT_EQ(row(first(R"({"custom_id":"a","method":"POST","url":"/v1/models"})")),
            "invalid_url \"url\"");
  EXPECT_EQ(row(first(R"({"custom_id":"a","method":"POST","url":"/v1/completions"})")),
            "missing_required_parameter \"body\"");
  EXPECT_EQ(row(first(R"({"custom_id":"a","method":"POST","url":"/v1/completions",)"
                      R"("body":{"stream":true}})")),
            "invalid_value \"body.stream\"");
  EXPECT_EQ(row(first("")), "empty_file null");
  std::string bad;
  for (int i = 0; i < 300; ++i) bad += "{}\n";
  EXPECT_EQ(check(bad).errors.size(), BatchInput::most_errors);
}

TEST(BatchInput, MoreRequestsThanABatchMayHaveAreRefused) {
  std::string text;
  for (size_t i = 0; i <= BatchInput::most_lines; ++i) text += line(std::to_string(i));
  EXPECT_EQ(check(text).errors.at(0).at("code"), "too_many_requests");
}

}  // namespace
}  // namespace deepseek::serve
