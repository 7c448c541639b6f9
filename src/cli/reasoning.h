// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace deepseek::cli {

/// Dims what stands between <think> and </think> in a text that arrives in pieces, the tags
/// included. With `styled` false the text passes unchanged.
class ReasoningStyle {
 public:
  /// `inside`: the prompt ended with <think>, so the text begins in the middle of the reasoning.
  ReasoningStyle(bool styled, bool inside);

  /// What can be shown with this piece; the beginning of a tag is held back.
  std::string feed(std::string_view piece);
  /// What was held back, and the end of the dimming.
  std::string finish();

 private:
  bool styled_, inside_;
  bool dimmed_ = false;
  std::string held_;
};

/// Whether a prompt leaves the model inside its reasoning.
bool ends_in_reasoning(std::string_view prompt);

}  // namespace deepseek::cli
