// SPDX-License-Identifier: Apache-2.0
#include "serve/api/responses_request.h"

#include <algorithm>
#include <set>

#include "serve/api/request_fields.h"
#include "serve/api/response_items.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int64_t longest_chain = 1000;
// What a stored response holds beside its items, such as the tools of its request.
constexpr int64_t usual_rest_bytes = 64 << 10;

/// What only OpenAI's own servers do.
void refuse_foreign(const json& body) {
  for (const char* name : {"conversation", "prompt"})
    if (const auto at = body.find(name); at != body.end() && !at->is_null())
      refuse_param(422, name, "expected no ", name, ", got one; this server keeps none, use ",
                   "previous_response_id and instructions");
  if (field<bool>(body, "background").value_or(false))
    refuse_param(422, "background", "expected false, got true; use stream instead");
  const auto include = body.find("include");
  if (include != body.end() && include->is_array())
    for (const json& one : *include)
      if (one == "message.output_text.logprobs")
        refuse_param(422, "include", "expected no message.output_text.logprobs; ",
                     "/v1/chat/completions answers logprobs");
}

[[noreturn]] void refuse_broken_chain(const std::string& id) {
  throw RequestError(400,
                     concat("Previous response with id '", printable(id, 80),
                            "' not found; it was not stored, or is gone. Send store: true with "
                            "each response that others follow, or all items in input"),
                     {.param = "previous_response_id", .code = "previous_response_not_found"});
}

/// As check_text: refuses unread what is far too long.
void check_chain(const ModelHost& host, const std::vector<store::ResponseLink>& chain) {
  int64_t bytes = 0;
  for (const store::ResponseLink& one : chain)
    bytes += std::max<int64_t>(one.size_bytes - usual_rest_bytes, 0);
  const int64_t context = host.model().context_length();
  if (host.least_tokens(static_cast<size_t>(bytes)) <= context) return;
  throw RequestError(
      400,
      concat("This model's maximum context length is ", context, " tokens. However, the ",
             chain.size(), " responses up to this one ", "hold ", bytes,
             " bytes, which have more. Begin anew with the items ", "that still matter in input."),
      {.param = "previous_response_id", .code = "context_length_exceeded"});
}

void add_earlier(const ApiContext& context, const ModelHost& host, const HttpRequest& http,
                 const std::string& id, ResponseItems& items) {
  store::Responses* const responses = context.accounts->responses();
  const std::string& owner = holder_of(http).owner;
  const auto chain = responses ? responses->chain(owner, id, longest_chain)
                               : std::optional<std::vector<store::ResponseLink>>();
  if (!chain) refuse_broken_chain(id);
  if (chain->front().previous_id)
    refuse_param(400, "previous_response_id", "expected at most ", longest_chain,
                 " responses before this one, got more; begin anew with all items in input");
  check_chain(host, *chain);
  for (const store::ResponseLink& one : *chain) {
    const auto response = responses->find(owner, one.id);
    if (!response) refuse_broken_chain(id);
    const ordered_json stored = ordered_json::parse(response->body);
    for (const ordered_json& item : stored["input"])
      items.add(item, concat("previous_response_id '", one.id, "'"));
    for (const ordered_json& item : stored["response"]["output"])
      items.add(item, concat("previous_response_id '", one.id, "'"));
  }
}

/// This turn's input as items, each with an id.
ordered_json items_of(const ordered_json& input) {
  ordered_json items = ordered_json::array();
  if (input.is_string())
    items.push_back(
        {{"type", "message"},
         {"role", "user"},
         {"content", ordered_json::array({{{"type", "input_text"}, {"text", input}}})}});
  else
    items = input;
  for (ordered_json& item : items) item = known_item(item);
  return items;
}

