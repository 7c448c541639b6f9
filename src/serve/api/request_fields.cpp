// SPDX-License-Identifier: Apache-2.0
#include "serve/api/request_fields.h"

#include <array>
#include <random>

#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

uint64_t random_seed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

std::vector<std::string> stop_strings(const json& body) {
  const auto at = body.find("stop");
  if (at == body.end() || at->is_null()) return {};
  if (at->is_string()) return {at->get<std::string>()};
  return at->get<std::vector<std::string>>();
}

std::map<int32_t, double> logit_bias(const json& body, int64_t vocab) {
  std::map<int32_t, double> bias;
  const auto at = body.find("logit_bias");
  if (at == body.end() || at->is_null()) return bias;
  for (const auto& [key, value] : at->items()) {
    size_t used = 0;
    int64_t id = -1;
    try {
      id = std::stoll(key, &used);
    } catch (const std::exception&) {
      used = 0;
    }
    if (used != key.size() || id < 0 || id >= vocab)
      refuse_param(422, "logit_bias", "expected token ids from 0 to ", vocab - 1, ", got '",
                   printable(key, 40), "'");
    bias[static_cast<int32_t>(id)] = value.get<double>();
  }
  return bias;
}

OutputBound regex_bound(const std::string& param, const std::string& pattern) {
  return {param, [pattern](grammar::Builder& b) { return b.regex(pattern); }};
}

OutputBound gbnf_bound(const std::string& param, const std::string& text) {
  return {param, [text](grammar::Builder& b) { return b.gbnf(text); }};
}

/// What the engine refuses begins with the field's name: "stop: expected …".
std::string field_of_refusal(std::string_view message) {
  const size_t end = std::min(message.find(": "), message.size());
  const bool is_name = message.substr(0, end).find_first_not_of("abcdefghijklmnopqrstuvwxyz_") ==
                       std::string_view::npos;
  return end < message.size() && is_name ? std::string(message.substr(0, end)) : std::string();
}

[[noreturn]] void refuse_busy(const Busy& busy) {
  throw RequestError(busy.draining ? 503 : 429, busy.reason,
                     {.retry_after_ms = busy.retry_after.count()});
}

}  // namespace

void apply_common_fields(const json& body, const ModelHost& host, GenerateRequest& request) {
  const GenerationConfig& recommended = host.model().generation_config();
  SampleOptions sample;
  sample.temperature =
      field<double>(body, "temperature").value_or(recommended.temperature.value_or(1));
  sample.top_p = field<double>(body, "top_p").value_or(recommended.top_p.value_or(1));
  sample.top_k = field<int64_t>(body, "top_k").value_or(recommended.top_k.value_or(0));
  if (sample.top_k < 0) sample.top_k = 0;
  sample.min_p = field<double>(body, "min_p").value_or(recommended.min_p.value_or(0));
  sample.repetition_penalty = field<double>(body, "repetition_penalty").value_or(1);
  sample.frequency_penalty = field<double>(body, "frequency_penalty").value_or(0);
  sample.presence_penalty = field<double>(body, "presence_penalty").value_or(0);
  sample.logit_bias = logit_bias(body, host.model().config().vocab_size);
  const std::optional<int64_t> seed = field<int64_t>(body, "seed");
  sample.seed = seed ? static_cast<uint64_t>(*seed) : random_seed();

  const int64_t choices = field<int64_t>(body, "n").value_or(1);
  request.choices.assign(static_cast<size_t>(choices), {});
  for (size_t i = 0; i < request.choices.size(); ++i) {
    request.choices[i].sample = sample;
    request.choices[i].sample.choice = i;
  }
  request.max_tokens = field<int64_t>(body, "max_completion_tokens")
                           .value_or(field<int64_t>(body, "max_tokens").value_or(-1));
  request.min_tokens = field<int64_t>(body, "min_tokens").value_or(0);
  request.stop = stop_strings(body);
  for (const int64_t id :
       field<std::vector<int64_t>>(body, "stop_token_ids").value_or(std::vector<int64_t>{})) {
    if (id < 0 || id >= host.model().config().vocab_size)
      refuse_param(422, "stop_token_ids", "expected token ids from 0 to ",
                   host.model().config().vocab_size - 1, ", got ", id);
    request.stop_tokens.insert(static_cast<int32_t>(id));
  }
  request.ignore_end = field<bool>(body, "ignore_eos").value_or(false);
  request.report_progress = field<bool>(body, "return_progress").value_or(false);
  request.request_class = request_class(body);
}

RequestClass request_class(const json& body) {
  return field<std::string>(body, "service_tier") == "batch" ? RequestClass::batch
                                                             : RequestClass::interactive;
}

grammar::Node OutputBound::in(grammar::Builder& builder) const {
  return blamed_on(param, [&] { return make(builder); });
}

grammar::Grammar OutputBound::compile() const {
  return blamed_on(param, [&] {
    grammar::Builder builder;
    return builder.build(make(builder));
  });
}

grammar::Constraint constraint_of(ModelHost& host, const grammar::Grammar& grammar,
                                  const std::string& param) {
  return blamed_on(param, [&] { return host.constraint(grammar); });
}

