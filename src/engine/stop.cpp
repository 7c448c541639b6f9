// SPDX-License-Identifier: Apache-2.0
#include "engine/stop.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace deepseek {
namespace {

std::vector<uint32_t> fallback_of(const std::string& text) {
  std::vector<uint32_t> fallback(text.size() + 1, 0);
  uint32_t length = 0;
  for (size_t i = 1; i < text.size(); ++i) {
    while (length > 0 && text[i] != text[length]) length = fallback[length];
    if (text[i] == text[length]) ++length;
    fallback[i + 1] = length;
  }
  return fallback;
}

}  // namespace

StopStrings::StopStrings(std::vector<std::string> texts) {
  Shared shared;
  for (const std::string& text : texts) shared.fallbacks.push_back(fallback_of(text));
  shared.texts = std::move(texts);
  shared_ = std::make_shared<const Shared>(std::move(shared));
}

StopMatcher::StopMatcher(StopStrings stops)
    : stops_(std::move(stops)), lengths_(stops_.texts().size(), 0) {
  for (const std::string& text : stops_.texts())
    if (text.empty())
      fail(ErrorKind::invalid_input,
           "stop: expected strings of at least one byte, got an empty one");
}

/// The length after one more byte.
size_t StopMatcher::advance(size_t index, char c) const {
  const std::string& text = stops_.texts()[index];
  size_t length = lengths_[index];
  while (length > 0 && text[length] != c) length = stops_.shared_->fallbacks[index][length];
  return text[length] == c ? length + 1 : length;
}

std::string StopMatcher::feed(std::string_view piece) {
  if (matched_) return {};
  for (const char c : piece) {
    held_ += c;
    size_t longest = 0;
    for (size_t i = 0; i < lengths_.size(); ++i) {
      lengths_[i] = advance(i, c);
      if (lengths_[i] == stops_.texts()[i].size() && lengths_[i] > longest) {
        longest = lengths_[i];
        matched_ = i;
      }
    }
    if (!matched_) continue;
    held_.resize(held_.size() - longest);
    return std::exchange(held_, {});
  }
  size_t hold = 0;
  for (const size_t length : lengths_) hold = std::max(hold, length);
  std::string shown = held_.substr(0, held_.size() - hold);
  held_.erase(0, shown.size());
  return shown;
}

std::string StopMatcher::finish() { return std::exchange(held_, {}); }

}  // namespace deepseek