/// Tools in the form of the chat API.
ordered_json neutral_tools(const ordered_json& tools) {
  ordered_json out = ordered_json::array();
  for (size_t i = 0; i < tools.size(); ++i) {
    const ordered_json& tool = tools[i];
    const std::string where = concat("tools[", i, "]");
    const std::string type = tool.value("type", "");
    if (type != "function")
      refuse_param(422, where + ".type", "expected function in ", where, ".type, got '",
                   printable(type, 60), "'; this server runs no tools of its own");
    ordered_json function = {{"name", field<std::string>(tool, "name").value_or("")}};
    if (const auto text = field<std::string>(tool, "description")) function["description"] = *text;
    if (tool.contains("parameters") && !tool["parameters"].is_null())
      function["parameters"] = tool["parameters"];
    if (field<bool>(tool, "strict").value_or(false)) function["strict"] = true;
    out.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return out;
}

/// `allowed_tools` also takes the others out of `tools`.
ToolChoice tool_choice(const ordered_json& body, ordered_json& tools) {
  ToolChoice choice;
  choice.parallel = field<bool>(body, "parallel_tool_calls").value_or(true);
  const auto at = body.find("tool_choice");
  if (at == body.end() || at->is_null()) return choice;
  const std::string word = (at->is_string() ? *at : (*at)["type"]).get<std::string>();
  if (word == "none") choice.kind = ToolChoice::Kind::none;
  if (word == "required" || word == "function") choice.kind = ToolChoice::Kind::required;
  if (at->is_string()) return choice;
  if (word == "function") {
    choice.name = field<std::string>(*at, "name").value_or("");
    if (choice.name.empty())
      refuse_param(400, "tool_choice.name",
                   "expected the name of the function in tool_choice.name, got none");
  } else if (word == "allowed_tools") {
    if (field<std::string>(*at, "mode") == "required") choice.kind = ToolChoice::Kind::required;
    std::set<std::string> names;
    if (at->contains("tools"))
      for (const ordered_json& tool : (*at)["tools"])
        names.insert(field<std::string>(tool, "name").value_or(""));
    ordered_json kept = ordered_json::array();
    for (const ordered_json& tool : tools)
      if (names.contains(tool["function"]["name"].get<std::string>())) kept.push_back(tool);
    tools = std::move(kept);
  } else {
    refuse_param(422, "tool_choice.type",
                 "expected function or allowed_tools in tool_choice.type, got '",
                 printable(word, 40), "'");
  }
  return choice;
}

std::optional<OutputBound> text_bound(const ordered_json& body) {
  const auto text = body.find("text");
  if (text == body.end() || !text->is_object() || !text->contains("format")) return std::nullopt;
  const ordered_json& format = (*text)["format"];
  if (!format.is_object()) return std::nullopt;
  const std::string type = field<std::string>(format, "type").value_or("text");
  if (type == "text") return std::nullopt;
  if (type == "json_object") return json_object_bound("text.format");
  if (type == "json_schema" && format.contains("schema"))
    return schema_bound("text.format.schema", format["schema"]);
  refuse_param(422, "text.format.type",
               "expected text, json_object or json_schema with schema in text.format.type, got '",
               printable(type, 40), "'");
}

ordered_json value_or(const ordered_json& body, const char* name, const ordered_json& fallback) {
  const auto at = body.find(name);
  return at == body.end() || at->is_null() ? fallback : *at;
}

/// Of an object these members alone; anything else as it is.
ordered_json with_only(const ordered_json& object, std::initializer_list<const char*> names) {
  if (!object.is_object()) return object;
  ordered_json kept = ordered_json::object();
  for (const char* name : names)
    if (const auto at = object.find(name); at != object.end()) kept[name] = *at;
  return kept;
}

ordered_json known_tools(ordered_json tools) {
  if (!tools.is_array()) return tools;
  for (ordered_json& tool : tools)
    tool = with_only(tool, {"type", "name", "description", "parameters", "strict"});
  return tools;
}

ordered_json known_choice(const ordered_json& choice) {
  ordered_json known = with_only(choice, {"type", "name", "mode", "tools"});
  if (known.is_object() && known.contains("tools")) known["tools"] = known_tools(known["tools"]);
  return known;
}

/// What the `response` object repeats of the request, as the request has it or by its default.
ordered_json echo_of(const ordered_json& body, const ModelHost& host, const SampleOptions& sample) {
  const ordered_json reasoning = value_or(body, "reasoning", ordered_json::object());
  const ordered_json text = value_or(body, "text", ordered_json::object());
  return {{"instructions", value_or(body, "instructions", nullptr)},
          {"max_output_tokens", value_or(body, "max_output_tokens", nullptr)},
          {"metadata", value_or(body, "metadata", ordered_json::object())},
          {"model", value_or(body, "model", host.name())},
          {"parallel_tool_calls", value_or(body, "parallel_tool_calls", true)},
          {"previous_response_id", value_or(body, "previous_response_id", nullptr)},
          {"reasoning", {{"effort", value_or(reasoning, "effort", nullptr)}, {"summary", nullptr}}},
          {"temperature", sample.temperature},
          {"text",
           {{"format", with_only(value_or(text, "format", {{"type", "text"}}),
                                 {"type", "name", "description", "schema", "strict"})}}},
          {"tool_choice", known_choice(value_or(body, "tool_choice", "auto"))},
          {"tools", known_tools(value_or(body, "tools", ordered_json::array()))},
          {"top_p", sample.top_p},
          {"truncation", "disabled"},
          {"user", value_or(body, "user", nullptr)}};
}

}  // namespace

