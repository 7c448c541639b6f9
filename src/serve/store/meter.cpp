// SPDX-License-Identifier: Apache-2.0
#include "serve/store/meter.h"

#include <algorithm>

#include "core/error.h"
#include "serve/store/usage.h"

namespace deepseek::store {
namespace {

#define RESERVATION_COLUMNS                                                                  \
  "id, key_id, model, currency, price, hit_price, miss_price, output_price, prompt_tokens, " \
  "max_output_tokens, reserved_micro, hit_tokens, miss_tokens, output_tokens, admitted_at_ms"

/// A row of the table reservations.
struct Open {
  std::string id, key_id, model, currency, price;
  TokenPrice prices;
  int64_t prompt_tokens, max_output_tokens, reserved_micro;
  TokenCounts used;
  int64_t admitted_at_ms;
};

Open open_of(const Row& row) {
  return {row.text(0),     row.text(1),
          row.text(2),     row.text(3),
          row.text(4),     {row.integer(5), row.integer(6), row.integer(7)},
          row.integer(8),  row.integer(9),
          row.integer(10), {row.integer(11), row.integer(12), row.integer(13)},
          row.integer(14)};
}

void check_used(const Open& open, const TokenCounts& used) {
  const bool negative = used.hit < 0 || used.miss < 0 || used.output < 0;
  if (negative || used.hit > open.prompt_tokens || used.miss > open.prompt_tokens - used.hit ||
      used.output > open.max_output_tokens)
    fail(ErrorKind::internal, "request ", open.id, " used ", used.hit, " + ", used.miss,
         " prompt and ", used.output, " output tokens, reserved were ", open.prompt_tokens, " and ",
         open.max_output_tokens);
}

/// Charges for a reservation and ends it.
LedgerEntry close(Connection& connection, const Open& open, const TokenCounts& used,
                  std::string_view outcome, int64_t now_ms) {
  check_used(open, used);
  const Balance balance = Balances::read(connection, open.key_id);
  const int64_t cost = cost_micro(open.prices, used);
  const int64_t from_grant = std::clamp<int64_t>(balance.granted_micro, 0, cost);
  LedgerEntry entry;
  entry.entry_id = open.id;
  entry.at_ms = now_ms;
  entry.key_id = open.key_id;
  entry.kind = "charge";
  entry.currency = open.currency;
  entry.granted_micro = -from_grant;
  entry.topped_up_micro = -(cost - from_grant);
  entry.model = open.model;
  entry.price = open.price;
  entry.prices = open.prices;
  entry.tokens = used;
  entry.outcome = outcome;
  entry.admitted_at_ms = open.admitted_at_ms;
  connection.execute(
      "UPDATE balances SET granted_micro = granted_micro + ?, topped_up_micro = topped_up_micro + "
      "?, reserved_micro = reserved_micro - ? WHERE key_id = ?",
      {entry.granted_micro, entry.topped_up_micro, open.reserved_micro, open.key_id});
  connection.execute("DELETE FROM reservations WHERE id = ?", {open.id});
  Usage::add(connection, entry, cost);
  return Ledger::append(connection, entry);
}

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::complete:
      return "complete";
    case Outcome::aborted:
      return "aborted";
    case Outcome::failed:
      return "failed";
  }
  return "failed";
}

bool is_taken(Connection& connection, const std::string& id) {
  return !connection
              .query(
                  "SELECT id FROM reservations WHERE id = ? UNION ALL SELECT entry_id FROM "
                  "ledger WHERE entry_id = ?",
                  {id, id})
              .empty();
}

}  // namespace

Meter::Meter(Database& database, const Owner& owner, std::shared_ptr<const PriceList> prices,
             Clock clock)
    : database_(database), owner_(owner), clock_(std::move(clock)), prices_(std::move(prices)) {}

void Meter::set_prices(std::shared_ptr<const PriceList> prices) {
  const std::lock_guard lock(mutex_);
  prices_ = std::move(prices);
}

Price Meter::price_of(const std::string& model, const std::string& currency, int64_t now_ms) {
  std::shared_ptr<const PriceList> prices;
  {
    const std::lock_guard lock(mutex_);
    prices = prices_;
  }
  if (prices == nullptr) return {{}, currency, "free"};
  const auto price = prices->find(model, now_ms);
  if (!price)
    fail(ErrorKind::not_found, "model '", printable(model, 80),
         "' has no price now; add it, or \"*\", to the price file");
  if (price->currency != currency)
    fail(ErrorKind::unsupported, "the key's balance is in ", currency, ", prices are in ",
         price->currency, "; use a key in ", price->currency);
  return *price;
}

