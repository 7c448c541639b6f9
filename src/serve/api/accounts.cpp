// SPDX-License-Identifier: Apache-2.0
#include "serve/api/accounts.h"

#include <algorithm>
#include <chrono>

#include "serve/http/request_error.h"
#include "serve/store/digest.h"
#include "serve/store/schema.h"

namespace deepseek::serve {
namespace {

using Refusal = store::RateAnswer::Refusal;

constexpr size_t secret_bytes = 32;
constexpr auto flush_interval = std::chrono::seconds(1);
constexpr int rounds_between_tidying = 60;
/// Of an output that only the context bounds, so much is taken out of the minute beforehand; what
/// it uses beyond that is owed.
constexpr int64_t presumed_output_tokens = 1024;

int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// "1.5s", "2m0s", "120ms", as OpenAI's headers have it.
std::string duration_text(int64_t ms) {
  if (ms < 1000) return concat(ms, "ms");
  const int64_t minutes = ms / 60'000, tenths = ms % 60'000 / 100;
  std::string text = minutes > 0 ? concat(minutes, "m") : std::string();
  text += concat(tenths / 10);
  if (tenths % 10 != 0) text += concat(".", tenths % 10);
  return text + "s";
}

HttpHeaders limit_headers(const store::RateAnswer& rates) {
  HttpHeaders headers;
  const auto add = [&](const char* what, const std::optional<store::LimitState>& state) {
    if (!state) return;
    headers.add(concat("x-ratelimit-limit-", what), concat(state->limit));
    headers.add(concat("x-ratelimit-remaining-", what), concat(state->remaining));
    headers.add(concat("x-ratelimit-reset-", what), duration_text(state->reset_ms));
  };
  add("requests", rates.requests);
  add("tokens", rates.tokens);
  return headers;
}

[[noreturn]] void refuse_rate(const store::RateAnswer& rates, const store::Limits& limits,
                              int64_t tokens) {
  RequestError::Details details;
  details.headers = limit_headers(rates);
  details.retry_after_ms = rates.retry_after_ms;
  switch (rates.refusal) {
    case Refusal::requests:
      throw RequestError(429,
                         concat("this API key may make ", *limits.requests_per_minute,
                                " requests a minute; try again later"),
                         details);
    case Refusal::tokens:
      throw RequestError(
          429,
          concat("this API key may use ", *limits.tokens_per_minute, " tokens a minute, ",
                 tokens == 0 ? concat("and has used more")
                             : concat("and the request needs up to ", tokens),
                 "; try again later"),
          details);
    case Refusal::concurrency:
      throw RequestError(429,
                         concat("this API key may have ", *limits.concurrency,
                                " requests at once; try again when one has ended"),
                         details);
    default:
      details.should_retry = false;
      throw RequestError(
          429,
          concat("the request needs up to ", tokens, " tokens, this API key may use ",
                 *limits.tokens_per_minute, " a minute; shorten the prompt or lower max_tokens"),
          details);
  }
}

/// The body that DeepSeek's API answers.
[[noreturn]] void refuse_money(const std::string& amounts) {
  throw RequestError(402, concat("Insufficient Balance: ", amounts),
                     {.code = "invalid_request_error", .type = "unknown_error"});
}

[[noreturn]] void refuse_balance(const store::InsufficientBalance& lacking) {
  refuse_money(concat("the request could cost up to ", store::money_text(lacking.required_micro),
                      " ", lacking.currency, ", available are ",
                      store::money_text(lacking.available_micro), " ", lacking.currency,
                      "; top up the balance or lower max_tokens"));
}

bool is_free(const store::TokenPrice& price) {
  return price.hit == 0 && price.miss == 0 && price.output == 0;
}

std::shared_ptr<const store::PriceList> prices_of(const AccountsConfig& config) {
  if (config.prices.empty()) return nullptr;
  if (!config.store)
    fail(ErrorKind::invalid_input, "--prices: ", config.prices.string(),
         " needs a store that keeps balances; give --data-path or --store-url");
  auto prices = std::make_shared<store::PriceList>(store::PriceList::load(config.prices));
  for (const std::string& model : config.models)
    if (!prices->find(model, store::system_clock_ms()))
      fail(ErrorKind::not_found, config.prices.string(), ": model '", printable(model, 80),
           "' has no price now; add it, or \"*\" for every model");
  return prices;
}

}  // namespace

Accounts::Accounts(AccountsConfig config) : config_(std::move(config)), limiter_(steady_ms) {
  prices_ = prices_of(config_);
  if (config_.store) {
    store_ = std::make_unique<store::Store>(*config_.store, prices_);
    if (const int64_t recovered = store_->meter.recover(); recovered > 0)
      notice(concat(recovered, " requests that a crash cut off were settled"));
    secret_ = store::meta_secret(store_->database, "server_secret");
  } else if (!config_.secret_folder.empty()) {
    secret_ = secret_in(config_.secret_folder);
  } else {
    secret_ = store::random_bytes(secret_bytes);
  }
  keys_ = std::make_unique<KeyCheck>(config_.api_keys, store_ ? &store_->keys : nullptr, secret_);
  if (store_) keeper_ = std::thread([this] { keep(); });
}

Accounts::~Accounts() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (keeper_.joinable()) keeper_.join();
}

void Accounts::notice(const std::string& line) const {
  if (config_.notice) config_.notice(line);
}

