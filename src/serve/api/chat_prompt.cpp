// SPDX-License-Identifier: Apache-2.0
#include "serve/api/chat_prompt.h"

#include "formats/json.h"
#include "serve/api/request_fields.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;

/// The JSON that `text` is, or else the text.
ordered_json parsed_or_text(const std::string& text) {
  try {
    return parse_json<ordered_json>(text, ErrorKind::invalid_input, "");
  } catch (const Error&) {
    return text;
  }
}

/// Puts `text` behind the system message, or makes one.
void add_to_system(ordered_json& messages, const std::string& text) {
  if (!messages.empty() && messages[0].value("role", "") == "system") {
    const std::string before = messages[0].value("content", "");
    messages[0]["content"] = before.empty() ? text : concat(before, "\n\n", text);
    return;
  }
  messages.insert(messages.begin(), ordered_json{{"role", "system"}, {"content", text}});
}

/// How DeepSeek-V3.1 is told of tools, which its template leaves to the caller (model card,
/// section "ToolCall").
std::string v31_tool_list(const ordered_json& tools) {
  std::string text = "## Tools\nYou have access to the following tools:\n";
  for (const ordered_json& tool : tools) {
    const ordered_json& function = tool["function"];
    text += concat("\n### ", function.value("name", ""),
                   "\nDescription: ", field<std::string>(function, "description").value_or(""),
                   "\n\nParameters: ", function.value("parameters", ordered_json::object()).dump(),
                   "\n");
  }
  text +=
      "\nIMPORTANT: ALWAYS adhere to this exact format for tool use:\n"
      "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>tool_call_name<｜tool▁sep｜>tool_call_arguments"
      "<｜tool▁call▁end｜>{{additional_tool_calls}}<｜tool▁calls▁end｜>\n\nWhere:\n"
      "- `tool_call_name` must be an exact match to one of the available tools\n"
      "- `tool_call_arguments` must be valid JSON that strictly follows the tool's Parameters "
      "Schema\n"
      "- For multiple tool calls, chain them directly without separators or spaces\n";
  return text;
}

/// For templates that know no tools: said in words, in the form that tool_form_of answers.
std::string plain_tool_list(const ordered_json& tools, const ToolForm& form) {
  std::string text =
      "You may call functions to help with the request. They are, one JSON schema a line:\n";
  for (const ordered_json& tool : tools) text += tool["function"].dump() + "\n";
  text += concat("\nTo call one, write exactly:\n", form.block_open, form.call_open, "NAME",
                 form.name_close, "{ARGUMENTS}", form.call_close, form.block_close,
                 "\nwith its name and its arguments as JSON, and nothing after it.");
  return text;
}

/// Calls and results as plain text, for a template that would drop them.
void spell_out_calls(ordered_json& messages, const ToolForm& form) {
  for (ordered_json& message : messages) {
    if (message.value("role", "") == "tool") {
      message = {{"role", "user"},
                 {"content",
                  concat("<tool_response>\n", message.value("content", ""), "\n</tool_response>")}};
      continue;
    }
    if (!message.contains("tool_calls")) continue;
    std::string text = message.value("content", "");
    text += form.block_open;
    for (const ordered_json& call : message["tool_calls"])
      text +=
          concat(text.empty() ? "" : "\n", form.call_open, call["function"].value("name", ""),
                 form.name_close, field<std::string>(call["function"], "arguments").value_or("{}"),
                 form.call_close);
    text += form.block_close;
    message["content"] = text;
    message.erase("tool_calls");
  }
}

/// Arguments as the template wants them: the API has them as a JSON string.
void adapt_arguments(ordered_json& messages, bool as_text) {
  for (ordered_json& message : messages) {
    if (!message.contains("tool_calls")) continue;
    for (ordered_json& call : message["tool_calls"]) {
      ordered_json& arguments = call["function"]["arguments"];
      if (!as_text && arguments.is_string())
        arguments = parsed_or_text(arguments.get<std::string>());
    }
  }
}

}  // namespace

const ToolForm& tool_form_of(const ModelHost& host) {
  return host.reply_form().tools ? *host.reply_form().tools : *find_tool_form("qwen");
}

ChatPrompt chat_prompt(const ModelHost& host, ChatInput input) {
  const ReplyForm& form = host.reply_form();
  ChatPrompt prompt;
  ordered_json& messages = input.messages;

  std::optional<ordered_json> begun;
  if (input.continue_last) {
    begun = messages.back();
    messages.erase(messages.size() - 1);
  }

  if (!input.tools.empty()) {
    if (form.tools == nullptr)
      add_to_system(messages, plain_tool_list(input.tools, tool_form_of(host)));
    else if (!form.lists_tools && form.tools->name == "deepseek-v3.1")
      add_to_system(messages, v31_tool_list(input.tools));
    else if (!form.lists_tools)
      add_to_system(messages, plain_tool_list(input.tools, *form.tools));
  }
  if (form.tools == nullptr) spell_out_calls(messages, tool_form_of(host));
  adapt_arguments(messages, form.arguments_as_text);

  if (input.thinking.value_or(!input.effort.empty()) && !form.thinks)
    prompt.warnings.push_back("thinking: this model has none; it answers without");
  if (input.thinking == false && form.thinks && !form.thinking_can_be_set)
    prompt.warnings.push_back("thinking: this model always thinks");

  ordered_json context = input.template_values;
  context["messages"] = std::move(messages);
  if (!input.tools.empty() && form.lists_tools) context["tools"] = input.tools;
  context["add_generation_prompt"] = true;
  if (form.thinking_can_be_set) {
    const bool thinks = input.thinking.value_or(true);
    if (!context.contains("thinking")) context["thinking"] = thinks;
    if (!context.contains("enable_thinking")) context["enable_thinking"] = thinks;
    if (!input.effort.empty()) context["reasoning_effort"] = input.effort;
  }

  RenderedPrompt rendered;
  try {
    rendered = host.model().render(context);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::internal) throw;
    // Where the template lies is not for clients.
    std::string reason = error.what();
    const std::string path = host.model().path().string();
    for (size_t at = reason.find(path); at != std::string::npos; at = reason.find(path))
      reason.replace(at, path.size(), "the model");
    throw RequestError(400, reason, {.param = "messages"});
  }
  const auto ends_inside = [&] {
    std::string_view text = rendered.text;
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
    return form.thinks && text.ends_with(form.think_open);
  };
  prompt.inside_reasoning = ends_inside();
  if (begun) {
    const std::string reasoning = begun->value("reasoning_content", "");
    const std::string content = begun->value("content", "");
    const auto add = [&](const std::string& text, bool from_client) {
      const auto begin = static_cast<int64_t>(rendered.text.size());
      rendered.text += text;
      if (from_client && !text.empty())
        rendered.content.push_back({begin, static_cast<int64_t>(rendered.text.size())});
    };
    if (prompt.inside_reasoning) {
      add(reasoning, true);
      if (!content.empty()) {
        add(reasoning.empty() ? form.think_close : "\n" + form.think_close, false);
        add("\n\n", false);
        prompt.inside_reasoning = false;
      }
    }
    add(content, true);
  }
  check_text(host, rendered.text, "messages");
  prompt.tokens = host.model().encode(rendered);
  prompt.text = std::move(rendered.text);
  return prompt;
}

}  // namespace deepseek::serve
