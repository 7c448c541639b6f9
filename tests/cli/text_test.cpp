// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "core/json.h"
#include "tests/cli/run_deepseek.h"
#include "tests/cli/tiny_model.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::cli {
namespace {

using namespace deepseek::testing;
using nlohmann::json;

TEST(Tokenize, TextBecomesIdsAndPieces) {
  const TemporaryFolder folder;
  const std::string path = folder.write("t.json", small_tokenizer()).string();
  const Outcome plain = run_deepseek({{"tokenize", path, "--text", "he he"}});
  EXPECT_EQ(plain.exit_code, 0) << plain.error;
  EXPECT_EQ(plain.out, "95\the\n96\tĠhe\n");
  const json page = json::parse(run_deepseek({{"tokenize", path, "--json"}, "he<s>"}).out);
  EXPECT_EQ(page.at("ids"), json({95, 97}));
  EXPECT_EQ(page.at("pieces"), json({"he", "<s>"}));
}

TEST(Tokenize, FlagsSayWhatSpecialTokensMean) {
  const TemporaryFolder folder;
  const std::string path = folder.write("t.json", small_tokenizer()).string();
  const auto ids = [&](std::vector<std::string> flags) {
    std::vector<std::string> arguments{"tokenize", path, "--jsonl"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return run_deepseek({arguments, "\"<s><tool>\"\n"}).out;
  };
  EXPECT_EQ(ids({}), "[97,98]\n");
  EXPECT_EQ(ids({"--add-special"}), "[97,97,98]\n");
  EXPECT_EQ(ids({"--no-parse-special"}), "[27,82,29,98]\n");
  EXPECT_EQ(run_deepseek({{"tokenize", path, "--decode", "--jsonl"}, "[97,95]"}).out,
            "\"<s>he\"\n");
  EXPECT_EQ(
      run_deepseek({{"tokenize", path, "--decode", "--jsonl", "--skip-special"}, "[97,95]"}).out,
      "\"he\"\n");
}

TEST(Tokenize, EveryLineHasItsAnswerWhateverItHolds) {
  const TemporaryFolder folder;
  const std::string path = folder.write("t.json", small_tokenizer()).string();
  const std::string deep(200000, '[');
  const Outcome outcome = run_deepseek(
      {{"tokenize", path, "--decode", "--jsonl"},
       "[95]\n\nnot json\n\"text\"\n[1.5]\n[99999]\n[-1]\n" + deep + "\n[\xFF]\n[95]"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
  const std::vector<std::string> lines = split_lines(outcome.out);
  ASSERT_EQ(lines.size(), 10u);
  EXPECT_EQ(lines.front(), "\"he\"");
  EXPECT_EQ(lines.back(), "\"he\"");
  for (size_t i = 1; i < 9; ++i) EXPECT_TRUE(json::parse(lines[i]).contains("error")) << lines[i];
}

TEST(Tokenize, ALineEndsAtALineFeedAlone) {
  const TemporaryFolder folder;
  const std::string path = folder.write("t.json", small_tokenizer()).string();
  const Outcome outcome = run_deepseek({{"tokenize", path, "--jsonl"}, "\"he\"\r\n\"he\"\n"});
  EXPECT_EQ(outcome.out, "[95]\n[95]\n");
}

TEST(Tokenize, EqualsTheReferenceOnEveryRow) {
  DEEPSEEK_SHARED_OR_SKIP(packed, "data/tokenizer/deepseek_v3.tokenizer.json.zst");
  const TemporaryFolder folder;
  const std::string path = folder.write("tokenizer.json", read_data(packed)).string();
  const std::vector<std::string> rows =
      split_lines(read_data(packed.parent_path() / "goldens_deepseek_v3.jsonl"));
  std::string texts, ids, decoded;
  for (const std::string& line : rows) {
    const json row = json::parse(line);
    texts += row.at("text").dump() + "\n";
    ids += row.at("ids").dump() + "\n";
    decoded += row.at("decoded").dump() + "\n";
  }
  EXPECT_EQ(run_deepseek({{"tokenize", path, "--jsonl"}, texts}).out, ids);
  EXPECT_EQ(run_deepseek({{"tokenize", path, "--jsonl", "--decode"}, ids}).out, decoded);
}

TEST(Template, RendersOneContextOrOneALine) {
  const TemporaryFolder folder;
  const std::string path =
      folder.write("t.jinja", "{% for m in messages %}[{{ m.content }}]{% endfor %}{{ extra }}")
          .string();
  const std::string context = R"({"messages": [{"role": "user", "content": "你好"}], "extra": 1})";
  EXPECT_EQ(run_deepseek({{"template", path}, context}).out, "[你好]1\n");
  const Outcome rows =
      run_deepseek({{"template", path, "--jsonl"}, context + "\n[]\n{\n" + context});
  EXPECT_EQ(rows.exit_code, 0);
  const std::vector<std::string> lines = split_lines(rows.out);
  ASSERT_EQ(lines.size(), 4u) << rows.out;
  EXPECT_EQ(lines[0], "\"[你好]1\"");
  EXPECT_TRUE(json::parse(lines[1]).contains("error"));
  EXPECT_TRUE(json::parse(lines[2]).contains("error"));
  EXPECT_EQ(lines[3], lines[0]);
  EXPECT_EQ(run_deepseek({{"template", path}, "nothing"}).exit_code, 2);
  const std::string broken = folder.write("b.jinja", "{% if %}").string();
  EXPECT_EQ(run_deepseek({{"template", broken}, context}).exit_code, 3);
}

TEST(Template, AContextThatNestsTooDeepIsARowThatFails) {
  const TemporaryFolder folder;
  const std::string path = folder.write("t.jinja", "{{ messages|tojson }}").string();
  const auto nested = [](size_t levels) {
    return "{\"messages\": " + std::string(levels, '[') + std::string(levels, ']') + "}";
  };
  const Outcome rows = run_deepseek(
      {{"template", path, "--jsonl"}, nested(200000) + "\n" + nested(199) + "\n" + nested(200)});
  EXPECT_EQ(rows.exit_code, 0) << rows.error;
  const std::vector<std::string> lines = split_lines(rows.out);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_NE(lines[0].find("nested at most 200 deep"), std::string::npos) << lines[0];
  EXPECT_EQ(lines[1], json(std::string(199, '[') + std::string(199, ']')).dump());
  EXPECT_NE(lines[2].find("nested at most 200 deep"), std::string::npos) << lines[2];
  EXPECT_EQ(run_deepseek({{"template", path}, nested(200000)}).exit_code, 2);
}

TEST(Template, AModelFolderGivesTemplateAndSpecialTokens) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  folder.write(
      "tokenizer_config.json",
      R"({"bos_token": "<s>", "chat_template": "{{ bos_token }}{{ messages[0].content }}"})");
  EXPECT_EQ(run_deepseek({{"template", folder.path().string()},
                          R"({"messages": [{"role": "user", "content": "x"}]})"})
                .out,
            "<s>x\n");
}

TEST(Tokenize, ReadsPipesAsItReadsFiles) {
  const TemporaryFolder folder;
  const std::string path = folder.write("t.json", small_tokenizer()).string();
  const Outcome outcome = run_deepseek({{"tokenize", path, "--file", "/dev/stdin"}, "he he"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_EQ(outcome.out, "95\the\n96\tĠhe\n");
}

TEST(Template, EqualsTheReferenceOnEveryRow) {
  DEEPSEEK_SHARED_OR_SKIP(goldens, "data/chat_templates/goldens.jsonl.zst");
  std::map<std::string, std::pair<std::string, std::vector<json>>> by_template;
  for (const std::string& line : split_lines(read_data(goldens))) {
    const json row = json::parse(line);
    auto& [contexts, expected] = by_template[row.at("template")];
    // The order of keys matters, so the context's own text is passed on.
    contexts += nlohmann::ordered_json::parse(line).at("context").dump() + "\n";
    expected.push_back(row.contains("expected_error") ? json() : row.at("rendered"));
  }
  for (const auto& [name, rows] : by_template) {
    const std::string path = (goldens.parent_path() / name).string();
    const std::vector<std::string> lines =
        split_lines(run_deepseek({{"template", path, "--jsonl"}, rows.first}).out);
    ASSERT_EQ(lines.size(), rows.second.size()) << name;
    for (size_t i = 0; i < lines.size(); ++i) {
      const json got = json::parse(lines[i]);
      if (rows.second[i].is_null())
        EXPECT_TRUE(got.contains("error")) << name << " row " << i;
      else
        EXPECT_EQ(got, rows.second[i]) << name << " row " << i;
    }
  }
}

TEST(Doctor, TellsWhatIsFoundAndWhatIsUsed) {
  const Outcome outcome = run_deepseek({{"doctor", "--json", "--cpu", "scalar", "--threads", "1"}});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.error;
  const json page = json::parse(outcome.out);
  EXPECT_EQ(page.at("cpu").at("used"), "none");
  EXPECT_GT(page.at("bandwidth").at("one_thread_bytes_per_s"), 0.0);
  for (const json& family : page.at("kernels")) EXPECT_EQ(family.at("chosen"), "scalar");
  EXPECT_EQ(run_deepseek({{"doctor"}, "", {{"DEEPSEEK_CPU", "sse9"}}}).exit_code, 2);
}

}  // namespace
}  // namespace deepseek::cli
