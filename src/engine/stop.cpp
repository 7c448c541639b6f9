// SPDX-License-Identifier: Apache-2.0
#include "engine/stop.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace deepseek {

StopMatcher::StopMatcher(std::vector<std::string> stops) {
  for (std::string& stop : stops) {
    if (stop.empty())
      fail(ErrorKind::invalid_input,
           "stop: expected strings of at least one byte, got an empty one");
    std::vector<size_t> fallback(stop.size() + 1, 0);
    for (size_t i = 1, length = 0; i < stop.size(); ++i) {
      while (length > 0 && stop[i] != stop[length]) length = fallback[length];
      if (stop[i] == stop[length]) ++length;
      fallback[i + 1] = length;
    }
    patterns_.push_back({std::move(stop), std::move(fallback)});
  }
}

void StopMatcher::advance(Pattern& pattern, char c) const {
  while (pattern.length > 0 && pattern.text[pattern.length] != c)
    pattern.length = pattern.fallback[pattern.length];
  if (pattern.text[pattern.length] == c) ++pattern.length;
}

std::string StopMatcher::feed(std::string_view piece) {
  if (matched_) return {};
  for (const char c : piece) {
    held_ += c;
    size_t longest = 0;
    for (size_t i = 0; i < patterns_.size(); ++i) {
      Pattern& pattern = patterns_[i];
      advance(pattern, c);
      if (pattern.length == pattern.text.size() && pattern.length > longest) {
        longest = pattern.length;
        matched_ = i;
      }
    }
    if (!matched_) continue;
    held_.resize(held_.size() - longest);
    return std::exchange(held_, {});
  }
  size_t hold = 0;
  for (const Pattern& pattern : patterns_) hold = std::max(hold, pattern.length);
  std::string shown = held_.substr(0, held_.size() - hold);
  held_.erase(0, shown.size());
  return shown;
}

std::string StopMatcher::finish() { return std::exchange(held_, {}); }

}  // namespace deepseek
