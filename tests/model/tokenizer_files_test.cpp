// SPDX-License-Identifier: Apache-2.0
#include "model/tokenizer_files.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/error.h"
#include "core/json.h"
#include "formats/gguf_vocabulary.h"
#include "formats/tokenizer.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::TemporaryFolder;

/// Writes a GGUF file with the tokenizer of a folder and nothing else.
fs::path gguf_of(const fs::path& folder, int64_t vocab_size, const fs::path& path) {
  ModelConfig config;
  config.vocab_size = vocab_size;
  GgufFields fields;
  fields.add_string("general.architecture", "llama");
  add_tokenizer_fields(folder, config, {}, fields);
  GgufWriter writer(path, fields, {{"t", Format::f32, {1}}});
  writer.write_values("t", std::vector<float>{0});
  writer.commit();
  return path;
}

Tokenizer tokenizer_of(const TokenizerFiles& files) {
  return Tokenizer::from_tokenizer_json(files.tokenizer_json, "tokenizer.json",
                                        files.tokenizer_config_json);
}

TEST(TokenizerFiles, OfGgufModelsEncodeTheirExamples) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden/gguf");
  int examples = 0;
  for (const auto& entry : fs::directory_iterator(golden)) {
    if (!fs::exists(entry.path() / "manifest.json")) continue;
    SCOPED_TRACE(entry.path());
    const GgufFile file = GgufFile::open(entry.path() / "model.gguf");
    const Tokenizer tokenizer = tokenizer_of(*tokenizer_files_from_gguf(file));
    const json manifest = json::parse(testing::read_data(entry.path() / "manifest.json"));
    for (const json& example : manifest["tokenizer_examples"]) {
      EXPECT_EQ(tokenizer.encode(example["text"].get<std::string>()),
                example["ids"].get<std::vector<int32_t>>())
          << example["text"];
      ++examples;
    }
    const bool add_bos = *file.metadata().find_bool("tokenizer.ggml.add_bos_token");
    const auto bos = static_cast<int32_t>(file.metadata().get_uint("tokenizer.ggml.bos_token_id"));
    const std::vector<int32_t> ids = tokenizer.encode("a", {.add_special = true});
    EXPECT_EQ(ids.front() == bos, add_bos);
    EXPECT_EQ(tokenizer.special_tokens().bos, bos);
  }
  EXPECT_GT(examples, 20);
}

TEST(TokenizerFiles, OfPublishedVocabulariesGiveTheOfficialVectors) {
  DEEPSEEK_SHARED_OR_SKIP(data, "data/tokenizer");
  for (const std::string name : {"deepseek-llm", "deepseek-coder"}) {
    SCOPED_TRACE(name);
    const std::string bytes = testing::read_data(data / ("ggml-vocab-" + name + ".gguf.zst"));
    const TemporaryFolder folder;
    const GgufFile file = GgufFile::open(folder.write("v.gguf", bytes));
    const TokenizerFiles files = *tokenizer_files_from_gguf(file);
    const Tokenizer tokenizer = tokenizer_of(files);
    const std::string inputs = testing::read_data(data / ("ggml-vocab-" + name + ".gguf.inp"));
    const std::vector<std::string> outputs =
        testing::split_lines(testing::read_data(data / ("ggml-vocab-" + name + ".gguf.out")));
    const std::string separator = "\n__ggml_vocab_test__\n";
    size_t at = 0, line = 0;
    while (line < outputs.size()) {
      const size_t end = std::min(inputs.find(separator, at), inputs.size());
      std::vector<int32_t> want;
      std::istringstream numbers(outputs[line++]);
      for (int32_t id; numbers >> id;) want.push_back(id);
      EXPECT_EQ(tokenizer.encode(inputs.substr(at, end - at), {.parse_special = false}), want)
          << inputs.substr(at, end - at);
      at = end + separator.size();
    }
    EXPECT_GT(line, 20u);

    folder.write("tokenizer.json", files.tokenizer_json);
    folder.write("tokenizer_config.json", files.tokenizer_config_json);
    const GgufVocabulary before = gguf_vocabulary(file.metadata());
    const GgufFile again = GgufFile::open(
        gguf_of(folder.path(), static_cast<int64_t>(before.tokens.size()), folder.path() / "b"));
    const GgufVocabulary after = gguf_vocabulary(again.metadata());
    EXPECT_EQ(after.pre, name);
    EXPECT_EQ(after.tokens, before.tokens);
    EXPECT_EQ(after.token_types, before.token_types);
    EXPECT_EQ(after.merges, before.merges);
    EXPECT_EQ(after.bos, before.bos);
  }
}