void Accounts::check_model(const HttpRequest& request, const std::string& asked,
                           const std::string& served) {
  const store::Key& key = holder_of(request).key;
  if (key.allows_model(served) || (!asked.empty() && key.allows_model(asked))) return;
  throw RequestError(403,
                     concat("this API key may not use the model '",
                            printable(asked.empty() ? served : asked, 100), "'"),
                     {.param = "model", .code = "model_not_allowed"});
}

std::shared_ptr<Bill> Accounts::admit(const HttpRequest& request, const std::string& model,
                                      const Demand& demand) {
  const KeyHolder& holder = holder_of(request);
  const int64_t output = demand.output_is_stated
                             ? demand.output_tokens
                             : std::min(demand.output_tokens, presumed_output_tokens);
  const int64_t tokens = demand.prompt_tokens + output;
  std::shared_ptr<Bill> bill = admit(holder, tokens);
  if (!bill->accounts_) return bill;
  bill->demand_ = demand;
  const std::string id = store::make_id("charge_");
  const store::Admission admission =
      store_->meter.reserve({id, holder.key.id, model, demand.prompt_tokens, demand.output_tokens});
  if (const auto* lacking = std::get_if<store::InsufficientBalance>(&admission))
    refuse_balance(*lacking);
  bill->id_ = id;
  return bill;
}

std::shared_ptr<Bill> Accounts::admit(const KeyHolder& holder, int64_t tokens) {
  auto bill = std::make_shared<Bill>();
  if (!store_ || !holder.stored) return bill;
  const store::RateAnswer rates = limiter_.admit(holder.key.id, holder.key.limits, tokens);
  if (!rates.admitted()) refuse_rate(rates, holder.key.limits, tokens);
  // From here on the bill gives back what it holds, whatever happens.
  bill->key_id_ = holder.key.id;
  bill->rate_tokens_ = tokens;
  bill->headers_ = limit_headers(rates);
  bill->accounts_ = shared_from_this();
  return bill;
}

std::shared_ptr<Bill> Accounts::admit_free(const HttpRequest& request) {
  return admit(holder_of(request), 0);
}

void Accounts::check_money(const HttpRequest& request, const std::string& model) {
  const std::optional<store::Price> cost = price(model);
  if (!cost || is_free(cost->tokens)) return;
  const std::optional<store::Balance> left = balance(request);
  if (!left || !left->prepaid || left->available_micro() > 0) return;
  refuse_money(concat("available are ", store::money_text(left->available_micro()), " ",
                      left->currency, "; top up the balance"));
}

std::optional<store::Balance> Accounts::balance(const HttpRequest& request) {
  const KeyHolder& holder = holder_of(request);
  if (!store_ || !holder.stored) return std::nullopt;
  return store_->balances.get(holder.key.id);
}

std::optional<store::Price> Accounts::price(const std::string& model) const {
  if (!prices_) return std::nullopt;
  return prices_->find(model, store::system_clock_ms());
}

void Accounts::report(const std::string& id, const store::TokenCounts& used) {
  if (!id.empty()) store_->meter.report(id, used);
}

void Accounts::settle(const Bill& bill, const store::TokenCounts& used, store::Outcome outcome,
                      std::optional<KeptReply> kept) {
  if (!bill.id_.empty()) settle_money({bill.id_, used, outcome, std::move(kept)});
  limiter_.release(bill.key_id_, bill.rate_tokens_, used.hit + used.miss + used.output);
}

void Accounts::charge(const Unsettled& one) {
  const bool nothing = one.used.hit + one.used.miss + one.used.output == 0 && !one.kept;
  if (nothing) return store_->meter.withdraw(one.id);
  const auto keep = [&](store::Connection& connection) {
    if (one.kept)
      store_->idempotency.finish(connection, one.kept->owner, one.kept->idempotency_key,
                                 one.kept->reply);
  };
  store_->meter.settle(one.id, one.used, one.outcome, keep);
}

void Accounts::settle_money(Unsettled one) {
  try {
    charge(one);
  } catch (const std::exception& error) {
    notice(concat("request ", one.id, " is not settled yet: ", error.what()));
    const std::lock_guard lock(mutex_);
    unsettled_.push_back(std::move(one));
  }
}

void Accounts::retry_unsettled() {
  std::vector<Unsettled> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(unsettled_);
  }
  while (!left.empty()) {
    try {
      charge(left.back());
      left.pop_back();
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::internal || error.kind() == ErrorKind::not_found) {
        notice(error.what());  // trying again would not help
        left.pop_back();
        continue;
      }
      const std::lock_guard lock(mutex_);
      unsettled_.insert(unsettled_.end(), left.begin(), left.end());
      throw;
    }
  }
}

void Accounts::keep() {
  bool failing = false;
  for (int round = 1;; ++round) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, flush_interval, [&] { return stop_; });
    }
    try {
      retry_unsettled();
      store_->meter.flush();
      if (round % rounds_between_tidying == 0) {
        store_->tidy();
        store_->meter.recover();
      }
      if (failing) notice("the store answers again");
      failing = false;
    } catch (const std::exception& error) {
      if (!failing) notice(concat("the store fails: ", error.what()));
      failing = true;
    }
    const std::lock_guard lock(mutex_);
    if (stop_) return;
  }
}

}  // namespace deepseek::serve