OutputBound schema_bound(const std::string& param, const ordered_json& schema) {
  return {param, [schema](grammar::Builder& b) {
            if (schema.is_string()) return b.json_schema_text(schema.get<std::string>());
            return b.json_schema(schema);
          }};
}

OutputBound json_object_bound(const std::string& param) {
  return {param, [](grammar::Builder& b) { return b.json_object(); }};
}

std::optional<OutputBound> output_bound(const std::string& text) {
  const ordered_json body = ordered_json::parse(text);
  if (const auto schema = body.find("guided_json"); schema != body.end() && !schema->is_null())
    return schema_bound("guided_json", *schema);
  if (const auto pattern = field<std::string>(body, "guided_regex"))
    return regex_bound("guided_regex", *pattern);
  if (const auto gbnf = field<std::string>(body, "guided_grammar"))
    return gbnf_bound("guided_grammar", *gbnf);
  if (auto choices = field<std::vector<std::string>>(body, "guided_choice"))
    return OutputBound{"guided_choice", [choices = *std::move(choices)](grammar::Builder& b) {
                         return b.literals(choices);
                       }};
  const auto format = body.find("response_format");
  if (format == body.end() || format->is_null()) return std::nullopt;
  const std::string type = format->value("type", "text");
  if (type == "text") return std::nullopt;
  if (type == "json_object") return json_object_bound("response_format");
  if (type == "json_schema") {
    const auto holder = format->find("json_schema");
    if (holder == format->end() || !holder->is_object() || !holder->contains("schema"))
      refuse_param(400, "response_format.json_schema", "expected an object with a schema");
    return schema_bound("response_format.json_schema.schema", (*holder)["schema"]);
  }
  if (type == "regex" && format->contains("pattern") && (*format)["pattern"].is_string())
    return regex_bound("response_format.pattern", (*format)["pattern"].get<std::string>());
  if (type == "grammar" && format->contains("grammar") && (*format)["grammar"].is_string())
    return gbnf_bound("response_format.grammar", (*format)["grammar"].get<std::string>());
  refuse_param(422, "response_format.type",
               "expected text, json_object, json_schema with json_schema, regex with pattern or "
               "grammar with grammar, got '",
               printable(type, 40), "'");
}

template <class Request>
Ticket submit(ModelHost& host, Request request) {
  std::variant<Ticket, Busy> answer = [&] {
    try {
      return host.scheduler().submit(std::move(request));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::invalid_input) throw;
      throw RequestError(422, error.what(), {.param = field_of_refusal(error.what())});
    }
  }();
  if (Ticket* ticket = std::get_if<Ticket>(&answer)) return std::move(*ticket);
  refuse_busy(std::get<Busy>(answer));
}

void check_room(ModelHost& host, const std::string& tenant, int64_t tokens) {
  if (const auto busy = host.scheduler().busy(tenant, tokens)) refuse_busy(*busy);
}

template Ticket submit(ModelHost& host, GenerateRequest request);
template Ticket submit(ModelHost& host, EmbedRequest request);

void check_context(const ModelHost& host, int64_t prompt_tokens, int64_t max_tokens,
                   const char* param) {
  const int64_t context = host.model().context_length();
  const int64_t wanted = std::max<int64_t>(max_tokens, 0);
  if (prompt_tokens < context && prompt_tokens + wanted <= context) return;
  throw RequestError(400,
                     concat("This model's maximum context length is ", context,
                            " tokens. However, your request asks for ", prompt_tokens + wanted,
                            " tokens (", prompt_tokens, " in the prompt, ", wanted,
                            " in the completion). Shorten the prompt or the completion."),
                     {.param = param, .code = "context_length_exceeded"});
}

void check_text(const ModelHost& host, std::string_view text, const char* param) {
  const int64_t least = host.least_tokens(text.size());
  const int64_t context = host.model().context_length();
  if (least <= context) return;
  throw RequestError(400,
                     concat("This model's maximum context length is ", context,
                            " tokens. However, your prompt of ", text.size(),
                            " bytes has at least ", least, ". Shorten the prompt."),
                     {.param = param, .code = "context_length_exceeded"});
}

std::vector<int32_t> checked_token_ids(const char* param, const json& ids, int64_t vocab) {
  std::vector<int32_t> out;
  for (const json& id : ids) {
    const int64_t value = id.is_number() ? id.get<int64_t>() : -1;  // 5.0 is an integer too
    if (value < 0 || value >= vocab)
      refuse_param(422, param, "expected token ids from 0 to ", vocab - 1, ", got ", id.dump());
    out.push_back(static_cast<int32_t>(value));
  }
  return out;
}

Demand demand_of(const ModelHost& host, const GenerateRequest& request) {
  const auto prompt = static_cast<int64_t>(request.prompt.size());
  const bool stated = request.max_tokens >= 0;
  const int64_t each = stated ? request.max_tokens : host.model().context_length() - prompt;
  return {prompt, each * static_cast<int64_t>(request.choices.size()), stated};
}

}  // namespace deepseek::serve
