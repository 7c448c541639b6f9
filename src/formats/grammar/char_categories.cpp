// SPDX-License-Identifier: Apache-2.0
#include "formats/grammar/char_categories.h"

#include <utf8proc.h>

#include <array>
#include <mutex>

namespace deepseek::grammar {
namespace {

constexpr char32_t code_points = 0x110000;

/// Ranges of each category, found once.
struct Categories {
  std::array<std::string, 32> names;
  std::array<std::vector<CharRange>, 32> ranges;

  Categories() {
    for (char32_t c = 0; c < code_points; ++c) {
      const auto category = size_t(utf8proc_category(utf8proc_int32_t(c)));
      if (category >= ranges.size()) continue;
      if (names[category].empty()) names[category] = utf8proc_category_string(utf8proc_int32_t(c));
      std::vector<CharRange>& list = ranges[category];
      if (!list.empty() && list.back().last + 1 == c)
        list.back().last = c;
      else
        list.push_back({c, c});
    }
  }
};

}  // namespace

std::optional<CharSet> category_chars(std::string_view name) {
  if (name == "Any") return CharSet::all();
  if (name == "ASCII") return CharSet(std::vector<CharRange>{{0, 0x7F}});
  static const Categories categories;
  std::vector<CharRange> ranges;
  for (size_t i = 0; i < categories.names.size(); ++i) {
    const std::string& known = categories.names[i];
    if (known.empty()) continue;
    const bool cased = name == "L&" && (known == "Lu" || known == "Ll" || known == "Lt");
    if (cased || known == name || (name.size() == 1 && known[0] == name[0]))
      ranges.insert(ranges.end(), categories.ranges[i].begin(), categories.ranges[i].end());
  }
  if (ranges.empty()) return std::nullopt;
  return CharSet(ranges);
}

}  // namespace deepseek::grammar
