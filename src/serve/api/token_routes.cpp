// SPDX-License-Identifier: Apache-2.0
#include "serve/api/api.h"
#include "serve/api/chat_messages.h"
#include "serve/api/chat_prompt.h"
#include "serve/api/request_fields.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

/// Of what is cut into tokens or put together from them, whatever the model's context.
constexpr int64_t most_body_bytes = 4 << 20;

ordered_json chat_of(const HttpRequest& http, ChatInput& input) {
  const ordered_json body = ordered_json::parse(http.body);
  input.messages = neutral_messages(body["messages"]);
  if (body.contains("tools") && body["tools"].is_array()) input.tools = body["tools"];
  return body;
}

HttpReply tokenize(const std::shared_ptr<ApiContext>& context, const HttpRequest& http) {
  const json body = checked_body(http, "TokenizeRequest", context->schemas);
  const std::shared_ptr<ModelHost> host =
      context->host(http, field<std::string>(body, "model").value_or(""));
  const std::shared_ptr<Bill> bill = context->accounts->admit_free(http);
  std::vector<int32_t> ids;
  if (body.contains("messages")) {
    ChatInput input;
    chat_of(http, input);
    ids = chat_prompt(*host, std::move(input)).tokens;
  } else {
    const std::string text = field<std::string>(body, "prompt")
                                 .value_or(field<std::string>(body, "content").value_or(""));
    ids = host->tokenizer().encode(
        text, {.parse_special = field<bool>(body, "parse_special").value_or(true),
               .add_special = field<bool>(body, "add_special_tokens").value_or(true)});
  }
  ordered_json page = {
      {"count", ids.size()}, {"max_model_len", host->model().context_length()}, {"tokens", ids}};
  if (field<bool>(body, "return_token_strs").value_or(false)) {
    page["token_strs"] = ordered_json::array();
    for (const int32_t id : ids) page["token_strs"].push_back(host->tokenizer().token_piece(id));
  }
  return with_limits(json_reply(page.dump()), *bill);
}

HttpReply detokenize(const std::shared_ptr<ApiContext>& context, const HttpRequest& http) {
  const json body = checked_body(http, "DetokenizeRequest", context->schemas);
  const std::shared_ptr<ModelHost> host =
      context->host(http, field<std::string>(body, "model").value_or(""));
  const std::shared_ptr<Bill> bill = context->accounts->admit_free(http);
  std::vector<int32_t> ids;
  for (const json& id : body["tokens"]) {
    const int64_t value = id.get<int64_t>();
    if (value < 0 || value >= host->tokenizer().vocab_size())
      refuse_param(422, "tokens", "expected ids from 0 to ", host->tokenizer().vocab_size() - 1,
                   ", got ", value);
    ids.push_back(static_cast<int32_t>(value));
  }
  const std::string text = host->tokenizer().decode(
      ids, {.skip_special = field<bool>(body, "skip_special_tokens").value_or(false)});
  return with_limits(json_reply(ordered_json{{"prompt", text}, {"content", text}}.dump()), *bill);
}

HttpReply tokenizer_info(const std::shared_ptr<ApiContext>& context, const HttpRequest& http) {
  const std::string* name = http.query_value("model");
  const std::shared_ptr<ModelHost> host = context->host(http, name ? *name : "");
  const Tokenizer& tokenizer = host->tokenizer();
  const auto piece = [&](const std::optional<int32_t>& id) {
    return id ? ordered_json(tokenizer.token_piece(*id)) : ordered_json(nullptr);
  };
  const SpecialTokens& special = tokenizer.special_tokens();
  return json_reply(ordered_json{{"tokenizer_class", "PreTrainedTokenizerFast"},
                                 {"vocab_size", tokenizer.vocab_size()},
                                 {"model_max_length", host->model().context_length()},
                                 {"bos_token", piece(special.bos)},
                                 {"eos_token", piece(special.eos)},
                                 {"pad_token", piece(special.pad)},
                                 {"add_bos_token", special.add_bos},
                                 {"add_eos_token", special.add_eos},
                                 {"chat_template", host->model().chat_template_text()}}
                        .dump());
}

HttpReply apply_template(const std::shared_ptr<ApiContext>& context, const HttpRequest& http) {
  const json body = checked_body(http, "TemplateRequest", context->schemas);
  const std::shared_ptr<ModelHost> host =
      context->host(http, field<std::string>(body, "model").value_or(""));
  const std::shared_ptr<Bill> bill = context->accounts->admit_free(http);
  ChatInput input;
  chat_of(http, input);
  const ChatPrompt prompt = chat_prompt(*host, std::move(input));
  return with_limits(
      json_reply(ordered_json{{"prompt", prompt.text}, {"tokens", prompt.tokens}}.dump()), *bill);
}

}  // namespace

void add_token_routes(Router& router, const std::shared_ptr<ApiContext>& context) {
  const auto add = [&](const char* method, const char* path, auto answer, const char* summary,
                       const char* schema) {
    router.add(Route(
        method, path, Access::any_key(),
        answering([context, answer](const HttpRequest& http) { return answer(context, http); }),
        {.body_limit_bytes = most_body_bytes,
         .heavy = true,
         .summary = summary,
         .request_schema = schema}));
  };
  add("POST", "/tokenize", tokenize, "Token ids of a text or a conversation", "TokenizeRequest");
  add("POST", "/detokenize", detokenize, "The text of token ids", "DetokenizeRequest");
  add("GET", "/tokenizer_info", tokenizer_info, "What the tokenizer is", "");
  add("POST", "/apply-template", apply_template, "The prompt of a conversation", "TemplateRequest");
}

}  // namespace deepseek::serve
