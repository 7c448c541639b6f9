// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "core/json.h"
#include "formats/gguf_vocabulary.h"
#include "formats/tokenizer.h"
#include "tests/formats/refusal.h"
#include "tests/formats/tiny_tokenizer.h"

namespace deepseek {
namespace {

using nlohmann::json;
using testing::expect_refusal;
using testing::tiny_tokenizer;
using testing::tiny_tokenizer_json;

void expect_file_refused(const std::string& text, ErrorKind kind,
                         const std::vector<std::string_view>& parts) {
  expect_refusal([&] { Tokenizer::from_tokenizer_json(text, "model/tokenizer.json"); }, kind,
                 parts);
}

void expect_change_refused(const std::function<void(json&)>& change, ErrorKind kind,
                           std::vector<std::string_view> parts) {
  json file = tiny_tokenizer_json();
  change(file);
  parts.push_back("model/tokenizer.json");
  expect_file_refused(file.dump(), kind, parts);
}

/// The file with one stretch of its text replaced, for what a JSON library cannot say.
std::string with_text(const std::string& from, const std::string& to) {
  std::string text = tiny_tokenizer_json().dump();
  const size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return text.replace(at, from.size(), to);
}

constexpr ErrorKind bad_file = ErrorKind::bad_file;
constexpr ErrorKind unsupported = ErrorKind::unsupported;

TEST(TokenizerRefusals, WhatIsNotJsonOrNotAnObject) {
  expect_file_refused("", bad_file, {"expected JSON", "model/tokenizer.json"});
  expect_file_refused("{\"model\": ", bad_file, {"expected JSON"});
  expect_file_refused("[1, 2]", bad_file, {"expected an object"});
  expect_file_refused("{}", bad_file, {"model", "expected an object"});
  expect_file_refused(std::string(100'000, '['), bad_file, {"nested at most 200"});
  expect_file_refused(R"({"model": {}, "model": {}})", bad_file, {"\"model\" twice"});
  expect_file_refused("{\"model\": \"\xFF\"}", bad_file, {"expected JSON"});
}

TEST(TokenizerRefusals, TheConfigIsNamedForWhatIsWrongInIt) {
  const std::string file = tiny_tokenizer_json().dump();
  const auto open = [&](const char* config) {
    Tokenizer::from_tokenizer_json(file, "model/tokenizer.json", config);
  };
  expect_refusal([&] { open("{"); }, bad_file, {"model/tokenizer_config.json", "expected JSON"});
  expect_refusal([&] { open("{\"bos_token\": 5}"); }, bad_file,
                 {"model/tokenizer_config.json", "bos_token", "expected a string, got 5"});
}

TEST(TokenizerRefusals, ModelsOfOtherKinds) {
  for (const char* type : {"WordPiece", "Unigram", "WordLevel"})
    expect_change_refused([&](json& file) { file["model"]["type"] = type; }, unsupported,
                          {"model.type", type});
  expect_change_refused([](json& file) { file["model"]["byte_fallback"] = true; }, unsupported,
                        {"byte_fallback"});
  expect_change_refused([](json& file) { file["model"]["dropout"] = 0.1; }, unsupported,
                        {"dropout"});
  expect_change_refused([](json& file) { file["model"]["end_of_word_suffix"] = "</w>"; },
                        unsupported, {"end_of_word_suffix", "</w>"});
  expect_change_refused([](json& file) { file["model"].erase("vocab"); }, bad_file,
                        {"vocab", "expected an object, got null"});
  expect_change_refused([](json& file) { file["model"]["merges"] = "a b"; }, bad_file,
                        {"merges", "expected a list"});
  expect_change_refused([](json& file) { file["model"]["ignore_merges"] = 1; }, bad_file,
                        {"ignore_merges", "expected true or false, got 1"});
}

TEST(TokenizerRefusals, IdsThatAreWrong) {
  const auto vocab = [](const char* id) {
    return with_text("\"!\":", std::string("\"!\":") + id + ",\"?!\":");
  };
  expect_file_refused(vocab("-1"), bad_file, {"\"!\"", "0 or more", "-1"});
  expect_file_refused(vocab("2147483648"), bad_file, {"\"!\"", "2147483648"});
  expect_file_refused(vocab("18446744073709551615"), bad_file, {"\"!\"", "ids unused"});
  expect_file_refused(vocab("50000000"), bad_file, {"\"!\"", "50000000"});
  expect_file_refused(vocab("5"), bad_file, {"id 5", "unique"});
  for (const char* value : {"1.5", "\"7\"", "null", "[1]", "{}", "true"})
    expect_file_refused(vocab(value), bad_file, {"model.vocab", "\"!\"", "expected an id"});
}

TEST(TokenizerRefusals, MergesThatDoNotFitTheVocabulary) {
  const auto merge = [](json value) {
    return [value = std::move(value)](json& file) { file["model"]["merges"].push_back(value); };
  };
  expect_change_refused(merge({"zq", "a"}), bad_file, {"merge 3", "\"zq\" is not a token"});
  expect_change_refused(merge({"Z", "Q"}), bad_file, {"\"ZQ\" is not a token"});
  expect_change_refused(merge("a b c"), bad_file, {"merges[", "other than two parts"});
  expect_change_refused(merge("ab"), bad_file, {"other than two parts"});
  expect_change_refused(merge({"a"}), bad_file, {"other than two strings"});
  expect_change_refused(merge({"a", "b", "c"}), bad_file, {"other than two strings"});
  expect_change_refused(merge({"a", 1}), bad_file, {"merges[", "a number"});
  expect_change_refused(merge(7), bad_file, {"merges[", "a number"});
  expect_change_refused(merge({"", "a"}), bad_file, {"empty"});
  expect_change_refused(merge({"月", "a"}), bad_file, {"byte-level alphabet"});
  expect_change_refused(merge(json::object()), bad_file, {"merges[", "an object"});
}

TEST(TokenizerRefusals, ComponentsThatAreNotDoneHere) {
  const auto set = [](const char* key, const char* text) {
    return [=](json& file) { file[key] = json::parse(text); };
  };
  expect_change_refused(set("normalizer", R"({"type": "Precompiled"})"), unsupported,
                        {"normalizer", "\"Precompiled\""});
  expect_change_refused(
      set("normalizer", R"({"type": "Sequence", "normalizers": [{"type": "Nmt"}]})"), unsupported,
      {"normalizers[0]", "\"Nmt\""});
  expect_change_refused(set("pre_tokenizer", R"({"type": "Metaspace"})"), unsupported,
                        {"pre_tokenizer", "\"Metaspace\""});
  expect_change_refused(set("pre_tokenizer", "null"), unsupported, {"ByteLevel"});
  expect_change_refused(set("pre_tokenizer", R"({"type": "Sequence", "pretokenizers":
      [{"type": "ByteLevel"}, {"type": "Digits"}]})"),
                        unsupported, {"ByteLevel must come last"});
  expect_change_refused(set("pre_tokenizer", R"({"type": "Split", "pattern": {"Regex": "a"},
      "behavior": "Sideways"})"),
                        unsupported, {"behavior", "\"Sideways\""});
  expect_change_refused(set("decoder", R"({"type": "WordPiece"})"), unsupported,
                        {"decoder", "\"WordPiece\""});
  expect_change_refused(set("decoder", "null"), unsupported, {"decoder", "ByteLevel"});
  expect_change_refused(set("post_processor", R"({"type": "BertProcessing"})"), unsupported,
                        {"post_processor", "\"BertProcessing\""});
  expect_change_refused(set("normalizer", R"({"kind": "NFC"})"), bad_file,
                        {"normalizer.type", "expected a string"});
  expect_change_refused(set("normalizer", "\"NFC\""), bad_file,
                        {"normalizer", "expected an object"});
  json many = {{"type", "Sequence"}, {"pretokenizers", json::array()}};
  for (int i = 0; i < 65; ++i) many["pretokenizers"].push_back({{"type", "Digits"}});
  expect_change_refused(set("pre_tokenizer", many.dump().c_str()), unsupported, {"more than 64"});
}

TEST(TokenizerRefusals, PatternsThatDoNotCompileOrHaveNoCounterpart) {
  const auto pattern = [](const std::string& regex) {
    return [=](json& file) {
      file["pre_tokenizer"]["pretokenizers"][0] = {
          {"type", "Split"}, {"behavior", "Isolated"}, {"pattern", {{"Regex", regex}}}};
    };
  };
  expect_change_refused(pattern("(a"), bad_file, {"pretokenizers[0].pattern", "(a"});
  expect_change_refused(pattern("\\p{Nonsense}"), bad_file, {"\\p{Nonsense}"});
  expect_change_refused(pattern("[b-a]"), bad_file, {"range out of order"});
  expect_change_refused(pattern("[a[bc]]"), unsupported, {"a class inside a class"});
  expect_change_refused(pattern("[a-z&&[^b]]"), unsupported, {"an intersection of classes"});
  expect_change_refused(pattern("a{2,3}+"), unsupported, {"a possessive interval"});
  expect_change_refused(pattern("(*FAIL)"), unsupported, {"(*…)"});
  expect_change_refused(pattern("a\\"), unsupported, {"a backslash at the end"});
  expect_change_refused(pattern("[a"), unsupported, {"a character class without end"});
  expect_change_refused(pattern(std::string(100'000, 'a')), bad_file, {"longer than the limit"});
}

TEST(TokenizerRefusals, PatternsThatWouldHang) {
  json file = tiny_tokenizer_json();
  for (const char* regex : {"(a|aa)+$", "(a+)+[bc]", "(?:a|b)+(?:a|b)+(?:a|b)+[cd]"}) {
    file["pre_tokenizer"]["pretokenizers"][0] = {
        {"type", "Split"}, {"behavior", "Isolated"}, {"pattern", {{"Regex", regex}}}};
    const Tokenizer tokenizer = Tokenizer::from_tokenizer_json(file.dump(), "tokenizer.json");
    expect_refusal([&] { tokenizer.encode(std::string(5000, 'a') + "!"); }, unsupported,
                   {"tokenizer.json", "limits"});
  }
}

TEST(TokenizerRefusals, AddedTokensThatContradict) {
  const auto add = [](json token) {
    return [token = std::move(token)](json& file) { file["added_tokens"].push_back(token); };
  };
  expect_change_refused(add({{"id", 5}, {"content", "<x>"}, {"special", true}}), bad_file,
                        {"\"<x>\"", "id 5", "unique"});
  expect_change_refused(add({{"id", 700}, {"content", "the"}, {"special", true}}), bad_file,
                        {"\"the\"", "700"});
  expect_change_refused(add({{"id", 603}, {"content", "<tool>"}, {"normalized", false}}), bad_file,
                        {"\"<tool>\"", "602 and 603"});
  expect_change_refused(add({{"id", 1 << 30}, {"content", "<x>"}}), bad_file, {"1073741824"});
  expect_change_refused(add({{"id", -3}, {"content", "<x>"}}), bad_file, {"-3"});
  expect_change_refused(add({{"id", "603"}, {"content", "<x>"}}), bad_file,
                        {"expected an integer"});
  expect_change_refused(add({{"id", 603}, {"content", 1}}), bad_file, {"expected a string"});
  expect_change_refused(add({{"id", 603}, {"content", std::string(2000, 'x')}}), unsupported,
                        {"at most 1024 bytes, got 2000"});
  expect_change_refused(
      [](json& file) {
        file["added_tokens"] = {{"id", 1}};
      },
      bad_file, {"added_tokens", "expected a list"});
  expect_change_refused(
      [](json& file) {
        file["post_processor"] = json::parse(R"({"type": "TemplateProcessing", "single":
            [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}],
            "special_tokens": {"<s>": {"ids": [9999]}}})");
      },
      bad_file, {"<s>", "9999"});
}

TEST(TokenizerRefusals, IdsOutsideTheVocabulary) {
  const Tokenizer tokenizer = tiny_tokenizer();
  for (const int32_t id : {-1, 603, INT32_MAX}) {
    const std::string text = std::to_string(id);
    const std::vector<int32_t> ids{1, id};
    expect_refusal([&] { tokenizer.decode(ids); }, ErrorKind::invalid_input, {text, "603 tokens"});
    expect_refusal([&] { StreamDecoder(tokenizer).push(id); }, ErrorKind::invalid_input, {text});
    expect_refusal([&] { tokenizer.token_piece(id); }, ErrorKind::invalid_input, {text});
    expect_refusal([&] { tokenizer.is_special(id); }, ErrorKind::invalid_input, {text});
  }
}

TEST(TokenizerRefusals, TextThatTheVocabularyCannotSpell) {
  json file = tiny_tokenizer_json();
  file["model"] = {{"type", "BPE"}, {"vocab", {{"a", 0}, {"b", 1}}}, {"merges", json::array()}};
  file["added_tokens"] = json::array();
  const Tokenizer tokenizer = Tokenizer::from_tokenizer_json(file.dump(), "tokenizer.json");
  EXPECT_EQ(tokenizer.encode("abba"), (std::vector<int32_t>{0, 1, 1, 0}));
  expect_refusal([&] { tokenizer.encode("abc"); }, ErrorKind::invalid_input,
                 {"tokenizer.json", "byte 99 (\"c\")"});
}

GgufVocabulary small_vocabulary() {
  GgufVocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = "qwen2";
  vocabulary.tokens = {"a", "b", "ab", "<|end|>"};
  vocabulary.token_types = {1, 1, 1, 3};
  vocabulary.merges = {"a b"};
  return vocabulary;
}

TEST(TokenizerRefusals, GgufMetadataThatContradict) {
  const auto expect = [](const std::function<void(GgufVocabulary&)>& change, ErrorKind kind,
                         const std::vector<std::string_view>& parts) {
    GgufVocabulary vocabulary = small_vocabulary();
    change(vocabulary);
    expect_refusal([&] { Tokenizer::from_vocabulary(vocabulary, "model.gguf"); }, kind, parts);
  };
  EXPECT_EQ(Tokenizer::from_vocabulary(small_vocabulary(), "model.gguf").encode("aab<|end|>"),
            (std::vector<int32_t>{0, 2, 3}));
  expect([](auto& v) { v.model = "llama"; }, unsupported, {"model.gguf", "\"llama\"", "gpt2"});
  expect([](auto& v) { v.pre = "tekken"; }, unsupported, {"pre", "\"tekken\"", "deepseek-v3"});
  expect([](auto& v) { v.pre = ""; }, unsupported, {"pre", "\"\""});
  expect([](auto& v) { v.tokens.clear(); }, bad_file, {"tokens", "none"});
  expect([](auto& v) { v.token_types.pop_back(); }, bad_file, {"token_type", "4", "3"});
  expect([](auto& v) { v.tokens[1] = "a"; }, bad_file, {"tokens 0 and 1", "unique"});
  expect([](auto& v) { v.merges = {"a c"}; }, bad_file, {"merge 0", "\"c\" is not a token"});
  expect([](auto& v) { v.merges = {"ab"}; }, bad_file, {"merges[0]", "two parts"});
  expect([](auto& v) { v.merges = {" a"}; }, bad_file, {"merges[0]", "two parts"});
  expect([](auto& v) { v.merges = {"a "}; }, bad_file, {"merges[0]", "two parts"});
  expect([](auto& v) { v.bos = 4; }, bad_file, {"bos_token_id", "4"});
  expect([](auto& v) { v.eos = -1; }, bad_file, {"eos_token_id", "-1"});
}

}  // namespace
}  // namespace deepseek
