// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/progress.h"

namespace deepseek {

struct GgufVocabulary;
struct TokenizerParts;

struct EncodeOptions {
  /// Special tokens in the text become their ids. Otherwise tokens marked special are ordinary
  /// text; added tokens that are not special match all the same.
  bool parse_special = true;
  /// Adds what the model expects around a text: BOS, EOS.
  bool add_special = false;
  /// Told the bytes done, a few times a second on one core.
  ProgressSink progress = {};
};

struct DecodeOptions {
  bool skip_special = false;
};

/// A stretch of a text that is made of trusted and untrusted parts.
struct TextSpan {
  std::string_view text;
  bool parse_special = true;
};

/// Roles that the model's files give to tokens, absent where they say nothing.
struct SpecialTokens {
  std::optional<int32_t> bos, eos, eot, eom, pad, unknown;
  bool add_bos = false, add_eos = false;
};

/// Byte-level BPE with everything that belongs to it. Immutable and cheap to copy; any number of
/// threads may use one at once.
class Tokenizer {
 public:
  /// From the text of a tokenizer.json and, if there is one, of the tokenizer_config.json beside
  /// it. `name` is what messages call the file. Throws bad_file, or unsupported naming the
  /// component.
  static Tokenizer from_tokenizer_json(std::string_view json, const std::string& name,
                                       std::string_view config_json = {});
  /// From a tokenizer.json, or a folder that holds one.
  static Tokenizer open(const std::filesystem::path& path);
  /// From the metadata of a GGUF file. The strings need not outlive the call.
  static Tokenizer from_vocabulary(const GgufVocabulary& vocabulary, const std::string& name);

  /// Ids of a text; what is not UTF-8 in it counts as U+FFFD. Throws invalid_input when the
  /// vocabulary cannot spell the text.
  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options = {}) const;
  /// Ids of the spans' texts put together. Words may reach across spans; a special token counts
  /// only if none of it lies in a span that says not to parse them.
  std::vector<int32_t> encode(std::span<const TextSpan> spans, bool add_special = false,
                              const ProgressSink& progress = {}) const;

  /// Text of ids: special tokens kept unless told otherwise, no clean-up of spaces, bytes that are
  /// not UTF-8 as U+FFFD per maximal subpart. Throws invalid_input for an id outside the
  /// vocabulary.
  std::string decode(std::span<const int32_t> ids, const DecodeOptions& options = {}) const;

  /// Lets ids up to `vocab_size` be decoded, to nothing: a model's embedding is often padded past
  /// the last token.
  void pad_to(int64_t vocab_size) { padded_size_ = vocab_size; }

  /// One past the highest id that has a token.
  int64_t vocab_size() const;
  /// Bytes that a token stands for; part of a character, maybe. Empty for an id in a gap or in the
  /// padding. Throws invalid_input outside the vocabulary.
  std::string_view token_text(int32_t id) const;
  /// A token as vocabulary files spell it ("Ġthe").
  std::string token_piece(int32_t id) const;
  bool is_special(int32_t id) const;
  /// The token spelled so in the vocabulary file, added tokens first.
  std::optional<int32_t> find_token(std::string_view spelling) const;
  const SpecialTokens& special_tokens() const;
  /// What messages call the file.
  const std::string& name() const;

 private:
  explicit Tokenizer(std::shared_ptr<const TokenizerParts> parts) : parts_(std::move(parts)) {}
  /// Whether the id has a place in the table. Throws invalid_input outside table and padding.
  bool in_table(int64_t id) const;
  std::shared_ptr<const TokenizerParts> parts_;
  int64_t padded_size_ = 0;
};

/// Turns ids into text as they come: never shows half a character, and all that it returns put
/// together is Tokenizer::decode of all ids.
class StreamDecoder {
 public:
  explicit StreamDecoder(Tokenizer tokenizer, const DecodeOptions& options = {})
      : tokenizer_(std::move(tokenizer)), options_(options) {}
  /// The text that is complete with this id.
  std::string push(int32_t id);
  /// What is left: U+FFFD if the last character is unfinished.
  std::string finish();

 private:
  Tokenizer tokenizer_;
  DecodeOptions options_;
  std::string pending_;
};

}  // namespace deepseek