Admission Meter::reserve(const MeteredRequest& request) {
  if (request.id.empty() || request.prompt_tokens < 0 ||
      request.prompt_tokens > largest_token_count || request.max_output_tokens < 0 ||
      request.max_output_tokens > largest_token_count)
    fail(ErrorKind::internal, "request ", request.id, ": token counts are out of range");
  const int64_t now_ms = clock_();
  return database_.write([&](Connection& connection) -> Admission {
    if (is_taken(connection, request.id))
      fail(ErrorKind::internal, "request ", request.id, " was reserved before");
    const Balance balance = Balances::read(connection, request.key_id);
    const Price price = price_of(request.model, balance.currency, now_ms);
    TokenPrice bound = price.tokens;
    bound.miss = std::max(bound.miss, bound.hit);
    const int64_t cost = cost_micro(bound, {0, request.prompt_tokens, request.max_output_tokens});
    if (balance.prepaid && cost > balance.available_micro())
      return InsufficientBalance{balance.currency, cost, balance.available_micro()};
    connection.execute(
        "INSERT INTO reservations (" RESERVATION_COLUMNS
        ", owner) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, ?, ?)",
        {request.id, request.key_id, request.model, price.currency, price.name, price.tokens.hit,
         price.tokens.miss, price.tokens.output, request.prompt_tokens, request.max_output_tokens,
         cost, now_ms, owner_.id()});
    connection.execute("UPDATE balances SET reserved_micro = reserved_micro + ? WHERE key_id = ?",
                       {cost, request.key_id});
    return Reservation{request.id, price, cost, now_ms};
  });
}

void Meter::report(const std::string& id, const TokenCounts& used) {
  const std::lock_guard lock(mutex_);
  reports_[id] = used;
}

void Meter::flush() {
  std::map<std::string, TokenCounts> reports;
  {
    const std::lock_guard lock(mutex_);
    reports.swap(reports_);
  }
  try {
    database_.write(
        [&](Connection& connection) {
          owner_.renew(connection);
          for (const auto& [id, used] : reports)
            connection.execute(
                "UPDATE reservations SET hit_tokens = ?, miss_tokens = ?, output_tokens = ? WHERE "
                "id = ?",
                {used.hit, used.miss, used.output, id});
        },
        Durability::relaxed);
  } catch (...) {
    // Newer reports of the same request win.
    const std::lock_guard lock(mutex_);
    reports_.merge(reports);
    throw;
  }
}

LedgerEntry Meter::settle(const std::string& id, const TokenCounts& used, Outcome outcome,
                          const std::function<void(Connection&)>& with) {
  {
    const std::lock_guard lock(mutex_);
    reports_.erase(id);
  }
  const int64_t now_ms = clock_();
  const auto closed = database_.write([&](Connection& connection) -> std::optional<LedgerEntry> {
    const Rows rows =
        connection.query("SELECT " RESERVATION_COLUMNS " FROM reservations WHERE id = ?", {id});
    if (rows.empty()) return std::nullopt;
    if (with) with(connection);
    return close(connection, open_of(rows[0]), used, name_of(outcome), now_ms);
  });
  if (closed) return *closed;
  if (const auto before = Ledger(database_).find(id)) return *before;
  fail(ErrorKind::not_found, "request ", printable(id, 80), ": nothing was reserved for it");
}

void Meter::withdraw(const std::string& id) {
  {
    const std::lock_guard lock(mutex_);
    reports_.erase(id);
  }
  database_.write([&](Connection& connection) {
    const Rows rows =
        connection.query("SELECT " RESERVATION_COLUMNS " FROM reservations WHERE id = ?", {id});
    if (rows.empty()) return;
    const Open open = open_of(rows[0]);
    connection.execute("UPDATE balances SET reserved_micro = reserved_micro - ? WHERE key_id = ?",
                       {open.reserved_micro, open.key_id});
    connection.execute("DELETE FROM reservations WHERE id = ?", {id});
  });
}

int64_t Meter::recover() {
  const int64_t now_ms = clock_();
  return database_.write([&](Connection& connection) {
    const std::set<std::string> living = owner_.living(connection);
    int64_t recovered = 0;
    for (const Row& row :
         connection.query("SELECT " RESERVATION_COLUMNS ", owner FROM reservations ORDER BY "
                          "admitted_at_ms, id")) {
      if (living.contains(row.text(15))) continue;
      const Open open = open_of(row);
      close(connection, open, open.used, "recovered", now_ms);
      ++recovered;
    }
    owner_.forget_dead(connection);
    return recovered;
  });
}

}  // namespace deepseek::store
