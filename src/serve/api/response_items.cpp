// SPDX-License-Identifier: Apache-2.0
#include "serve/api/response_items.h"

#include "serve/api/api.h"
#include "serve/api/request_fields.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;

std::string needed_text(const ordered_json& item, const char* name, const std::string& where) {
  const auto at = item.find(name);
  if (at == item.end() || !at->is_string())
    refuse_param(400, concat(where, ".", name), "expected a string in ", where, ".", name,
                 ", got none");
  return at->get<std::string>();
}

/// A string, or parts of text, one after another.
std::string text_of(const ordered_json& holder, const char* name, const std::string& where) {
  const auto at = holder.find(name);
  if (at == holder.end() || at->is_null()) return "";
  if (at->is_string()) return at->get<std::string>();
  std::string text;
  for (size_t i = 0; i < at->size(); ++i) {
    const ordered_json& part = (*at)[i];
    const std::string here = concat(where, ".", name, "[", i, "]");
    const std::string type = field<std::string>(part, "type").value_or("");
    if (type == "refusal") {
      text += needed_text(part, "refusal", here);
      continue;
    }
    if (type != "input_text" && type != "output_text" && type != "text")
      refuse_param(422, here + ".type", "expected input_text or output_text in ", here,
                   ".type, got '", printable(type, 40), "'; this server reads text alone");
    text += needed_text(part, "text", here);
  }
  return text;
}

std::string id_prefix(const std::string& type) {
  if (type == "function_call") return "fc_";
  if (type == "function_call_output") return "fco_";
  return type == "reasoning" ? "rs_" : "msg_";
}

ordered_json known_parts(const ordered_json& parts) {
  if (!parts.is_array()) return parts;
  ordered_json known = ordered_json::array();
  for (const ordered_json& part : parts) {
    ordered_json& one = known.emplace_back(ordered_json::object());
    for (const char* name : {"type", "text", "refusal"})
      if (const auto at = part.find(name); at != part.end()) one[name] = *at;
    if (one.value("type", ordered_json()) == "output_text")
      one["annotations"] = ordered_json::array();
  }
  return known;
}

}  // namespace

ordered_json known_item(const ordered_json& item) {
  const std::string type = field<std::string>(item, "type").value_or("message");
  const std::string id = field<std::string>(item, "id").value_or("");
  ordered_json known = {{"type", type}, {"id", id.empty() ? new_id(id_prefix(type)) : id}};
  if (const auto at = item.find("status");
      at != item.end() && at->is_string() && at->get_ref<const std::string&>().size() < 32)
    known["status"] = *at;
  for (const char* name : {"role", "call_id", "name", "arguments"})
    if (const auto at = item.find(name); at != item.end()) known[name] = *at;
  for (const char* name : {"content", "summary", "output"})
    if (const auto at = item.find(name); at != item.end()) known[name] = known_parts(*at);
  return known;
}

ordered_json& ResponseItems::assistant(const std::string& where) {
  if (begun_.is_null()) {
    begun_ = {{"role", "assistant"}, {"content", ""}};
    begun_at_ = where;
  }
  return begun_;
}

void ResponseItems::flush() {
  if (begun_.is_null()) return;
  input_.messages.push_back(std::exchange(begun_, ordered_json()));
  input_.places.push_back(begun_at_);
}

void ResponseItems::add_message(const ordered_json& item, const std::string& where) {
  std::string role = needed_text(item, "role", where);
  if (role == "developer") role = "system";
  if (role != "system" && role != "user" && role != "assistant")
    refuse_param(422, where + ".role", "expected user, assistant, system or developer in ", where,
                 ".role, got '", printable(role, 40), "'");
  std::string text = text_of(item, "content", where);
  if (role == "assistant") {
    if (!begun_.is_null() && (begun_.contains("tool_calls") || begun_["content"] != "")) flush();
    assistant(where)["content"] = std::move(text);
    return;
  }
  flush();
  input_.messages.push_back({{"role", role}, {"content", std::move(text)}});
  input_.places.push_back(where);
}

void ResponseItems::add_call(const ordered_json& item, const std::string& where) {
  const std::string id = needed_text(item, "call_id", where);
  calls_.insert(id);
  unanswered_.insert(id);
  assistant(where)["tool_calls"].push_back(
      {{"id", id},
       {"type", "function"},
       {"function",
        {{"name", needed_text(item, "name", where)},
         {"arguments", needed_text(item, "arguments", where)}}}});
}

void ResponseItems::add_output(const ordered_json& item, const std::string& where) {
  const std::string id = needed_text(item, "call_id", where);
  if (!calls_.contains(id))
    refuse_param(400, where + ".call_id", "expected the call_id of a function_call before ", where,
                 ", got '", printable(id, 80), "'");
  unanswered_.erase(id);
  flush();
  input_.messages.push_back(
      {{"role", "tool"}, {"tool_call_id", id}, {"content", text_of(item, "output", where)}});
  input_.places.push_back(where);
}

void ResponseItems::add_reasoning(const ordered_json& item, const std::string& where) {
  if (!begun_.is_null() && (begun_.contains("tool_calls") || begun_["content"] != "")) flush();
  // Its text may be there alone as what another server encrypted: nobody here can read that.
  std::string text;
  for (const char* name : {"content", "summary"})
    if (const auto parts = item.find(name);
        text.empty() && parts != item.end() && parts->is_array())
      for (size_t i = 0; i < parts->size(); ++i)
        text += needed_text((*parts)[i], "text", concat(where, ".", name, "[", i, "]"));
  ordered_json& message = assistant(where);
  ordered_json& reasoning = message["reasoning_content"];
  if (!reasoning.is_string()) reasoning = "";
  reasoning.get_ref<std::string&>() += text;
}

void ResponseItems::add(const ordered_json& item, const std::string& where) {
  const std::string type = field<std::string>(item, "type").value_or("message");
  if (type == "message") return add_message(item, where);
  if (type == "function_call") return add_call(item, where);
  if (type == "function_call_output") return add_output(item, where);
  if (type == "reasoning") return add_reasoning(item, where);
  refuse_param(422, where + ".type",
               "expected message, reasoning, function_call or function_call_output in ", where,
               ".type, got '", printable(type, 60), "'; this server knows no other item");
}

void ResponseItems::finish() {
  flush();
  if (unanswered_.empty()) return;
  refuse_param(400, "input", "expected a function_call_output for the call '",
               printable(*unanswered_.begin(), 80), "' in input, got none");
}

}  // namespace deepseek::serve
