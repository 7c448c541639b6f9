// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "core/json.h"
#include "serve/api/accounts.h"
#include "serve/api/model_names.h"
#include "serve/api/reply_pump.h"
#include "serve/api/timeouts.h"
#include "serve/http/replay.h"
#include "serve/http/router.h"
#include "serve/http/schema_validate.h"
#include "serve/models/model_pool.h"

namespace deepseek::serve {

/// What the routes share.
struct ApiContext {
  /// What requests call the models, and those that are in memory.
  std::shared_ptr<const ModelNames> names;
  std::shared_ptr<ModelPool> models;

  /// What answers the request under a name, to be held as long as it is used. Throws RequestError
  /// 404 for an unknown name, 403 for a model that its key may not use, 402 where its key could not
  /// pay for one that is not in memory, and ModelAbsent; to be called before the request has any
  /// effect.
  std::shared_ptr<ModelHost> host(const HttpRequest& http, const std::string& name) const;

  /// Whether reasoning must be sent back with the calls that it led to.
  bool strict_replay = true;
  TimeLimits time_limits;
  std::shared_ptr<Accounts> accounts;
  SchemaSet schemas;
  ReplayStore replay;
  ReplyPump pump;
};

/// The scopes of routes that reach a model, as of store::key_scopes(). What only tells about
/// models, tokens or a key needs a key, whatever its scopes.
inline constexpr const char* chat_scope = "chat";  // conversations and texts, in any dialect
inline constexpr const char* embeddings_scope = "embeddings";
inline constexpr const char* responses_scope = "responses";

void add_chat_routes(Router& router, const std::shared_ptr<ApiContext>& context);
void add_completion_routes(Router& router, const std::shared_ptr<ApiContext>& context);
void add_messages_routes(Router& router, const std::shared_ptr<ApiContext>& context);
void add_embedding_routes(Router& router, const std::shared_ptr<ApiContext>& context);
void add_ollama_routes(Router& router, const std::shared_ptr<ApiContext>& context);
void add_responses_routes(Router& router, const std::shared_ptr<ApiContext>& context);
void add_balance_routes(Router& router, const std::shared_ptr<ApiContext>& context);
void add_token_routes(Router& router, const std::shared_ptr<ApiContext>& context);
void add_model_routes(Router& router, const std::shared_ptr<ApiContext>& context);

/// Adds the schemas of every request body.
void add_request_schemas(SchemaSet& schemas);
void add_messages_schemas(SchemaSet& schemas);
void add_ollama_schemas(SchemaSet& schemas);
void add_responses_schemas(SchemaSet& schemas);

/// JSON that may quote what a model wrote: bytes that are no UTF-8 are replaced.
std::string wire_text(const nlohmann::ordered_json& page);

/// "chatcmpl-" and 24 random hexadecimal digits.
std::string new_id(std::string_view prefix);
int64_t unix_time();
/// "2025-01-31T23:59:59.123456Z".
std::string time_text(std::chrono::system_clock::time_point time);

/// `usage` as DeepSeek's API has it.
nlohmann::ordered_json usage_json(const deepseek::Usage& usage);
/// The same of a stream that goes on, as far as it is known.
nlohmann::ordered_json counts_json(int64_t prompt_tokens, int64_t completion_tokens);
/// Whether a request asks for `timings`.
bool wants_timings(const nlohmann::json& body);
/// `timings`, for who asked for them.
nlohmann::ordered_json timings_json(const deepseek::Timings& timings, const deepseek::Usage& usage);
/// `queue_position`: 1 for who is next, and `prompt_progress`.
nlohmann::ordered_json progress_fields(const QueuePosition& queue);
nlohmann::ordered_json progress_fields(const PrefillProgress& progress);
/// The wire's word for why a choice ended.
std::string finish_reason(FinishReason reason, bool called);
/// {"token","logprob","bytes"}.
nlohmann::ordered_json token_json(const Tokenizer& tokenizer, const TokenLogprob& token);
/// A list of these, each with those that were likeliest as its "top_logprobs".
nlohmann::ordered_json scores_json(const Tokenizer& tokenizer,
                                   const std::vector<Logprobs>& logprobs);

/// A salt for cached pages, of whom the request belongs to and its `user_id`, under the server's
/// `secret`: who knows all but that cannot tell the salt.
CacheSalt cache_salt(const std::string& secret, const HttpRequest& request,
                     const std::string& user_id);
/// Whose share of the machine a request takes.
std::string tenant(const HttpRequest& request);

}  // namespace deepseek::serve
