// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <span>

#include "core/json.h"
#include "core/text.h"
#include "core/utf8.h"
#include "formats/gguf.h"
#include "formats/gguf_vocabulary.h"
#include "formats/tokenizer.h"
#include "tests/support/shared_data.h"

namespace deepseek {
namespace {

using nlohmann::json;
using testing::read_data;
using testing::split_lines;

Tokenizer tokenizer_of_gguf(const std::filesystem::path& path) {
  const auto bytes = std::make_shared<const std::string>(read_data(path));
  const GgufFile file =
      GgufFile::parse(std::as_bytes(std::span(bytes->data(), bytes->size())), bytes, path);
  return Tokenizer::from_vocabulary(gguf_vocabulary(file.metadata()), path.string());
}

/// A tokenizer of data/tokenizer by its short name; each is loaded once.
const Tokenizer& tokenizer_named(const std::filesystem::path& folder, const std::string& name) {
  static std::map<std::string, Tokenizer> loaded;
  if (const auto at = loaded.find(name); at != loaded.end()) return at->second;
  const std::filesystem::path file = folder / (name + ".tokenizer.json.zst");
  if (std::filesystem::exists(file)) {
    Tokenizer tokenizer = Tokenizer::from_tokenizer_json(
        read_data(file), file.string(), read_data(folder / (name + ".tokenizer_config.json")));
    return loaded.emplace(name, std::move(tokenizer)).first->second;
  }
  Tokenizer tokenizer = tokenizer_of_gguf(folder / ("ggml-vocab-" + name + ".gguf.zst"));
  return loaded.emplace(name, std::move(tokenizer)).first->second;
}

std::vector<json> rows_of(const std::filesystem::path& path) {
  std::vector<json> rows;
  for (const std::string& line : split_lines(read_data(path))) rows.push_back(json::parse(line));
  return rows;
}

std::string bytes_of_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

using Ids = std::vector<int32_t>;

class GoldenTexts : public ::testing::TestWithParam<const char*> {};

TEST_P(GoldenTexts, EncodeAndDecodeAsRecorded) {
  DEEPSEEK_SHARED_OR_SKIP(folder, "data/tokenizer");
  const Tokenizer& tokenizer = tokenizer_named(folder, GetParam());
  int checked = 0;
  for (const json& row : rows_of(folder / (std::string("goldens_") + GetParam() + ".jsonl"))) {
    const std::string text = row["text"];
    const Ids ids = row["ids"];
    EncodeOptions options;
    options.parse_special = row.value("parse_special", true);
    EXPECT_EQ(tokenizer.encode(text, options), ids) << row["kind"] << " " << row["text"];
    if (row.contains("bytes_hex")) {
      const std::string raw = bytes_of_hex(row["bytes_hex"]);
      EXPECT_EQ(tokenizer.encode(raw, options), ids) << row["kind"] << " " << row["text"];
    }
    if (row.contains("decoded")) {
      EXPECT_EQ(tokenizer.decode(ids), row["decoded"].get<std::string>()) << row["text"];
    } else {
      EXPECT_EQ(tokenizer.decode(ids), text);
    }
    if (row.contains("decoded_skip_special")) {
      EXPECT_EQ(tokenizer.decode(ids, {.skip_special = true}),
                row["decoded_skip_special"].get<std::string>());
    }
    ++checked;
  }
  EXPECT_GT(checked, 400);
}

INSTANTIATE_TEST_SUITE_P(Tokenizer, GoldenTexts,
                         ::testing::Values("deepseek_v3", "llama3", "qwen3", "deepseek-llm",
                                           "deepseek-coder"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

struct OfficialPair {
  const char* vectors;
  const char* tokenizer;
  friend void PrintTo(const OfficialPair& pair, std::ostream* out) { *out << pair.vectors; }
};

class OfficialVectors : public ::testing::TestWithParam<OfficialPair> {};

TEST_P(OfficialVectors, All47AreReproduced) {
  DEEPSEEK_SHARED_OR_SKIP(folder, "data/tokenizer");
  const Tokenizer& tokenizer = tokenizer_named(folder, GetParam().tokenizer);
  const std::string stem = std::string("ggml-vocab-") + GetParam().vectors + ".gguf";
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::string texts = read_data(folder / (stem + ".inp")) + separator;
  // The last text is empty, and so is its line.
  std::vector<std::string> expected = split_lines(read_data(folder / (stem + ".out")));
  expected.resize(47);
  size_t count = 0;
  for (size_t at = 0; at < texts.size(); ++count) {
    const size_t end = texts.find(separator, at);
    const std::string text = texts.substr(at, end - at);
    at = end + separator.size();
    std::string ids;
    for (const int32_t id : tokenizer.encode(text, {.parse_special = false}))
      ids += concat(" ", id);
    ASSERT_LT(count, expected.size());
    EXPECT_EQ(ids, expected[count]) << "vector " << count << ": " << text;
  }
  EXPECT_EQ(count, 47u);
}

INSTANTIATE_TEST_SUITE_P(Tokenizer, OfficialVectors,
                         ::testing::Values(OfficialPair{"llama-bpe", "llama3"},
                                           OfficialPair{"qwen2", "qwen3"},
                                           OfficialPair{"deepseek-r1-qwen", "qwen3"},
                                           OfficialPair{"deepseek-llm", "deepseek-llm"},
                                           OfficialPair{"deepseek-coder", "deepseek-coder"}),
                         [](const auto& info) {
                           std::string name = info.param.vectors;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

class GoldenPrefixes : public ::testing::TestWithParam<const char*> {};

TEST_P(GoldenPrefixes, DecodeAsRecordedAndStreamEqualsTheWhole) {
  DEEPSEEK_SHARED_OR_SKIP(folder, "data/tokenizer");
  const Tokenizer& tokenizer = tokenizer_named(folder, GetParam());
  const std::vector<json> rows =
      rows_of(folder / (std::string("decode_prefix_") + GetParam() + ".jsonl"));
  EXPECT_EQ(rows.size(), 120u);
  for (const json& row : rows) {
    const Ids ids = row["ids"];
    EXPECT_EQ(tokenizer.decode(ids), row["decoded"].get<std::string>());
    StreamDecoder stream(tokenizer);
    std::string shown;
    for (const int32_t id : ids) {
      const std::string piece = stream.push(id);
      EXPECT_TRUE(is_valid_utf8(piece));
      shown += piece;
    }
    shown += stream.finish();
    EXPECT_EQ(shown, row["decoded"].get<std::string>());
  }
}

INSTANTIATE_TEST_SUITE_P(Tokenizer, GoldenPrefixes,
                         ::testing::Values("deepseek_v3", "llama3", "qwen3"),
                         [](const auto& info) { return std::string(info.param); });

TEST(GoldenGguf, TokenizerExamplesAreReproduced) {
  DEEPSEEK_SHARED_OR_SKIP(folder, "golden/gguf");
  int models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::filesystem::path manifest = entry.path() / "manifest.json";
    if (!std::filesystem::exists(manifest)) continue;
    const json root = json::parse(read_data(manifest));
    if (!root.contains("tokenizer_examples")) continue;
    for (const auto& file : std::filesystem::directory_iterator(entry.path())) {
      if (file.path().extension() != ".gguf") continue;
      const GgufFile gguf = GgufFile::open(file.path());
      const Tokenizer tokenizer =
          Tokenizer::from_vocabulary(gguf_vocabulary(gguf.metadata()), file.path().string());
      for (const json& example : root["tokenizer_examples"])
        EXPECT_EQ(tokenizer.encode(example["text"].get<std::string>()), example["ids"].get<Ids>())
            << file.path() << " " << example["text"];
      ++models;
      break;
    }
  }
  EXPECT_GE(models, 10);
}

}  // namespace
}  // namespace deepseek
