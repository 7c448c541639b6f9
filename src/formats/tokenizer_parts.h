// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "formats/added_tokens.h"
#include "formats/bpe.h"
#include "formats/normalizer.h"
#include "formats/pre_tokenizer.h"
#include "formats/token_table.h"
#include "formats/tokenizer.h"

namespace deepseek {

/// Memory that one call of encode works in.
struct EncodeScratch {
  Regex::Scratch regex;
  Bpe::Scratch bpe;
};

/// What the loaders fill in and a Tokenizer runs on. Order of work: `literal` added tokens,
/// normaliser, `normalized` added tokens, pre-tokenizer, merges.
struct TokenizerParts {
  explicit TokenizerParts(std::string file) : name(std::move(file)), tokens(name) {}

  std::string name;
  TokenTable tokens;
  AddedTokens literal, normalized;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  std::optional<Bpe> bpe;
  SpecialTokens special;
  std::vector<int32_t> before, after;  // what add_special adds

  /// Gives an added token its id: a new one, or one that the vocabulary has for the same text.
  /// Throws bad_file otherwise.
  int32_t take_id(int64_t id, std::string_view content);
  /// Files an added token, whose content is not empty, where it is to be looked for.
  void add(AddedToken token);
  /// Makes added tokens findable. Throws bad_file when one text has two ids.
  void index_added_tokens();
  /// The role's token, or bad_file if `id` is not in the vocabulary.
  int32_t role(std::string_view role, int64_t id) const;
  /// Sets before and after from the add_bos and add_eos of `special`.
  void surround_by_flags();

  std::unique_ptr<EncodeScratch> take_scratch() const;
  void give_back(std::unique_ptr<EncodeScratch> scratch) const;

 private:
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<EncodeScratch>> idle_;
};

}  // namespace deepseek
