// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace deepseek::jinja {

/// Bytes [begin, end) of a text.
struct Span {
  int64_t begin, end;
  bool operator==(const Span&) const = default;
};

/// A string of a template: UTF-8, with the spans that came from the conversation rather than from
/// the template (sorted, disjoint, never touching).
struct Text {
  std::string bytes;
  std::vector<Span> content;
};
using TextPtr = std::shared_ptr<const Text>;

/// Puts a text together, keeping the marks of its pieces.
class TextBuilder {
 public:
  void append(std::string_view plain) { text_.bytes.append(plain); }
  void append_content(std::string_view bytes);
  void append(const Text& piece) { append(piece, 0, piece.bytes.size()); }
  /// Bytes [begin, end) of `piece`.
  void append(const Text& piece, size_t begin, size_t end);
  /// `bytes` as a new form of `origin`: all content if any of the origin was.
  void append_derived(std::string_view bytes, const Text& origin);

  int64_t size_bytes() const { return int64_t(text_.bytes.size()); }
  const Text& text() const { return text_; }
  Text take() { return std::move(text_); }

 private:
  void mark(int64_t begin, int64_t end);
  Text text_;
};

/// Bytes [begin, end) with their marks.
Text slice(const Text& text, size_t begin, size_t end);

/// Characters are code points; bytes that are not UTF-8 count as one for each maximal subpart.
int64_t count_characters(std::string_view text);
/// Where character `index` begins; the size of the text from its end on.
size_t offset_of_character(std::string_view text, int64_t index);
/// The size in bytes of the character at `offset`.
size_t character_size(std::string_view text, size_t offset);

/// Where `part` next begins in `text` at or after `from`, else npos; in linear time.
size_t find_bytes(std::string_view text, std::string_view part, size_t from);

/// As Python's str.isspace for one character.
bool is_space(char32_t c);
/// Byte range that is left after taking white space, or else the characters of `chars`, off the
/// chosen sides.
struct Trimmed {
  size_t begin, end;
};
enum class Sides { left, right, both };
Trimmed trim(std::string_view text, Sides sides, const std::string* chars = nullptr);

}  // namespace deepseek::jinja
