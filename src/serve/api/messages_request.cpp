// SPDX-License-Identifier: Apache-2.0
#include "serve/api/messages_request.h"

#include <algorithm>
#include <set>

#include "serve/api/request_fields.h"
#include "serve/http/request_error.h"
#include "serve/store/digest.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::string needed_text(const ordered_json& block, const char* name, const std::string& where) {
  const auto at = block.find(name);
  if (at == block.end() || !at->is_string())
    refuse_param(400, concat(where, ".", name), "expected a string in ", where, ".", name,
                 ", got none; a ", printable(block.value("type", ""), 40), " block needs one");
  return at->get<std::string>();
}

[[noreturn]] void refuse_block(const ordered_json& block, const std::string& where,
                               const char* expected) {
  refuse_param(422, where + ".type", "expected ", expected, " in ", where, ", got '",
               printable(block.value("type", ""), 40), "'; this server reads no other block there");
}

/// The text of a block that a user may send: text, or a document that is plain text.
std::string user_text(const ordered_json& block, const std::string& where) {
  const std::string type = block.value("type", "");
  if (type == "text") return needed_text(block, "text", where);
  if (type == "document" && block.contains("source") && block["source"].is_object() &&
      block["source"].value("type", ordered_json()) == "text")
    return needed_text(block["source"], "data", where + ".source");
  refuse_block(block, where, "text or a document of plain text");
}

void add_paragraph(std::string& text, const std::string& more) {
  if (!text.empty() && !more.empty()) text += "\n\n";
  text += more;
}

/// A string, or blocks of text, one paragraph each.
std::string text_of(const ordered_json& content, const std::string& where) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  for (size_t i = 0; i < content.size(); ++i)
    add_paragraph(text, user_text(content[i], concat(where, "[", i, "]")));
  return text;
}

/// Turns of the Messages API become neutral messages, one turn often several.
class Conversation {
 public:
  Conversation(ChatInput& input, bool strict) : input_(input), strict_(strict) {}

  void system(const ordered_json& content) {
    add("system", {{"role", "system"}, {"content", text_of(content, "system")}});
  }

  void turn(const ordered_json& message, const std::string& where) {
    const std::string role = message["role"].get<std::string>();
    const ordered_json& content = message["content"];
    if (role == "assistant") {
      assistant(content, where);
    } else if (role == "system") {
      add(where, {{"role", "system"}, {"content", text_of(content, where + ".content")}});
    } else {
      user(content, where);
    }
  }

 private:
  void add(const std::string& where, ordered_json message) {
    input_.messages.push_back(std::move(message));
    input_.places.push_back(where);
  }

  void user(const ordered_json& content, const std::string& where) {
    if (content.is_string())
      return add(where, {{"role", "user"}, {"content", content.get<std::string>()}});
    std::string text;
    const auto flush = [&] {
      if (!text.empty())
        add(where, {{"role", "user"}, {"content", std::exchange(text, std::string())}});
    };
    for (size_t i = 0; i < content.size(); ++i) {
      const std::string at = concat(where, ".content[", i, "]");
      if (content[i].value("type", "") != "tool_result") {
        add_paragraph(text, user_text(content[i], at));
        continue;
      }
      flush();
      result(content[i], at);
    }
    flush();
  }

  void result(const ordered_json& block, const std::string& where) {
    const std::string id = needed_text(block, "tool_use_id", where);
    if (!calls_.contains(id))
      refuse_param(400, where + ".tool_use_id", "expected the id of a tool_use block before ",
                   where, ", got '", printable(id, 80), "'");
    std::string text = block.contains("content") && !block["content"].is_null()
                           ? text_of(block["content"], where + ".content")
                           : std::string();
    // The neutral shape knows results alone: that it is an error is said in words.
    if (field<bool>(block, "is_error").value_or(false)) text = "Error: " + text;
    add(where, {{"role", "tool"}, {"tool_call_id", id}, {"content", std::move(text)}});
  }

