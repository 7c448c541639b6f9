// SPDX-License-Identifier: Apache-2.0
#include "formats/added_tokens.h"

#include <algorithm>
#include <cstring>

#include "formats/unicode.h"

namespace deepseek {

void AddedTokens::index() {
  std::stable_sort(tokens_.begin(), tokens_.end(),
                   [](const AddedToken& a, const AddedToken& b) { return a.content < b.content; });
  first_byte_.fill(0);
  for (const AddedToken& token : tokens_)
    ++first_byte_[static_cast<unsigned char>(token.content[0]) + 1];
  int different = 0;
  for (int byte = 0; byte < 256; ++byte) {
    if (first_byte_[byte + 1] > 0) {
      only_first_byte_ = byte;
      ++different;
    }
    first_byte_[byte + 1] += first_byte_[byte];
  }
  if (different != 1) only_first_byte_ = -1;
}

std::optional<int32_t> AddedTokens::find(std::string_view content) const {
  const auto at = std::lower_bound(
      tokens_.begin(), tokens_.end(), content,
      [](const AddedToken& token, std::string_view text) { return token.content < text; });
  if (at == tokens_.end() || at->content != content) return std::nullopt;
  return at->id;
}

const AddedToken* AddedTokens::longest_at(std::string_view text) const {
  const unsigned char first = static_cast<unsigned char>(text[0]);
  // The tokens that share the first `length` bytes with the text are neighbours.
  size_t low = first_byte_[first], high = first_byte_[first + 1];
  const AddedToken* best = nullptr;
  for (size_t length = 1; low < high; ++length) {
    if (tokens_[low].content.size() == length) {
      best = &tokens_[low];
      while (low < high && tokens_[low].content.size() == length) ++low;
    }
    if (length == text.size()) break;
    const unsigned char byte = static_cast<unsigned char>(text[length]);
    const auto at = [&](const AddedToken& token) {
      return static_cast<unsigned char>(token.content[length]);
    };
    const auto begin = tokens_.begin();
    const auto less = [&](const AddedToken& token, unsigned char b) { return at(token) < b; };
    const auto greater = [&](unsigned char b, const AddedToken& token) { return b < at(token); };
    const size_t new_low = std::lower_bound(begin + low, begin + high, byte, less) - begin;
    high = std::upper_bound(begin + new_low, begin + high, byte, greater) - begin;
    low = new_low;
  }
  return best;
}

const AddedToken* AddedTokens::scan(std::string_view text, size_t& from, size_t& length) const {
  if (tokens_.empty()) return nullptr;
  for (; from < text.size(); ++from) {
    if (only_first_byte_ >= 0) {
      const void* at = std::memchr(text.data() + from, only_first_byte_, text.size() - from);
      if (!at) return nullptr;
      from = static_cast<const char*>(at) - text.data();
    } else {
      const unsigned char byte = static_cast<unsigned char>(text[from]);
      if (first_byte_[byte] == first_byte_[byte + 1]) continue;
    }
    if (const AddedToken* token = longest_at(text.substr(from))) {
      length = token->content.size();
      return token;
    }
  }
  return nullptr;
}

std::optional<AddedTokens::Found> AddedTokens::accept(const AddedToken& token,
                                                      std::string_view text, size_t begin,
                                                      size_t end, size_t done) const {
  const std::string_view before = text.substr(0, begin), after = text.substr(end);
  if (token.single_word && (ends_with_word(before) || starts_with_word(after))) return std::nullopt;
  if (token.lstrip) begin -= trailing_white_space(before);
  if (token.rstrip) end += leading_white_space(after);
  begin = std::max(begin, done);
  return Found{&token, begin, std::max(end, begin)};
}

}  // namespace deepseek
