// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ctime>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/jinja/ast.h"
#include "formats/jinja/runtime.h"

namespace deepseek {

/// A prompt and which of its bytes came from the conversation. Special tokens are only to be read
/// outside those spans, so that a message that spells one stays text.
struct RenderedPrompt {
  std::string text;
  std::vector<jinja::Span> content;  // sorted, disjoint
};

/// A chat template in the language of Jinja, as Hugging Face renders it: trim_blocks,
/// lstrip_blocks, loop controls, tojson without ASCII escaping, raise_exception, strftime_now.
///
/// A context is a JSON object with `messages` and whatever else the template reads (`tools`,
/// `add_generation_prompt`, `bos_token`, …); the order of keys is kept. All its strings count as
/// content but those whose top-level key ends in "_token".
class ChatTemplate {
 public:
  /// Throws bad_file naming `name`, the line and what was expected.
  static ChatTemplate parse(std::string_view text, std::string name,
                            const jinja::Limits& limits = {});

  /// Throws bad_file when the template is over a budget, invalid_input when it cannot render this
  /// context; what the template itself raises is the message alone. `now` is for strftime_now.
  RenderedPrompt render_marked(const nlohmann::ordered_json& context,
                               std::optional<std::time_t> now = std::nullopt) const;
  std::string render(const nlohmann::ordered_json& context) const;

  /// The same from the text of the JSON object, with integers of any size kept.
  RenderedPrompt render_json(std::string_view context,
                             std::optional<std::time_t> now = std::nullopt) const;

  const std::string& name() const { return name_; }

 private:
  ChatTemplate(std::string name, const jinja::Limits& limits, jinja::Body body);
  template <class Read>
  RenderedPrompt run(std::optional<std::time_t> now, const Read& read_context) const;

  std::string name_;
  jinja::Limits limits_;
  std::shared_ptr<const jinja::Body> body_;
};

}  // namespace deepseek
