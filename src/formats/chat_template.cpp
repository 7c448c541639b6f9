// SPDX-License-Identifier: Apache-2.0
#include "formats/chat_template.h"

#include "core/json.h"
#include "formats/jinja/interpreter.h"
#include "formats/jinja/json.h"
#include "formats/jinja/parser.h"

namespace deepseek {

ChatTemplate::ChatTemplate(std::string name, const jinja::Limits& limits, jinja::Body body)
    : name_(std::move(name)),
      limits_(limits),
      body_(std::make_shared<const jinja::Body>(std::move(body))) {}

ChatTemplate ChatTemplate::parse(std::string_view text, std::string name,
                                 const jinja::Limits& limits) {
  jinja::Body body = jinja::parse(text, name, limits);
  return ChatTemplate(std::move(name), limits, std::move(body));
}

template <class Read>
RenderedPrompt ChatTemplate::run(std::optional<std::time_t> now, const Read& read_context) const {
  jinja::Interpreter interpreter(name_, limits_, now.value_or(std::time(nullptr)));
  const jinja::Value given = read_context(interpreter);
  if (given.as_dict() == nullptr)
    fail(ErrorKind::invalid_input, name_, ": a context must be a JSON object, got ",
         jinja::type_name(given));
  interpreter.allow_for(interpreter.made_bytes());
  jinja::Dict context = *given.as_dict();
  for (auto& [key, value] : context.entries)
    if (key.as_text()->bytes.ends_with("_token") && value.as_text() != nullptr)
      value = jinja::Value::string(value.as_text()->bytes);
  jinja::Text text = interpreter.render(*body_, std::move(context));
  return {std::move(text.bytes), std::move(text.content)};
}

RenderedPrompt ChatTemplate::render_marked(const nlohmann::ordered_json& context,
                                           std::optional<std::time_t> now) const {
  return run(now, [&](jinja::Runtime& in) { return jinja::from_json(in, context, true); });
}

std::string ChatTemplate::render(const nlohmann::ordered_json& context) const {
  return render_marked(context).text;
}

RenderedPrompt ChatTemplate::render_json(std::string_view context,
                                         std::optional<std::time_t> now) const {
  return run(now, [&](jinja::Runtime& in) { return jinja::parse_json(in, context, true); });
}

}  // namespace deepseek
