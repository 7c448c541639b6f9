// SPDX-License-Identifier: Apache-2.0
#include "serve/api/api.h"

#include <algorithm>
#include <chrono>

#include "core/utf8.h"
#include "serve/api/request_fields.h"
#include "serve/store/digest.h"

namespace deepseek::serve {

using nlohmann::ordered_json;

std::string new_id(std::string_view prefix) { return concat(prefix, random_hex(24)); }

int64_t unix_time() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

ordered_json usage_json(const deepseek::Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_cache_hit_tokens", usage.cached_tokens},
          {"prompt_cache_miss_tokens", usage.prompt_tokens - usage.cached_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
          {"completion_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}}};
}

ordered_json timings_json(const deepseek::Timings& timings, const deepseek::Usage& usage) {
  const auto rate = [](int64_t tokens, double ms) {
    return ms > 0 ? static_cast<double>(tokens) * 1000 / ms : 0;
  };
  return {
      {"queue_ms", timings.queue_ms},
      {"prompt_ms", timings.prefill_ms},
      {"predicted_ms", timings.decode_ms},
      {"first_token_ms", timings.first_token_ms},
      {"total_ms", timings.total_ms},
      {"prompt_n", usage.prompt_tokens - usage.cached_tokens},
      {"predicted_n", usage.completion_tokens},
      {"prompt_per_second", rate(usage.prompt_tokens - usage.cached_tokens, timings.prefill_ms)},
      {"predicted_per_second", rate(usage.completion_tokens, timings.decode_ms)}};
}

std::string finish_reason(FinishReason reason, bool called) {
  switch (reason) {
    case FinishReason::stop:
      return called ? "tool_calls" : "stop";
    case FinishReason::length:
      return "length";
    default:
      return "insufficient_system_resource";
  }
}

ordered_json token_json(const Tokenizer& tokenizer, const TokenLogprob& token) {
  const std::string_view bytes = tokenizer.token_text(token.token);
  ordered_json list = ordered_json::array();
  for (const char c : bytes) list.push_back(static_cast<unsigned char>(c));
  return {{"token", replace_invalid_utf8(bytes)},
          {"logprob", token.logprob},
          {"bytes", std::move(list)}};
}

CacheSalt cache_salt(const std::string& secret, const HttpRequest& request,
                     const nlohmann::json& body) {
  // Who has no key of their own shares one salt with everybody who has none either.
  const std::string& owner = holder_of(request).owner;
  const std::string user = field<std::string>(body, "user_id").value_or(std::string());
  const std::string text = concat("deepseek cache salt\n", owner.size(), "\n", owner, "\n", user);
  const std::string digest = store::hmac_sha256(secret, text);
  CacheSalt salt{};
  std::ranges::transform(digest, salt.begin(), [](char c) { return std::byte(c); });
  return salt;
}

std::string tenant(const HttpRequest& request) {
  return request.principal ? request.principal->id : std::string();
}

}  // namespace deepseek::serve
