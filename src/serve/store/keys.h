// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "serve/store/balances.h"
#include "serve/store/database.h"

namespace deepseek::store {

/// What a key may do at once; absent means no limit.
struct Limits {
  std::optional<int64_t> requests_per_minute = {}, tokens_per_minute = {}, concurrency = {};
};

struct Key {
  std::string id;     // "key_…"
  std::string shown;  // "sk-Ab12…wxyz"
  std::string name;
  std::vector<std::string> scopes;
  std::vector<std::string> models;  // empty: all
  std::optional<int64_t> expires_at_ms;
  Limits limits;
  bool disabled = false;
  std::optional<int64_t> revoked_at_ms;
  int64_t created_at_ms = 0;

  bool has_scope(std::string_view scope) const;
  bool allows_model(std::string_view model) const;
  /// "active", "disabled", "expired" or "revoked".
  std::string_view state(int64_t now_ms) const;
};

/// Every scope there is. A new key has all but the last, admin.
std::span<const std::string_view> key_scopes();

/// A new key.
struct KeySpec {
  std::string name = {};
  std::vector<std::string> scopes = {};  // empty: all but admin
  std::vector<std::string> models = {};
  std::optional<int64_t> expires_at_ms = {};
  Limits limits = {};
  std::string currency = "USD";
  bool prepaid = false;
  int64_t granted_micro = 0, topped_up_micro = 0;
  std::string note = "with the key";  // of the ledger's rows for this money
};

/// What changes; the rest stays. An inner absence takes a limit away.
struct KeyChange {
  std::optional<std::string> name = {};
  std::optional<std::vector<std::string>> scopes = {}, models = {};
  std::optional<std::optional<int64_t>> expires_at_ms = {}, requests_per_minute = {},
                                        tokens_per_minute = {}, concurrency = {};
  std::optional<bool> disabled = {}, prepaid = {};
};

struct NewKey {
  Key key;
  std::string secret;  // "sk-" and 43 letters, 256 bits; shown this once and kept nowhere
};

/// The API keys of the store. A secret is kept as HMAC-SHA256 under a salt that each store draws
/// for itself, so that a stolen file neither holds a secret nor tells whether two stores share one.
class Keys {
 public:
  explicit Keys(Database& database, Clock clock = system_clock_ms);

  /// Throws invalid_input, naming the nearest, for a scope there is none of, and for values out of
  /// range.
  NewKey create(const KeySpec& spec);
  std::vector<Key> list();
  /// By id, or by a name that one key has alone, revoked ones not counted unless there are no
  /// others. Throws not_found, naming the nearest, and
  /// invalid_input for a name that several have.
  Key find(const std::string& reference);
  /// The key of a secret, whatever its state. Its hash is looked up and then compared in constant
  /// time; what the index reveals in time is about the hash, which nobody outside can choose.
  std::optional<Key> find_secret(std::string_view secret);
  Key change(const std::string& id, const KeyChange& change);
  /// For good; the key's rows in the ledger stay.
  Key revoke(const std::string& id);

  /// Grows with every change of any key, by any process.
  int64_t generation();

 private:
  std::string hash_of(std::string_view secret) const;

  Database& database_;
  Clock clock_;
  std::string salt_;
};

}  // namespace deepseek::store
