// SPDX-License-Identifier: Apache-2.0
#include "serve/api/ollama_request.h"

#include <array>

#include "serve/api/fill_middle.h"
#include "serve/api/request_fields.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

void refuse_images(const ordered_json& holder, const std::string& where) {
  const auto images = holder.find("images");
  if (images == holder.end() || images->is_null() || images->empty()) return;
  refuse_param(422, where + "images", "expected no images in ", where, "images, got ",
               images->size(), "; this server reads text alone");
}

/// ollama has a call's arguments as an object and its result without an id.
ordered_json messages_of(const ordered_json& messages) {
  ordered_json out = ordered_json::array();
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string where = concat("messages[", i, "]");
    const ordered_json& message = messages[i];
    refuse_images(message, where + ".");
    ordered_json neutral = {{"role", message["role"]},
                            {"content", field<std::string>(message, "content").value_or("")}};
    if (const auto thinking = field<std::string>(message, "thinking"))
      neutral["reasoning_content"] = *thinking;
    if (const auto name = field<std::string>(message, "tool_name")) neutral["name"] = *name;
    if (const auto id = field<std::string>(message, "tool_call_id")) neutral["tool_call_id"] = *id;
    if (const auto calls = message.find("tool_calls"); calls != message.end() && calls->is_array())
      for (const ordered_json& call : *calls) {
        const ordered_json& function = call["function"];
        const ordered_json arguments = function.value("arguments", ordered_json::object());
        neutral["tool_calls"].push_back(
            {{"type", "function"},
             {"function", {{"name", function["name"]}, {"arguments", arguments.dump()}}}});
      }
    if (message["role"] == "tool" && out.empty())
      refuse_param(400, where, "a tool message must follow the assistant's tool_calls");
    out.push_back(std::move(neutral));
  }
  return out;
}

/// `options`, and what stands beside them, by the names that apply_common_fields reads.
json common_fields(const json& body) {
  constexpr std::array<std::pair<const char*, const char*>, 10> names{{
      {"temperature", "temperature"},
      {"top_k", "top_k"},
      {"top_p", "top_p"},
      {"min_p", "min_p"},
      {"seed", "seed"},
      {"stop", "stop"},
      {"num_predict", "max_tokens"},
      {"repeat_penalty", "repetition_penalty"},
      {"presence_penalty", "presence_penalty"},
      {"frequency_penalty", "frequency_penalty"},
  }};
  json common = json::object();
  const auto options = body.find("options");
  if (options == body.end() || options->is_null()) return common;
  for (const auto& [theirs, ours] : names)
    if (options->contains(theirs)) common[ours] = (*options)[theirs];
  // -1: no limit, -2: to the end of the context, which is the same here.
  if (field<int64_t>(common, "max_tokens").value_or(0) < 0) common.erase("max_tokens");
  return common;
}

std::optional<OutputBound> bound_of(const ordered_json& body) {
  const auto format = body.find("format");
  if (format == body.end() || format->is_null() || *format == "") return std::nullopt;
  if (format->is_object()) return schema_bound("format", *format);
  if (*format == "json") return json_object_bound("format");
  refuse_param(422, "format", "expected \"json\" or a JSON schema in format, got '",
               printable(format->dump(), 80), "'");
}

/// What chat and generate share.
OllamaRequest shared_fields(const ApiContext& context, const ModelHost& host,
                            const HttpRequest& http, const json& body) {
  OllamaRequest request;
  ChatJob& job = request.job;
  job.model = ollama_model(body);
  job.strict_replay = context.strict_replay;
  job.bound = bound_of(ordered_json::parse(http.body));
  if (const auto think = body.find("think"); think != body.end() && !think->is_null()) {
    job.input.thinking = think->is_boolean() ? think->get<bool>() : true;
    if (think->is_string()) job.input.effort = deepseek_effort(think->get<std::string>());
  } else {
    job.input.thinking = context.names->thinking_of(job.model);
  }
  request.shows_thinking = job.input.thinking.value_or(true);
  apply_common_fields(common_fields(body), host, job.request);
  job.request.logprobs = field<bool>(body, "logprobs").value_or(false);
  job.request.top_logprobs =
      job.request.logprobs ? field<int64_t>(body, "top_logprobs").value_or(0) : 0;
  job.request.salt = cache_salt(context.accounts->secret(), http, "");
  job.request.tenant = tenant(http);
  request.stream = field<bool>(body, "stream").value_or(true);
  return request;
}

}  // namespace

std::string ollama_model(const json& body) {
  constexpr std::string_view tag = ":latest";
  std::string name = field<std::string>(body, "model").value_or("");
  if (name.empty()) name = field<std::string>(body, "name").value_or("");
  if (name.ends_with(tag)) name.resize(name.size() - tag.size());
  return name;
}

OllamaRequest ollama_chat_request(const ApiContext& context, const ModelHost& host,
                                  const HttpRequest& http, const json& body) {
  OllamaRequest request = shared_fields(context, host, http, body);
  const ordered_json ordered = ordered_json::parse(http.body);
  if (ordered.contains("messages") && ordered["messages"].is_array())
    request.job.input.messages = messages_of(ordered["messages"]);
  request.empty = request.job.input.messages.empty();
  if (request.empty) return request;
  request.job.input.continue_last = request.job.input.messages.back()["role"] == "assistant";
  if (ordered.contains("tools") && ordered["tools"].is_array())
    request.job.input.tools = ordered["tools"];
  return request;
}

OllamaRequest ollama_generate_request(const ApiContext& context, const ModelHost& host,
                                      const HttpRequest& http, const json& body) {
  refuse_images(ordered_json::parse(http.body), "");
  for (const char* name : {"template", "context"})
    if (const auto at = body.find(name);
        at != body.end() && !at->is_null() && !at->empty() && *at != "")
      refuse_param(422, name, "expected no ", name,
                   ", got one; the model's own template is used, "
                   "and a conversation goes to /api/chat");
  OllamaRequest request = shared_fields(context, host, http, body);
  const std::string prompt = field<std::string>(body, "prompt").value_or("");
  const std::string suffix = field<std::string>(body, "suffix").value_or("");
  request.empty = prompt.empty() && suffix.empty();
  if (request.empty) return request;
  request.job.prompt_field = "prompt";
  check_text(host, prompt, "prompt");
  if (!suffix.empty()) {
    request.job.prompt = fill_in_the_middle(host.tokenizer(), prompt, suffix);
  } else if (field<bool>(body, "raw").value_or(false)) {
    request.job.prompt =
        host.tokenizer().encode(prompt, {.parse_special = true, .add_special = true});
  } else {
    if (const auto system = field<std::string>(body, "system"); system && !system->empty())
      request.job.input.messages.push_back({{"role", "system"}, {"content", *system}});
    request.job.input.messages.push_back({{"role", "user"}, {"content", prompt}});
  }
  return request;
}

}  // namespace deepseek::serve