ResponsesRequest responses_conversation(const ApiContext& context, const ModelHost& host,
                                        const HttpRequest& http) {
  // Order of members matters to templates and to schemas.
  const ordered_json body = ordered_json::parse(http.body);
  ResponsesRequest request;
  ChatJob& job = request.job;
  job.model = field<std::string>(body, "model").value_or("");
  job.strict_replay = context.strict_replay;
  job.prompt_field = "input";
  request.previous_id = field<std::string>(body, "previous_response_id");
  if (const auto instructions = field<std::string>(body, "instructions")) {
    job.input.messages.push_back({{"role", "system"}, {"content", *instructions}});
    job.input.places.emplace_back("instructions");
  }
  ResponseItems items(job.input);
  if (request.previous_id) add_earlier(context, host, http, *request.previous_id, items);
  if (body.contains("input") && !body["input"].is_null()) request.input = items_of(body["input"]);
  for (size_t i = 0; i < request.input.size(); ++i)
    items.add(request.input[i], concat("input[", i, "]"));
  items.finish();
  if (job.input.messages.empty())
    refuse_param(400, "input", "expected a text or at least one item in input, got none");

  if (body.contains("tools") && body["tools"].is_array())
    job.input.tools = neutral_tools(body["tools"]);
  job.tool_choice = tool_choice(body, job.input.tools);
  if (const auto reasoning = field<ordered_json>(body, "reasoning")) {
    const std::string effort = field<std::string>(*reasoning, "effort").value_or("");
    if (effort == "none") job.input.thinking = false;
    job.input.effort = deepseek_effort(effort);
  }
  if (!job.input.thinking) job.input.thinking = context.names->thinking_of(job.model);
  return request;
}

ResponsesRequest responses_request(const ApiContext& context, const ModelHost& host,
                                   const HttpRequest& http, const json& body) {
  refuse_foreign(body);
  const ordered_json ordered = ordered_json::parse(http.body);
  ResponsesRequest request = responses_conversation(context, host, http);
  ChatJob& job = request.job;
  job.bound = text_bound(ordered);
  json common = json::object();
  for (const char* name : {"temperature", "top_p", "top_k", "seed", "stop", "service_tier"})
    if (body.contains(name)) common[name] = body[name];
  if (body.contains("max_output_tokens")) common["max_tokens"] = body["max_output_tokens"];
  apply_common_fields(common, host, job.request);
  job.request.salt = cache_salt(context.accounts->secret(), http,
                                field<std::string>(body, "user_id").value_or(""));
  job.request.tenant = tenant(http);
  request.stream = field<bool>(body, "stream").value_or(false);
  request.store = field<bool>(body, "store").value_or(false);
  if (request.store && !context.accounts->responses())
    refuse_param(422, "store",
                 "expected false, got true; this server was started without a place "
                 "to keep responses, send all items in input instead");
  request.echo = echo_of(ordered, host, job.request.choices.front().sample);
  return request;
}

}  // namespace deepseek::serve
