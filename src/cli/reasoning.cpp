// SPDX-License-Identifier: Apache-2.0
#include "cli/reasoning.h"

#include <algorithm>

namespace deepseek::cli {
namespace {

constexpr std::string_view opening = "<think>", closing = "</think>";
constexpr std::string_view dim = "\x1b[2m", normal = "\x1b[0m";

/// Length of the longest end of `text` that is a beginning of `tag`.
size_t unfinished(std::string_view text, std::string_view tag) {
  for (size_t size = std::min(text.size(), tag.size() - 1); size > 0; --size)
    if (text.ends_with(tag.substr(0, size))) return size;
  return 0;
}

}  // namespace

ReasoningStyle::ReasoningStyle(bool styled, bool inside) : styled_(styled), inside_(inside) {}

std::string ReasoningStyle::feed(std::string_view piece) {
  if (!styled_) return std::string(piece);
  held_ += piece;
  std::string shown;
  while (true) {
    if (inside_ && !dimmed_) {
      shown += dim;
      dimmed_ = true;
    }
    const std::string_view tag = inside_ ? closing : opening;
    const size_t at = held_.find(tag);
    if (at == std::string::npos) {
      const size_t ready = held_.size() - unfinished(held_, tag);
      shown += held_.substr(0, ready);
      held_.erase(0, ready);
      return shown;
    }
    const size_t end = inside_ ? at + tag.size() : at;
    shown += held_.substr(0, end);
    held_.erase(0, end);
    if (inside_) {
      shown += normal;
      dimmed_ = false;
    } else {
      shown += dim;
      dimmed_ = true;
      shown += tag;
      held_.erase(0, tag.size());
    }
    inside_ = !inside_;
  }
}

std::string ReasoningStyle::finish() {
  std::string rest = std::move(held_);
  held_.clear();
  if (dimmed_) rest += normal;
  dimmed_ = false;
  return rest;
}

bool ends_in_reasoning(std::string_view prompt) {
  while (!prompt.empty() && (prompt.back() == '\n' || prompt.back() == ' '))
    prompt.remove_suffix(1);
  return prompt.ends_with(opening);
}

}  // namespace deepseek::cli
