// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>

#include "serve/api/page.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;

constexpr int64_t day_ms = 86'400'000;
constexpr int64_t most_days = 366;

ordered_json optional_json(const std::optional<int64_t>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json load_json(ModelHost& host) {
  const SchedulerStatistics now = host.scheduler().statistics();
  return {{"model", host.name()},
          {"context_length", host.model().context_length()},
          {"fingerprint", host.scheduler().fingerprint()},
          {"running_requests", now.running_requests},
          {"waiting_requests", now.waiting_requests},
          {"waiting_tokens", now.waiting_tokens},
          {"submitted", now.submitted},
          {"refused", now.refused},
          {"preemptions", now.preemptions},
          {"prompt_tokens", now.prompt_tokens},
          {"generation_tokens", now.generation_tokens},
          {"steps", now.steps},
          {"model_seconds", now.model_seconds},
          {"cache",
           {{"total_pages", now.total_pages},
            {"used_pages", now.used_pages},
            {"cached_pages", now.cached_pages},
            {"disk_bytes", now.disk_on ? ordered_json(now.disk_bytes) : ordered_json(nullptr)},
            {"query_tokens", now.prefix_query_tokens},
            {"memory_hit_tokens", now.prefix_memory_hit_tokens},
            {"disk_hit_tokens", now.prefix_disk_hit_tokens}}}};
}

ordered_json key_json(const store::Key& key, const std::map<std::string, store::Balance>& balances,
                      int64_t now_ms) {
  ordered_json shown = {{"id", key.id},
                        {"name", key.name},
                        {"shown", key.shown},
                        {"state", std::string(key.state(now_ms))},
                        {"scopes", key.scopes},
                        {"models", key.models},
                        {"expires_at_ms", optional_json(key.expires_at_ms)},
                        {"requests_per_minute", optional_json(key.limits.requests_per_minute)},
                        {"tokens_per_minute", optional_json(key.limits.tokens_per_minute)},
                        {"concurrency", optional_json(key.limits.concurrency)},
                        {"created_at_ms", key.created_at_ms},
                        {"balance", nullptr}};
  if (const auto balance = balances.find(key.id); balance != balances.end())
    shown["balance"] = {{"currency", balance->second.currency},
                        {"prepaid", balance->second.prepaid},
                        {"total", store::money_text(balance->second.total_micro())},
                        {"reserved", store::money_text(balance->second.reserved_micro)}};
  return shown;
}

ordered_json spending_json(store::Store& store, int64_t days) {
  const auto today = static_cast<int32_t>(store::system_clock_ms() / day_ms);
  ordered_json rows = ordered_json::array();
  for (const store::UsageTotal& total :
       store.usage.totals(today - static_cast<int32_t>(days) + 1, today))
    rows.push_back({{"key_id", total.key_id},
                    {"model", total.model},
                    {"currency", total.currency},
                    {"requests", total.requests},
                    {"hit_tokens", total.tokens.hit},
                    {"miss_tokens", total.tokens.miss},
                    {"output_tokens", total.tokens.output},
                    {"cost", store::money_text(total.cost_micro)}});
  return rows;
}

int64_t asked_days(const HttpRequest& http) {
  const std::string* const text = http.query_value("days");
  if (!text) return 30;
  int64_t days = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, failure] = std::from_chars(text->data(), end, days);
  if (failure != std::errc() || stop != end || days < 1 || days > most_days)
    refuse_param(422, "days", "expected a whole number from 1 to ", most_days, ", got '",
                 printable(*text, 40), "'");
  return days;
}

HttpReply overview(const ApiContext& context, const HttpRequest& http) {
  const int64_t days = asked_days(http);
  ordered_json page = {{"load", ordered_json::array()}, {"keys", nullptr}, {"spending", nullptr}};
  for (const auto& card : context.models->cards())
    if (const std::shared_ptr<ModelHost> host = context.models->peek(*card))
      page["load"].push_back(load_json(*host));
  if (store::Store* const store = context.accounts->store()) {
    const std::map<std::string, store::Balance> balances = store->balances.all();
    page["keys"] = ordered_json::array();
    for (const store::Key& key : store->keys.list())
      page["keys"].push_back(key_json(key, balances, store::system_clock_ms()));
    page["spending"] = spending_json(*store, days);
  }
  return json_reply(page.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace

void add_page_operator_routes(Router& router, const std::shared_ptr<Page>& page) {
  router.add(
      Route("GET", "/web/operator", Access::scope("admin"),
            answering([page](const HttpRequest& http) { return overview(*page->api(), http); }),
            {.summary = "Load, cache, keys and spending of the last `days`"}));
}

}  // namespace deepseek::serve
