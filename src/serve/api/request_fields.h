// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "serve/api/bill.h"
#include "serve/http/message.h"
#include "serve/http/request_error.h"
#include "serve/models/model_host.h"

namespace deepseek::serve {

/// A request's sampling, limits and scores, as the OpenAI and DeepSeek dialects name them, laid
/// over what the model recommends. The body has passed its schema. Fills everything of the request
/// but prompt, constraint and thinking; `choices` gets n entries. Throws RequestError 422 naming
/// the field.
void apply_common_fields(const nlohmann::json& body, const ModelHost& host,
                         GenerateRequest& request);

/// What `work` answers. Its faults are the client's: RequestError 422 with `param`, where they do
/// not say already whose they are.
template <class Work>
auto blamed_on(const std::string& param, Work work) {
  try {
    return work();
  } catch (const RequestError&) {
    throw;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::internal) throw;
    throw RequestError(422, error.what(), {.param = param});
  }
}

/// What an answer is bound to, as the client wrote it.
struct OutputBound {
  std::string param;  // where the client wrote it
  std::function<grammar::Node(grammar::Builder&)> make;

  /// Its language within `builder`. Throws RequestError 422 with `param`.
  grammar::Node in(grammar::Builder& builder) const;
  /// Alone. Throws RequestError 422 with `param`.
  grammar::Grammar compile() const;
};

/// `grammar` for the host's vocabulary. Throws RequestError 422 with `param` when it cannot be
/// followed at a bearable cost.
grammar::Constraint constraint_of(ModelHost& host, const grammar::Grammar& grammar,
                                  const std::string& param);

/// What output is bound to: response_format, or one of guided_json, guided_regex, guided_choice and
/// guided_grammar. Nothing when it is free. `text` is the body's, where members keep their order.
/// Throws RequestError 400 and 422 with `param`.
std::optional<OutputBound> output_bound(const std::string& text);

/// To the JSON that a schema allows.
OutputBound schema_bound(const std::string& param, const nlohmann::ordered_json& schema);
/// To any JSON object.
OutputBound json_object_bound(const std::string& param);

/// The class of the request's `service_tier`.
RequestClass request_class(const nlohmann::json& body);

/// The member as T, or nothing when it is absent or null.
template <class T, class Json>
std::optional<T> field(const Json& body, const char* name) {
  const auto at = body.find(name);
  if (at == body.end() || at->is_null()) return std::nullopt;
  return at->template get<T>();
}

/// Submits, and turns "come back later" into RequestError 429, or 503 while draining.
template <class Request>
Ticket submit(ModelHost& host, Request request);
/// Throws what submit would for a request of this tenant with so many tokens: before the request
/// has cost anything.
void check_room(ModelHost& host, const std::string& tenant, int64_t tokens = 0);

/// What a request may use at most; its prompt is there and fits the context.
Demand demand_of(const ModelHost& host, const GenerateRequest& request);

/// 400 context_length_exceeded with both counts when the prompt, of field `param`, leaves no room.
void check_context(const ModelHost& host, int64_t prompt_tokens, int64_t max_tokens,
                   const char* param = "messages");
/// The same of a text that is not taken apart yet, where its length alone tells.
void check_text(const ModelHost& host, std::string_view text, const char* param);

/// A list of token ids. Throws RequestError 422 naming `param` for one outside the vocabulary.
std::vector<int32_t> checked_token_ids(const char* param, const nlohmann::json& ids, int64_t vocab);

}  // namespace deepseek::serve
