// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/text_operations.h"

#include <algorithm>

#include "core/utf8.h"

namespace deepseek::jinja {
namespace {

bool space_at(const std::string& bytes, size_t at) {
  return is_space(read_utf8(std::string_view(bytes).substr(at)).code_point);
}

bool is_line_break(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

std::vector<Trimmed> words_of(const std::string& bytes) {
  std::vector<Trimmed> words;
  for (size_t at = 0; at < bytes.size();) {
    if (space_at(bytes, at)) {
      at += character_size(bytes, at);
      continue;
    }
    const size_t begin = at;
    while (at < bytes.size() && !space_at(bytes, at)) at += character_size(bytes, at);
    words.push_back({begin, at});
  }
  return words;
}

/// With a limit, what is left over stays whole, white space at its outer end
/// included.
void join_left_over(std::vector<Trimmed>& words, const std::string& bytes, int64_t most,
                    bool from_right) {
  if (most < 0 || int64_t(words.size()) - 1 <= most) return;
  if (from_right) {
    const size_t first = words.size() - size_t(most) - 1;
    words[first].begin = 0;
    words.erase(words.begin(), words.begin() + ptrdiff_t(first));
  } else {
    words.resize(size_t(most) + 1);
    words.back().end = bytes.size();
  }
}

}  // namespace

Value split_text(Runtime& runtime, const Text& text, const Text* separator, int64_t most,
                 bool from_right) {
  const std::string& bytes = text.bytes;
  runtime.count_steps(int64_t(bytes.size()) / 16);
  std::vector<Trimmed> pieces;
  if (separator == nullptr) {
    pieces = words_of(bytes);
    join_left_over(pieces, bytes, most, from_right);
  } else {
    const std::string& by = separator->bytes;
    std::vector<size_t> cuts;
    if (from_right) {
      runtime.count_search(bytes, by);
      size_t end = bytes.size();
      while (end >= by.size() && (most < 0 || int64_t(cuts.size()) < most)) {
        const size_t at = bytes.rfind(by, end - by.size());
        if (at == std::string::npos) break;
        cuts.push_back(at);
        end = at;
      }
      std::reverse(cuts.begin(), cuts.end());
    } else {
      for (size_t at = find_bytes(bytes, by, 0);
           at != std::string::npos && (most < 0 || int64_t(cuts.size()) < most);
           at = find_bytes(bytes, by, at + by.size()))
        cuts.push_back(at);
    }
    size_t begin = 0;
    for (const size_t cut : cuts) {
      pieces.push_back({begin, cut});
      begin = cut + by.size();
    }
    pieces.push_back({begin, bytes.size()});
  }
  runtime.count_bytes(int64_t(pieces.size()), 128);
  std::vector<Value> values;
  values.reserve(pieces.size());
  for (const Trimmed& piece : pieces)
    values.push_back(runtime.make_text(slice(text, piece.begin, piece.end)));
  return runtime.make_list(std::move(values));
}

Value lines_of(Runtime& runtime, const Text& text, bool keep_ends) {
  const std::string& bytes = text.bytes;
  runtime.count_steps(int64_t(bytes.size()) / 16);
  std::vector<Value> lines;
  size_t begin = 0;
  for (size_t at = 0; at < bytes.size();) {
    const size_t size = character_size(bytes, at);
    const size_t end = at;
    const bool breaks = is_line_break(read_utf8(std::string_view(bytes).substr(at)).code_point);
    at += size;
    if (!breaks) continue;
    if (bytes[end] == '\r' && at < bytes.size() && bytes[at] == '\n') ++at;
    runtime.count_bytes(128);
    lines.push_back(runtime.make_text(slice(text, begin, keep_ends ? at : end)));
    begin = at;
  }
  if (begin < bytes.size()) lines.push_back(runtime.make_text(slice(text, begin, bytes.size())));
  return runtime.make_list(std::move(lines));
}

Text replace_text(Runtime& runtime, const Text& text, const Text& old, const Text& by,
                  int64_t most) {
  TextBuilder out;
  const std::string& bytes = text.bytes;
  size_t begin = 0;
  int64_t done = 0;
  const auto put = [&](size_t at) {
    runtime.count_bytes(int64_t(at - begin + by.bytes.size()) + 16);
    out.append(text, begin, at);
    out.append(by);
    ++done;
  };
  if (old.bytes.empty()) {
    for (size_t at = 0; most < 0 || done < most; at += character_size(bytes, at)) {
      put(at);
      begin = at;
      if (at >= bytes.size()) break;
    }
  } else {
    for (size_t at = find_bytes(bytes, old.bytes, 0);
         at != std::string::npos && (most < 0 || done < most);
         at = find_bytes(bytes, old.bytes, begin)) {
      put(at);
      begin = at + old.bytes.size();
    }
  }
  out.append(text, begin, bytes.size());
  return out.take();
}

Text pad_text(Runtime& runtime, const Text& text, int64_t width, std::string_view fill,
              Padding side) {
  const int64_t characters = count_characters(text.bytes);
  const int64_t missing = width > characters ? width - characters : 0;
  runtime.count_bytes(missing, int64_t(fill.size()));
  // Python's str.center puts the odd character left when the width is odd.
  int64_t left = side == Padding::left ? missing : 0;
  if (side == Padding::both) left = missing / 2 + (missing & width & 1);
  TextBuilder out;
  for (int64_t i = 0; i < left; ++i) out.append(fill);
  out.append(text);
  for (int64_t i = left; i < missing; ++i) out.append(fill);
  return out.take();
}

Text replace_tabs(Runtime& runtime, const Text& text, int64_t tab_size) {
  TextBuilder out;
  int64_t column = 0;
  for (size_t at = 0; at < text.bytes.size();) {
    const size_t size = character_size(text.bytes, at);
    const char c = text.bytes[at];
    if (c == '\t') {
      const int64_t blanks = tab_size <= 0 ? 0 : tab_size - column % tab_size;
      runtime.count_bytes(blanks);
      for (int64_t i = 0; i < blanks; ++i) out.append(" ");
      column += blanks;
    } else {
      out.append(text, at, at + size);
      column = c == '\n' || c == '\r' ? 0 : column + 1;
    }
    at += size;
  }
  return out.take();
}

}  // namespace deepseek::jinja
