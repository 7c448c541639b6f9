// SPDX-License-Identifier: Apache-2.0
#include "serve/api/chat_messages.h"

#include "serve/api/request_fields.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;

/// Text of `content`, which may be a string or a list of text parts.
std::string content_text(const ordered_json& content, const std::string& where) {
  if (content.is_null()) return "";
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  for (size_t i = 0; i < content.size(); ++i) {
    const std::string type = content[i].value("type", "");
    if (type != "text")
      refuse_param(422, concat(where, "[", i, "].type"), "expected text, got '",
                   printable(type, 40), "'; this model reads no other kind");
    text += field<std::string>(content[i], "text").value_or("");
  }
  return text;
}

}  // namespace

ordered_json neutral_messages(const ordered_json& messages) {
  ordered_json out = ordered_json::array();
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string where = concat("messages[", i, "]");
    ordered_json message = messages[i];
    std::string role = message.value("role", "");
    if (role == "developer") role = "system";
    if (role == "function") role = "tool";
    message["role"] = role;
    message["content"] = content_text(message.value("content", ordered_json()), where + ".content");
    if (message.contains("reasoning") && !message.contains("reasoning_content"))
      message["reasoning_content"] = message["reasoning"];
    message.erase("reasoning");
    if (message.contains("reasoning_content") && message["reasoning_content"].is_null())
      message.erase("reasoning_content");
    if (message.contains("tool_calls") &&
        (message["tool_calls"].is_null() || message["tool_calls"].empty()))
      message.erase("tool_calls");
    if (role == "tool" && out.empty())
      refuse_param(400, where, "a tool message must follow the assistant's tool_calls");
    out.push_back(std::move(message));
  }
  return out;
}

}  // namespace deepseek::serve