  std::string thinking(const ordered_json& block, const std::string& where) {
    std::string text = needed_text(block, "thinking", where);
    const std::string signature = field<std::string>(block, "signature").value_or("");
    if (strict_ && !signature.empty() && signature != thinking_signature(text))
      refuse_param(400, where + ".signature", "the signature of ", where,
                   " does not belong to its thinking; send the block back as it was answered");
    return text;
  }

  void assistant(const ordered_json& content, const std::string& where) {
    ordered_json message = {{"role", "assistant"}, {"content", ""}};
    if (content.is_string()) {
      message["content"] = content;
      return add(where, std::move(message));
    }
    std::string text, reasoning;
    bool reasoned = false;
    for (size_t i = 0; i < content.size(); ++i) {
      const ordered_json& block = content[i];
      const std::string at = concat(where, ".content[", i, "]");
      const std::string type = block.value("type", "");
      if (type == "text") {
        text += needed_text(block, "text", at);
      } else if (type == "thinking") {
        reasoned = true;
        reasoning += thinking(block, at);
      } else if (type == "redacted_thinking") {
        reasoned = true;  // of another server: nobody here can read it
      } else if (type == "tool_use") {
        const std::string id = needed_text(block, "id", at);
        calls_.insert(id);
        const ordered_json arguments = block.value("input", ordered_json::object());
        message["tool_calls"].push_back(
            {{"id", id},
             {"type", "function"},
             {"function",
              {{"name", needed_text(block, "name", at)}, {"arguments", arguments.dump()}}}});
      } else {
        refuse_block(block, at, "text, thinking or tool_use");
      }
    }
    message["content"] = std::move(text);
    if (reasoned) message["reasoning_content"] = std::move(reasoning);
    add(where, std::move(message));
  }

  ChatInput& input_;
  const bool strict_;
  std::set<std::string> calls_;  // ids so far
};

/// Tools in the form of the chat API.
ordered_json neutral_tools(const ordered_json& tools) {
  ordered_json out = ordered_json::array();
  for (size_t i = 0; i < tools.size(); ++i) {
    const ordered_json& tool = tools[i];
    const std::string where = concat("tools[", i, "]");
    const std::string type = field<std::string>(tool, "type").value_or("custom");
    if (type != "custom")
      refuse_param(422, where + ".type", "expected custom in ", where, ".type, got '",
                   printable(type, 80), "'; declare the tool with a name and an input_schema");
    ordered_json function = {{"name", needed_text(tool, "name", where)}};
    if (const auto text = field<std::string>(tool, "description")) function["description"] = *text;
    if (tool.contains("input_schema")) function["parameters"] = tool["input_schema"];
    if (field<bool>(tool, "strict").value_or(false)) function["strict"] = true;
    out.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return out;
}

ToolChoice tool_choice(const ordered_json& body) {
  ToolChoice choice;
  const auto at = body.find("tool_choice");
  if (at == body.end() || at->is_null()) return choice;
  const std::string type = (*at)["type"].get<std::string>();
  choice.parallel = !field<bool>(*at, "disable_parallel_tool_use").value_or(false);
  if (type == "none") choice.kind = ToolChoice::Kind::none;
  if (type == "any" || type == "tool") choice.kind = ToolChoice::Kind::required;
  if (type != "tool") return choice;
  choice.name = field<std::string>(*at, "name").value_or("");
  if (choice.name.empty())
    refuse_param(400, "tool_choice.name",
                 "expected the name of the tool in tool_choice.name, got none");
  return choice;
}

/// Whether reasoning was asked for; nothing when the request does not say.
std::optional<bool> wants_thinking(const ordered_json& body) {
  const auto at = body.find("thinking");
  if (at == body.end() || at->is_null()) return std::nullopt;
  return (*at)["type"] != "disabled";
}

/// The JSON that output_config.format (or output_format, its former name) binds the answer to.
std::optional<OutputBound> answer_bound(const ordered_json& body) {
  std::string where = "output_config.format";
  ordered_json format;
  if (const auto config = field<ordered_json>(body, "output_config"))
    format = config->value("format", ordered_json());
  if (format.is_null() && body.contains("output_format")) {
    where = "output_format";
    format = body["output_format"];
  }
  if (format.is_null()) return std::nullopt;
  if (!format.is_object() || format.value("type", ordered_json()) != "json_schema" ||
      !format.contains("schema") || !format["schema"].is_object())
    refuse_param(422, where, "expected {\"type\": \"json_schema\", \"schema\": {…}} in ", where);
  return schema_bound(where + ".schema", format["schema"]);
}

/// Versions are dates; what this server answers is the same in all of them.
void check_version(const HttpRequest& http) {
  const std::string_view version = http.header("anthropic-version");
  constexpr std::string_view form = "0000-00-00";
  const auto fits = [](char c, char pattern) {
    return pattern == '0' ? c >= '0' && c <= '9' : c == pattern;
  };
  if (version.empty() || std::ranges::equal(version, form, fits)) return;
  refuse_param(400, "anthropic-version",
               "expected a date such as 2023-06-01 in anthropic-version, got '",
               printable(version, 40), "'");
}

}  // namespace