TEST(TokenizerFields, OfPublishedTokenizersFindTheirPre) {
  DEEPSEEK_SHARED_OR_SKIP(data, "data/tokenizer");
  const std::tuple<const char*, const char*, int64_t> table[] = {
      {"deepseek_v3", "deepseek-v3", 129280},
      {"llama3", "llama-bpe", 128256},
      {"qwen3", "qwen2", 151936}};
  for (const auto& [name, pre, vocab_size] : table) {
    SCOPED_TRACE(name);
    const TemporaryFolder folder;
    folder.write("tokenizer.json",
                 testing::read_data(data / (std::string(name) + ".tokenizer.json.zst")));
    folder.write("tokenizer_config.json",
                 testing::read_data(data / (std::string(name) + ".tokenizer_config.json")));
    const GgufFile file =
        GgufFile::open(gguf_of(folder.path(), vocab_size, folder.path() / "v.gguf"));
    EXPECT_EQ(file.metadata().get_string("tokenizer.ggml.pre"), pre);
    const Tokenizer from_json = Tokenizer::open(folder.path());
    const Tokenizer from_gguf =
        Tokenizer::from_vocabulary(gguf_vocabulary(file.metadata()), "v.gguf");
    for (const char* text :
         {"Hello  world, it's 2024!\n\n", "深度求索 3.14159", "<|im_end|>x<｜User｜>y", "naïve é"})
      EXPECT_EQ(from_gguf.encode(text, {.add_special = true}),
                from_json.encode(text, {.add_special = true}))
          << text;
    const auto tmpl = file.metadata().find_string("tokenizer.chat_template");
    ASSERT_TRUE(tmpl);
    EXPECT_GT(tmpl->size(), 100u);
    EXPECT_EQ(from_gguf.special_tokens().eos, from_json.special_tokens().eos);
  }
}

std::string small_tokenizer(const json& changes) {
  json tokenizer = json::parse(R"({
    "added_tokens": [{"id": 3, "content": "<s>", "special": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}"}, "behavior": "Isolated"},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}})");
  tokenizer.merge_patch(changes);
  return tokenizer.dump();
}

TEST(TokenizerFields, RefuseWhatAGgufFileCannotSay) {
  const json digits = {{"type", "Digits"}, {"individual_digits", true}};
  const json level = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  const json smollm = {{"type", "Sequence"}, {"pretokenizers", {digits, level}}};
  const std::tuple<json, ErrorKind, const char*> table[] = {
      {json::object(), ErrorKind::unsupported,
       "pre_tokenizer: no GGUF name is known for these patterns: \"\\p{N}{1,3}\""},
      {{{"pre_tokenizer", {{"type", "Whitespace"}}}}, ErrorKind::unsupported, "got Whitespace"},
      {{{"pre_tokenizer", smollm}, {"normalizer", {{"type", "Lowercase"}}}},
       ErrorKind::unsupported,
       "normalizer: expected none, got \"Lowercase\""},
      {{{"model", {{"type", "WordPiece"}}}}, ErrorKind::unsupported, "got WordPiece"},
      {{{"model", {{"byte_fallback", true}}}}, ErrorKind::unsupported, "model.byte_fallback"},
      {{{"pre_tokenizer", smollm}, {"model", {{"vocab", {{"z", 99}}}}}},
       ErrorKind::bad_file,
       "token \"z\": expected an id below the model's vocab_size 4, got 99"},
      {{{"pre_tokenizer", smollm}, {"model", {{"vocab", 3}}}},
       ErrorKind::bad_file,
       "vocab: expected an object"},
      {{{"pre_tokenizer", smollm}, {"model", {{"merges", {1}}}}},
       ErrorKind::unsupported,
       "model.merges: expected strings or pairs of strings, got 1"},
      {{{"pre_tokenizer", {{"type", 7}}}}, ErrorKind::bad_file, "tokenizer.json"},
  };
  for (const auto& [changes, kind, message] : table) {
    const TemporaryFolder folder;
    folder.write("tokenizer.json", small_tokenizer(changes));
    ModelConfig config;
    config.vocab_size = 4;
    GgufFields fields;
    try {
      add_tokenizer_fields(folder.path(), config, {}, fields);
      ADD_FAILURE() << "accepted " << changes;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << error.what();
    }
  }
}

TEST(TokenizerFields, NamedTemplatesAndUnassignedIdsAreCarried) {
  const json level = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  const json digits = {{"type", "Digits"}, {"individual_digits", true}};
  const json smollm = {{"type", "Sequence"}, {"pretokenizers", json::array({digits, level})}};
  const TemporaryFolder folder;
  folder.write("tokenizer.json", small_tokenizer({{"pre_tokenizer", smollm}}));
  folder.write("tokenizer_config.json",
               R"({"chat_template": [{"name": "default", "template": "D"},
                                     {"name": "tool_use", "template": "T"}],
                   "bos_token": {"content": "<s>"}})");
  const GgufFile file = GgufFile::open(gguf_of(folder.path(), 6, folder.path() / "v.gguf"));
  const GgufMetadata& metadata = file.metadata();
  EXPECT_EQ(metadata.get_string("tokenizer.ggml.pre"), "smollm");
  EXPECT_EQ(metadata.get_string("tokenizer.chat_template"), "D");
  EXPECT_EQ(metadata.get_string("tokenizer.chat_template.tool_use"), "T");
  EXPECT_EQ(metadata.get_strings("tokenizer.ggml.tokens"),
            (std::vector<std::string_view>{"a", "b", "ab", "<s>", "[PAD4]", "[PAD5]"}));
  EXPECT_EQ(metadata.get_ints("tokenizer.ggml.token_type"),
            (std::vector<int64_t>{1, 1, 1, 3, 5, 5}));
  EXPECT_EQ(metadata.get_uint("tokenizer.ggml.bos_token_id"), 3);
  const TokenizerFiles files = *tokenizer_files_from_gguf(file);
  const json config = json::parse(files.tokenizer_config_json);
  EXPECT_EQ(config["chat_template"][1]["name"], "tool_use");
  EXPECT_EQ(config["bos_token"], "<s>");
}

}  // namespace
}  // namespace deepseek
