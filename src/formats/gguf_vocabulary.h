// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deepseek {

class GgufMetadata;
struct TokenizerParts;

/// The tokenizer.ggml.* metadata of a GGUF file, as it stands there.
struct GgufVocabulary {
  std::string model;                     // tokenizer.ggml.model
  std::string pre;                       // tokenizer.ggml.pre
  std::vector<std::string_view> tokens;  // by id, spelled in the byte-level alphabet
  std::vector<int64_t> token_types;      // see GgufTokenType; empty if the file has none
  std::vector<std::string_view> merges;  // "left right", by rank
  std::optional<int64_t> bos, eos, eot, eom, pad, unknown;  // *_token_id
  std::optional<bool> add_bos, add_eos;                     // add_bos_token, add_eos_token
};

/// Values of tokenizer.ggml.token_type.
enum class GgufTokenType : int64_t {
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6,
};

/// The vocabulary of a GGUF file; its strings live as long as the file. Throws bad_file when the
/// file has none.
GgufVocabulary gguf_vocabulary(const GgufMetadata& metadata);

/// Fills `parts`. Throws bad_file for what is malformed, unsupported for another model or a `pre`
/// that is not known.
void read_gguf_vocabulary(const GgufVocabulary& vocabulary, TokenizerParts& parts);

}  // namespace deepseek
