// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"
#include "formats/byte_level.h"
#include "formats/tokenizer.h"
#include "tests/support/shared_data.h"

namespace deepseek::testing {

/// tests/data/tokenizer/tiny.json with the pre-tokenizer of SmolLM and added tokens of both kinds.
inline nlohmann::json tiny_tokenizer_json() {
  using nlohmann::json;
  json file = json::parse(
      read_data(std::filesystem::path(DEEPSEEK_SOURCE_DIR) / "tests/data/tokenizer/tiny.json"));
  const auto added = [](int id, const char* content, bool special) {
    return json{{"id", id},        {"content", content},   {"special", special}, {"lstrip", false},
                {"rstrip", false}, {"single_word", false}, {"normalized", false}};
  };
  file["added_tokens"] = {added(600, "<|begin|>", true), added(601, "<|end|>", true),
                          added(602, "<tool>", false)};
  file["pre_tokenizer"] = json::parse(R"({"type": "Sequence", "pretokenizers": [
      {"type": "Digits", "individual_digits": true},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}]})");
  return file;
}

inline Tokenizer tiny_tokenizer() {
  return Tokenizer::from_tokenizer_json(
      tiny_tokenizer_json().dump(), "tiny",
      R"({"bos_token": "<|begin|>", "eos_token": "<|end|>", "tokenizer_class": "Other"})");
}

/// Bytes as vocabulary files spell them.
inline std::string spelled(std::string_view bytes) { return byte_level_spelling(bytes); }

}  // namespace deepseek::testing