std::string thinking_signature(const std::string& thinking) {
  return store::to_hex(store::sha256("thinking block\n" + thinking));
}

MessagesRequest messages_conversation(const ApiContext& context, const HttpRequest& http) {
  check_version(http);
  // Order of members matters to templates and to schemas.
  const ordered_json body = ordered_json::parse(http.body);
  MessagesRequest request;
  ChatJob& job = request.job;
  job.model = field<std::string>(body, "model").value_or("");
  job.strict_replay = context.strict_replay;

  Conversation conversation(job.input, job.strict_replay);
  if (body.contains("system") && !body["system"].is_null()) conversation.system(body["system"]);
  const ordered_json& messages = body["messages"];
  for (size_t i = 0; i < messages.size(); ++i)
    conversation.turn(messages[i], concat("messages[", i, "]"));
  if (job.input.messages.empty() || messages.empty())
    refuse_param(400, "messages", "expected at least one message with content in messages");
  const ordered_json& last = job.input.messages.back();
  job.input.continue_last = last["role"] == "assistant";
  if (job.input.continue_last && last.contains("tool_calls"))
    refuse_param(400, job.input.places.back(), "expected a tool_result for each tool_use of ",
                 job.input.places.back(), " in the message after it, got none");

  if (body.contains("tools") && body["tools"].is_array())
    job.input.tools = neutral_tools(body["tools"]);
  job.tool_choice = tool_choice(body);
  std::optional<bool> thinking = wants_thinking(body);
  if (!thinking) thinking = context.names->thinking_of(job.model);
  // Clients take the first block for the answer unless they asked for thinking.
  request.shows_thinking = thinking.value_or(false);
  job.input.thinking = request.shows_thinking;
  if (const auto config = field<ordered_json>(body, "output_config"))
    job.input.effort = deepseek_effort(field<std::string>(*config, "effort").value_or(""));
  return request;
}

MessagesRequest messages_request(const ApiContext& context, const ModelHost& host,
                                 const HttpRequest& http, const json& body) {
  MessagesRequest request = messages_conversation(context, http);
  ChatJob& job = request.job;
  job.bound = answer_bound(ordered_json::parse(http.body));
  if (const auto thinking = body.find("thinking"); thinking != body.end() && thinking->is_object())
    job.thinking_budget = field<int64_t>(*thinking, "budget_tokens");
  json common = json::object();
  for (const char* name : {"temperature", "top_p", "top_k", "max_tokens", "seed"})
    if (body.contains(name)) common[name] = body[name];
  if (body.contains("stop_sequences")) common["stop"] = body["stop_sequences"];
  apply_common_fields(common, host, job.request);
  std::string user;
  if (const auto metadata = body.find("metadata"); metadata != body.end() && metadata->is_object())
    user = field<std::string>(*metadata, "user_id").value_or("");
  job.request.salt = cache_salt(context.accounts->secret(), http, user);
  job.request.tenant = tenant(http);
  // A stream says at its beginning how much of the prompt was cached.
  job.request.report_progress = field<bool>(body, "stream").value_or(false);
  return request;
}

}  // namespace deepseek::serve
