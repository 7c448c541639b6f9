// SPDX-License-Identifier: Apache-2.0
#include "serve/store/search_words.h"

#include <algorithm>

#include "core/text.h"
#include "core/utf8.h"

namespace deepseek::store {
namespace {

constexpr size_t most_words = 8, longest_word_bytes = 64, excerpt_bytes = 160;

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

size_t characters(std::string_view text) {
  return size_t(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string doubled(std::string_view text, char mark) {
  std::string out;
  for (const char c : text) out += c == mark ? std::string(2, c) : std::string(1, c);
  return out;
}

/// %word% with LIKE's own signs escaped by a backslash.
std::string like_pattern(std::string_view word) {
  std::string pattern = "%";
  for (const char c : word) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern + "%";
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; }

}  // namespace

std::vector<std::string> search_words(std::string_view query) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty() && words.size() < most_words) words.push_back(word);
    word.clear();
  };
  for (const char c : replace_invalid_utf8(query)) {
    if (is_blank(c) || c == '\0')
      end_word();
    else if (word.size() < longest_word_bytes)
      word += c;
  }
  end_word();
  for (std::string& each : words) each.resize(complete_utf8_prefix(each));
  std::erase(words, "");
  return words;
}

std::string word_conditions(const std::vector<std::string>& words, std::string_view column,
                            std::string_view index_row, Dialect dialect,
                            std::vector<Value>& parameters) {
  std::string sql, phrase;
  for (const std::string& word : words) {
    if (dialect == Dialect::sqlite && !index_row.empty() && characters(word) >= 3) {
      phrase += concat(phrase.empty() ? "" : " AND ", "\"", doubled(word, '"'), "\"");
      continue;
    }
    sql +=
        concat(" AND ", column, dialect == Dialect::sqlite ? " LIKE" : " ILIKE", " ? ESCAPE '\\'");
    parameters.emplace_back(like_pattern(word));
  }
  if (phrase.empty()) return sql;
  parameters.emplace_back(phrase);
  return sql + concat(" AND ", index_row,
                      " IN (SELECT rowid FROM message_index WHERE message_index MATCH ?)");
}

std::string excerpt_around(std::string_view text, std::string_view word) {
  const auto found = std::search(text.begin(), text.end(), word.begin(), word.end(),
                                 [](char a, char b) { return lower(a) == lower(b); });
  const auto at = size_t(found - text.begin());
  size_t begin = at == text.size() || at < excerpt_bytes / 2 ? 0 : at - excerpt_bytes / 2;
  size_t end = std::min(text.size(), begin + excerpt_bytes);
  const auto inside_character = [&](size_t i) {
    return i < text.size() && (text[i] & 0xc0) == 0x80;
  };
  while (inside_character(begin)) ++begin;
  while (inside_character(end)) ++end;
  std::string excerpt =
      concat(begin > 0 ? "…" : "", text.substr(begin, end - begin), end < text.size() ? "…" : "");
  for (char& c : excerpt)
    if (is_blank(c)) c = ' ';
  return excerpt;
}

}  // namespace deepseek::store
