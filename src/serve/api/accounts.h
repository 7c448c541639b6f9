// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "serve/api/bill.h"
#include "serve/api/key_check.h"
#include "serve/store/rate_limits.h"
#include "serve/store/store.h"

namespace deepseek::serve {

struct AccountsConfig {
  std::vector<std::string> api_keys = {};          // static ones
  std::optional<store::StoreLocation> store = {};  // none: static keys alone, nothing is counted
  std::filesystem::path prices = {};               // empty: everything is free
  std::vector<std::string> models = {};            // that need a price
  std::filesystem::path secret_folder = {};        // of the secret, where there is no store
  std::function<void(const std::string&)> notice = {};  // a line for the operator
};

/// Who may use the server, how much at once, and what it costs them: keys, limits and money over
/// one store. Without a store it knows static keys alone and counts nothing.
class Accounts : public std::enable_shared_from_this<Accounts> {
 public:
  /// Opens the store and settles what a crash left open. Throws as Database and PriceList::load,
  /// invalid_input for prices without a store, and not_found for a model without a price.
  explicit Accounts(AccountsConfig config);
  ~Accounts();
  Accounts(const Accounts&) = delete;
  Accounts& operator=(const Accounts&) = delete;

  bool guards() { return keys_->guards(); }
  std::shared_ptr<const KeyHolder> check(const HttpRequest& request, const Access& access) {
    return keys_->check(request, access);
  }

  std::shared_ptr<const KeyHolder> holder(const std::string& owner, const Access& access) {
    return keys_->holder(owner, access);
  }

  /// Throws RequestError 403 unless the request's key may use the model under this name.
  static void check_model(const HttpRequest& request, const std::string& asked,
                          const std::string& served);
  /// Admits a request: takes it out of its key's limits and reserves the most it can cost. Throws
  /// RequestError 429 with the limits' headers, 402 when the balance does not cover it.
  std::shared_ptr<Bill> admit(const HttpRequest& request, const std::string& model,
                              const Demand& demand);
  /// The same for a request that no model computes: it counts among its key's requests and costs
  /// nothing.
  std::shared_ptr<Bill> admit_free(const HttpRequest& request);
  /// Throws RequestError 402 when the request's key has no money left for a model that costs some.
  void check_money(const HttpRequest& request, const std::string& model);

  /// What the request's key has; nothing for those whose money nobody counts.
  std::optional<store::Balance> balance(const HttpRequest& request);

  /// What the model's tokens cost now; nothing when they are free.
  std::optional<store::Price> price(const std::string& model) const;

  /// Null when there is none.
  store::Store* store() { return store_.get(); }
  /// Null when there is no store.
  store::Idempotency* idempotency() { return store_ ? &store_->idempotency : nullptr; }
  store::Files* files() { return store_ ? &store_->files : nullptr; }
  store::Batches* batches() { return store_ ? &store_->batches : nullptr; }
  store::Responses* responses() { return store_ ? &store_->responses : nullptr; }
  /// 32 random bytes that no client knows, the same after every restart where they can be kept.
  const std::string& secret() const { return secret_; }
  void notice(const std::string& line) const;

 private:
  friend class Bill;
  /// Counts it among the requests of its key, whose limits hold.
  std::shared_ptr<Bill> admit(const KeyHolder& holder, int64_t tokens);
  struct Unsettled {
    std::string id;
    store::TokenCounts used;
    store::Outcome outcome;
    std::optional<KeptReply> kept;
  };

  void report(const std::string& id, const store::TokenCounts& used);
  void settle(const Bill& bill, const store::TokenCounts& used, store::Outcome outcome,
              std::optional<KeptReply> kept);
  void settle_money(Unsettled one);
  void charge(const Unsettled& one);
  void retry_unsettled();
  void keep();

  AccountsConfig config_;
  std::shared_ptr<const store::PriceList> prices_;  // null: everything is free
  std::unique_ptr<store::Store> store_;
  std::string secret_;
  std::unique_ptr<KeyCheck> keys_;
  store::RateLimiter limiter_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::vector<Unsettled> unsettled_;  // the store could not take these yet
  std::thread keeper_;
};

/// 32 random bytes of `folder`/secret, made there, readable for its owner alone, when there are
/// none. Throws bad_file for a file that holds something else.
std::string secret_in(const std::filesystem::path& folder);

}  // namespace deepseek::serve
