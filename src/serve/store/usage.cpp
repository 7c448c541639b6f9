// SPDX-License-Identifier: Apache-2.0
#include "serve/store/usage.h"

namespace deepseek::store {
namespace {

constexpr int64_t day_ms = 86'400'000;

std::vector<UsageTotal> totals_of(const Rows& rows) {
  std::vector<UsageTotal> totals;
  totals.reserve(rows.size());
  for (const Row& row : rows)
    totals.push_back({row.text(0),
                      row.text(1),
                      int32_t(row.integer(2)),
                      row.text(3),
                      row.integer(4),
                      {row.integer(5), row.integer(6), row.integer(7)},
                      row.integer(8)});
  return totals;
}

}  // namespace

std::vector<UsageTotal> Usage::days(const std::string& key_id, int32_t first_day,
                                    int32_t last_day) {
  return totals_of(database_.read([&](Connection& connection) {
    return connection.query(
        "SELECT key_id, model, day, currency, requests, hit_tokens, miss_tokens, output_tokens, "
        "cost_micro FROM usage_days WHERE key_id = ? AND day >= ? AND day <= ? ORDER BY day, "
        "model, currency",
        {key_id, first_day, last_day});
  }));
}

std::vector<UsageTotal> Usage::totals(int32_t first_day, int32_t last_day,
                                      const std::string& key_id) {
  return totals_of(database_.read([&](Connection& connection) {
    return connection.query(
        "SELECT key_id, model, MIN(day), currency, CAST(SUM(requests) AS BIGINT), "
        "CAST(SUM(hit_tokens) AS BIGINT), CAST(SUM(miss_tokens) AS BIGINT), "
        "CAST(SUM(output_tokens) AS BIGINT), CAST(SUM(cost_micro) AS BIGINT) FROM usage_days "
        "WHERE day >= ? AND day <= ? AND (key_id = ? OR ? = '') GROUP BY key_id, model, currency "
        "ORDER BY key_id, model, currency",
        {first_day, last_day, key_id, key_id});
  }));
}

void Usage::add(Connection& connection, const LedgerEntry& charge, int64_t cost_micro) {
  connection.execute(
      "INSERT INTO usage_days (key_id, model, day, currency, requests, hit_tokens, miss_tokens, "
      "output_tokens, cost_micro) VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?) ON CONFLICT (key_id, model, "
      "day, currency) DO UPDATE SET requests = usage_days.requests + 1, hit_tokens = "
      "usage_days.hit_tokens + excluded.hit_tokens, miss_tokens = usage_days.miss_tokens + "
      "excluded.miss_tokens, output_tokens = usage_days.output_tokens + excluded.output_tokens, "
      "cost_micro = usage_days.cost_micro + excluded.cost_micro",
      {charge.key_id, charge.model, charge.at_ms / day_ms, charge.currency, charge.tokens.hit,
       charge.tokens.miss, charge.tokens.output, cost_micro});
}

}  // namespace deepseek::store
