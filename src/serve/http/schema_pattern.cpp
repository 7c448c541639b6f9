// SPDX-License-Identifier: Apache-2.0
#include "serve/http/schema_pattern.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "core/error.h"

namespace deepseek::serve {

CharacterPattern CharacterPattern::parse(std::string_view pattern) {
  const auto malformed = [&]() {
    fail(ErrorKind::internal, "schema pattern '", pattern,
         "': expected ^[CLASS]{N,M}$, ^[CLASS]+$ or ^[CLASS]*$");
  };
  const size_t close = pattern.find(']');
  if (!pattern.starts_with("^[") || close == pattern.npos || !pattern.ends_with('$')) malformed();
  const std::string_view set = pattern.substr(2, close - 2);
  std::string_view count = pattern.substr(close + 1, pattern.size() - close - 2);
  if (set.empty() || set[0] == '^' || set.find('\\') != set.npos) malformed();

  CharacterPattern parsed;
  for (size_t i = 0; i < set.size(); ++i) {
    const auto first = static_cast<unsigned char>(set[i]);
    auto last = first;
    if (i + 2 < set.size() && set[i + 1] == '-') {
      last = static_cast<unsigned char>(set[i + 2]);
      i += 2;
    }
    if (first > 127 || last > 127 || last < first) malformed();
    for (unsigned c = first; c <= last; ++c) parsed.allowed_.set(c);
  }
  parsed.most_ = SIZE_MAX;
  if (count == "+") {
    parsed.least_ = 1;
  } else if (count != "*") {
    const size_t comma = count.find(',');
    const auto digits = [](std::string_view text) {
      return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == text.npos;
    };
    if (count.size() < 5 || count[0] != '{' || !count.ends_with('}') || comma == count.npos)
      malformed();
    const std::string_view least = count.substr(1, comma - 1);
    const std::string_view most = count.substr(comma + 1, count.size() - comma - 2);
    if (!digits(least) || !digits(most)) malformed();
    parsed.least_ = std::stoul(std::string(least));
    parsed.most_ = std::stoul(std::string(most));
  }
  return parsed;
}

bool CharacterPattern::matches(std::string_view text) const {
  return text.size() >= least_ && text.size() <= most_ &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte < 128 && allowed_.test(byte);
         });
}

}  // namespace deepseek::serve
