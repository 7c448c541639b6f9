// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_deepseek.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::cli {
namespace {

using namespace deepseek::testing;
using nlohmann::json;

/// A byte-level tokenizer with a special and an added token that is none.
std::string small_tokenizer() {
  json vocabulary = json::object();
  const auto add = [&](const std::string& piece) { vocabulary[piece] = vocabulary.size(); };
  for (char c = '!'; c <= '~'; ++c) add(std::string(1, c));
  add("Ġ");
  add("he");
  add("Ġhe");
  const size_t first_added = vocabulary.size();
  const auto added = [&](size_t id, const char* text, bool special) {
    return json{{"id", id},        {"content", text},     {"special", special},  {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"single_word", false}};
  };
  return json{
      {"version", "1.0"},
      {"added_tokens", {added(first_added, "<s>", true), added(first_added + 1, "<tool>", false)}},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single",
         {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
          {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
        {"pair", json::array()},
        {"special_tokens",
         {{"<s>", {{"id", "<s>"}, {"ids", {first_added}}, {"tokens", {"<s>"}}}}}}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", {"h e", "Ġ he"}}}}}
      .dump();
}

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
