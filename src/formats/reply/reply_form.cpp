// SPDX-License-Identifier: Apache-2.0
#include "formats/reply/reply_form.h"

#include <algorithm>
#include <array>

namespace deepseek {
namespace {

constexpr std::array<ToolForm, 6> forms{{
    {.name = "deepseek-v3",
     .block_open = "<｜tool▁calls▁begin｜>",
     .block_close = "<｜tool▁calls▁end｜>",
     .call_open = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
     .name_close = "\n```json\n",
     .call_close = "\n```<｜tool▁call▁end｜>",
     .between_calls = "\n"},
    {.name = "deepseek-v3.1",
     .block_open = "<｜tool▁calls▁begin｜>",
     .block_close = "<｜tool▁calls▁end｜>",
     .call_open = "<｜tool▁call▁begin｜>",
     .name_close = "<｜tool▁sep｜>",
     .call_close = "<｜tool▁call▁end｜>"},
    {.name = "deepseek-v3.2",
     .block_open = "<｜DSML｜function_calls>\n",
     .block_close = "</｜DSML｜function_calls>",
     .call_open = "<｜DSML｜invoke name=\"",
     .name_close = "\">\n",
     .call_close = "</｜DSML｜invoke>\n",
     .parameters = true,
     .before = "\n\n"},
    {.name = "deepseek-v4",
     .block_open = "<｜DSML｜tool_calls>\n",
     .block_close = "</｜DSML｜tool_calls>",
     .call_open = "<｜DSML｜invoke name=\"",
     .name_close = "\">\n",
     .call_close = "</｜DSML｜invoke>\n",
     .parameters = true,
     .before = "\n\n"},
    {.name = "qwen",
     .call_open = "<tool_call>\n{\"name\": \"",
     .name_close = "\", \"arguments\": ",
     .call_close = "}\n</tool_call>",
     .between_calls = "\n",
     .json_call = true},
    {.name = "llama",
     .call_open = "{\"name\": \"",
     .name_close = "\", \"parameters\": ",
     .call_close = "}",
     .json_call = true,
     .at_start = true,
     .many = false},
}};

bool holds(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

const ToolForm* tool_form(std::string_view text) {
  if (holds(text, "DSML"))
    return find_tool_form(holds(text, "tool_calls>") ? "deepseek-v4" : "deepseek-v3.2");
  if (holds(text, "<｜tool▁calls▁begin｜>"))
    return find_tool_form(holds(text, "```json") ? "deepseek-v3" : "deepseek-v3.1");
  if (holds(text, "<tool_call>")) return find_tool_form("qwen");
  if (holds(text, "\"parameters\": ") && holds(text, "ipython")) return find_tool_form("llama");
  return nullptr;
}

/// Whether arguments are handed to the template as text: it neither serialises them nor looks into
/// them, but puts them together with other text.
bool wants_text(std::string_view text) {
  for (size_t at = text.find("arguments"); at != std::string_view::npos;
       at = text.find("arguments", at + 1)) {
    std::string_view rest = text.substr(at + std::string_view("arguments").size());
    const size_t use = rest.find_first_not_of("']\") ");
    if (use == std::string_view::npos) continue;
    rest.remove_prefix(use);
    if (rest.starts_with("+")) return true;
  }
  return false;
}

}  // namespace

const ToolForm* find_tool_form(std::string_view name) {
  const auto found = std::ranges::find(forms, name, &ToolForm::name);
  return found == forms.end() ? nullptr : &*found;
}

ReplyForm reply_form(std::string_view chat_template, const Tokenizer& tokenizer) {
  ReplyForm form;
  form.tools = tool_form(chat_template);
  form.lists_tools = holds(chat_template, "in tools") || holds(chat_template, "tools | tojson") ||
                     holds(chat_template, "tools|tojson");
  form.arguments_as_text = wants_text(chat_template);
  form.thinks = holds(chat_template, form.think_open) || holds(chat_template, form.think_close) ||
                tokenizer.find_token(form.think_open).has_value();
  form.thinking_can_be_set =
      holds(chat_template, "enable_thinking") || holds(chat_template, "thinking is defined") ||
      holds(chat_template, "if thinking") || holds(chat_template, "not thinking");
  return form;
}

}  // namespace deepseek
