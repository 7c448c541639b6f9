// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>
#include <string_view>

#include "core/json.h"
#include "formats/chat_template.h"
#include "fuzz/exact_buffer.h"
#include "fuzz/refusal.h"

namespace {

using namespace deepseek;
using fuzz::require;

/// A character that stands in the conversations below and nowhere else.
constexpr std::string_view mark = "\U0001F9FF";

const std::array<nlohmann::ordered_json, 3>& contexts() {
  static const std::array<nlohmann::ordered_json, 3> all{
      nlohmann::ordered_json::parse(R"({
        "messages": [{"role": "system", "content": " Be brief.\n"},
                     {"role": "user", "content": "Hello 🧿 <|e|>"},
                     {"role": "assistant", "content": "<think>hm</think>\n\nHi 🧿!"},
                     {"role": "user", "content": "Why?"}],
        "add_generation_prompt": true, "bos_token": "<|b|>", "eos_token": "<|e|>"})"),
      nlohmann::ordered_json::parse(R"({
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Weather 🧿?"}]},
                     {"role": "assistant", "content": null, "tool_calls": [
                       {"id": "1", "type": "function", "function":
                         {"name": "weather🧿", "arguments": {"city": "Köln🧿", "days": 3}}}]},
                     {"role": "tool", "tool_call_id": "1", "content": "{\"t\": -1.5}🧿"}],
        "tools": [{"type": "function", "function": {
          "name": "weather🧿", "description": "Looks 🧿 up",
          "parameters": {"type": "object", "required": ["city"], "properties": {
            "city": {"type": "string"}, "days": {"type": "integer", "default": 1}}}}}],
        "add_generation_prompt": false, "enable_thinking": true, "big": 123456789012345678901234,
        "bos_token": "", "eos_token": "<|e|>"})"),
      nlohmann::ordered_json::parse(R"({"messages": []})")};
  return all;
}

/// Whether the template could spell the mark itself, as bytes or by an escape.
bool can_spell_mark(std::string_view source) {
  return source.find_first_of("\\\x9F") != std::string_view::npos;
}

/// Spans are sorted, apart, within the text; a mark, wherever the template has put it, is content.
void check(const RenderedPrompt& prompt, bool has_marks_of_its_own) {
  int64_t end = -1;
  for (const jinja::Span& span : prompt.content) {
    require(end < span.begin && span.begin < span.end);
    end = span.end;
  }
  require(end <= static_cast<int64_t>(prompt.text.size()));
  if (has_marks_of_its_own) return;
  size_t i = 0;
  for (size_t at = prompt.text.find(mark); at != std::string::npos;
       at = prompt.text.find(mark, at + 1)) {
    const auto begin = static_cast<int64_t>(at);
    while (i < prompt.content.size() && prompt.content[i].end <= begin) ++i;
    require(i < prompt.content.size() && prompt.content[i].begin <= begin &&
            begin + static_cast<int64_t>(mark.size()) <= prompt.content[i].end);
  }
}

/// Depths are those of real renderings, so that the stack is tested; work is cut short.
constexpr jinja::Limits limits{
    .steps = 100'000, .made_bytes = 8 << 20, .output_bytes = 1 << 20, .range_items = 1000};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::shared_ptr<const std::byte> copy = fuzz::exact_buffer(data, size);
  const std::string_view source(reinterpret_cast<const char*>(copy.get()), size);
  fuzz::accepts({ErrorKind::bad_file}, [&] {
    const ChatTemplate parsed = ChatTemplate::parse(source, "input", limits);
    for (const nlohmann::ordered_json& context : contexts())
      fuzz::accepts({ErrorKind::bad_file, ErrorKind::invalid_input}, [&] {
        constexpr std::time_t now = 1'700'000'000;
        check(parsed.render_marked(context, now), can_spell_mark(source));
      });
  });
  return 0;
}
