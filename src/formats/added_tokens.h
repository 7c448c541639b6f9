// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deepseek {

/// A token that is looked for in the text before anything else happens to it.
struct AddedToken {
  std::string content;
  int32_t id = 0;
  /// It stands alone: no word character before or after it.
  bool single_word = false;
  /// It swallows the white space before or after it.
  bool lstrip = false, rstrip = false;
  /// It is looked for in the normalised text.
  bool normalized = false;
  /// It controls the model; text of users must not contain it.
  bool special = false;
};

/// A part of a text: an added token, or text between added tokens.
struct AddedTokenPart {
  std::string_view text;
  int32_t id = -1;  // -1 for text
};

/// Finds added tokens, the leftmost first and the longest of several at one place. What a match
/// covers is used up even if the match does not count.
class AddedTokens {
 public:
  /// Longest content; a file with longer ones is refused by its loader.
  static constexpr size_t max_content_bytes = 1024;

  void add(AddedToken token) { tokens_.push_back(std::move(token)); }
  /// Makes the tokens findable.
  void index();
  bool empty() const { return tokens_.empty(); }
  const std::vector<AddedToken>& tokens() const { return tokens_; }
  std::optional<int32_t> find(std::string_view content) const;

  /// The next token that counts, and where it begins and ends, strips included, searching from
  /// `*from` on; `*from` moves behind the match. `allowed` decides about special tokens. Nothing
  /// before `done` is used.
  struct Found {
    const AddedToken* token;
    size_t begin, end;
  };
  template <class Allowed>
  std::optional<Found> next(std::string_view text, size_t& from, size_t done,
                            Allowed&& allowed) const {
    size_t length = 0;
    while (const AddedToken* token = scan(text, from, length)) {
      const size_t begin = from;
      from += length;
      if (token->special && !allowed(begin, from)) continue;
      if (const auto found = accept(*token, text, begin, from, done)) return found;
    }
    return std::nullopt;
  }

 private:
  const AddedToken* scan(std::string_view text, size_t& from, size_t& length) const;
  const AddedToken* longest_at(std::string_view text) const;
  std::optional<Found> accept(const AddedToken& token, std::string_view text, size_t begin,
                              size_t end, size_t done) const;

  std::vector<AddedToken> tokens_;  // sorted by content once indexed
  std::array<uint32_t, 257> first_byte_{};
  int only_first_byte_ = -1;
};

}  // namespace deepseek
