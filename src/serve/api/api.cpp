// SPDX-License-Identifier: Apache-2.0
#include "serve/api/api.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

#include "core/utf8.h"
#include "serve/api/model_waits.h"
#include "serve/api/request_fields.h"
#include "serve/store/digest.h"

namespace deepseek::serve {

using nlohmann::ordered_json;

std::shared_ptr<ModelHost> ApiContext::host(const HttpRequest& http,
                                            const std::string& name) const {
  const std::shared_ptr<const ModelCard> card = names->find(name);
  Accounts::check_model(http, name, card->name());
  if (auto lease = models->lease(*card)) return lease;
  accounts->check_money(http, card->name());
  throw ModelAbsent(card);
}

std::string wire_text(const ordered_json& page) {
  return page.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string new_id(std::string_view prefix) { return concat(prefix, random_hex(24)); }

int64_t unix_time() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string time_text(std::chrono::system_clock::time_point time) {
  using namespace std::chrono;
  const std::time_t seconds = system_clock::to_time_t(floor<std::chrono::seconds>(time));
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  const int64_t micros =
      duration_cast<microseconds>(time - floor<std::chrono::seconds>(time)).count();
  std::array<char, 40> text{};
  const size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  const std::string fraction = std::to_string(micros + 1'000'000).substr(1);
  return concat(std::string_view(text.data(), size), ".", fraction, "Z");
}

ordered_json usage_json(const deepseek::Usage& usage) {
  ordered_json page = counts_json(usage.prompt_tokens, usage.completion_tokens);
  page.update({{"prompt_cache_hit_tokens", usage.cached_tokens},
               {"prompt_cache_miss_tokens", usage.prompt_tokens - usage.cached_tokens},
               {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
               {"completion_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}}});
  return page;
}

ordered_json counts_json(int64_t prompt_tokens, int64_t completion_tokens) {
  return {{"prompt_tokens", prompt_tokens},
          {"completion_tokens", completion_tokens},
          {"total_tokens", prompt_tokens + completion_tokens}};
}

bool wants_timings(const nlohmann::json& body) {
  return field<bool>(body, "timings_per_token").value_or(false) ||
         field<bool>(body, "timings").value_or(false);
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

ordered_json progress_fields(const QueuePosition& queue) {
  return {{"queue_position", queue.ahead + 1}};
}

ordered_json progress_fields(const PrefillProgress& progress) {
  return {{"prompt_progress",
           {{"total", progress.total},
            {"cache", progress.cached},
            {"processed", progress.processed},
            {"time_ms", progress.time_ms}}}};
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

ordered_json scores_json(const Tokenizer& tokenizer, const std::vector<Logprobs>& logprobs) {
  ordered_json scores = ordered_json::array();
  for (const Logprobs& one : logprobs) {
    ordered_json score = token_json(tokenizer, one.chosen);
    score["top_logprobs"] = ordered_json::array();
    for (const TokenLogprob& other : one.best)
      score["top_logprobs"].push_back(token_json(tokenizer, other));
    scores.push_back(std::move(score));
  }
  return scores;
}

CacheSalt cache_salt(const std::string& secret, const HttpRequest& request,
                     const std::string& user_id) {
  // Who has no key of their own shares one salt with everybody who has none either.
  const std::string& owner = holder_of(request).owner;
  const std::string text =
      concat("deepseek cache salt\n", owner.size(), "\n", owner, "\n", user_id);
  const std::string digest = store::hmac_sha256(secret, text);
  CacheSalt salt{};
  std::ranges::transform(digest, salt.begin(), [](char c) { return std::byte(c); });
  return salt;
}

std::string tenant(const HttpRequest& request) {
  return request.principal ? request.principal->id : std::string();
}

}  // namespace deepseek::serve
