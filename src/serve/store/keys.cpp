// SPDX-License-Identifier: Apache-2.0
#include "serve/store/keys.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/json.h"
#include "core/utf8.h"
#include "serve/store/digest.h"
#include "serve/store/schema.h"

namespace deepseek::store {
namespace {

constexpr std::array<std::string_view, 7> scopes{"chat",      "embeddings", "files", "batches",
                                                 "responses", "history",    "admin"};
constexpr size_t secret_letters = 43;  // 43 of 62 letters are 256 bits
constexpr size_t longest_name_bytes = 100, most_models = 1000;
constexpr int64_t largest_limit = int64_t{1'000'000'000'000};

#define KEY_COLUMNS                                                                          \
  "id, shown, name, scopes, models, expires_at_ms, requests_per_minute, tokens_per_minute, " \
  "concurrency, disabled, revoked_at_ms, created_at_ms"

std::string list_text(const std::vector<std::string>& words) {
  return nlohmann::json(words).dump();
}

std::vector<std::string> list_of(const std::string& text) {
  try {
    return nlohmann::json::parse(text).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception&) {
    fail(ErrorKind::bad_file, "store: a key's list was changed by another program");
  }
}

Key key_of(const Row& row) {
  Key key;
  key.id = row.text(0);
  key.shown = row.text(1);
  key.name = row.text(2);
  key.scopes = list_of(row.text(3));
  key.models = list_of(row.text(4));
  key.expires_at_ms = row.optional_integer(5);
  key.limits = {row.optional_integer(6), row.optional_integer(7), row.optional_integer(8)};
  key.disabled = row.flag(9);
  key.revoked_at_ms = row.optional_integer(10);
  key.created_at_ms = row.integer(11);
  return key;
}

void check_text(std::string_view what, const std::string& text) {
  const bool controls =
      std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (text.empty() || text.size() > longest_name_bytes || controls || !is_valid_utf8(text))
    fail(ErrorKind::invalid_input, what, ": expected 1 to ", longest_name_bytes,
         " bytes of text on one line, got '", printable(text, 60), "'");
}

void check_scope(const std::string& scope) {
  if (std::find(scopes.begin(), scopes.end(), scope) != scopes.end()) return;
  const std::vector<std::string> known(scopes.begin(), scopes.end());
  const std::string_view nearest = nearest_name(scope, known);
  std::string names;
  for (const std::string_view name : scopes) names += concat(names.empty() ? "" : ", ", name);
  fail(ErrorKind::invalid_input, "unknown scope '", printable(scope, 60), "'; ",
       nearest.empty() ? concat("there are ", names) : concat("did you mean ", nearest, "?"));
}

void check_limit(std::string_view what, const std::optional<int64_t>& limit) {
  if (limit && (*limit < 1 || *limit > largest_limit))
    fail(ErrorKind::invalid_input, what, ": expected 1 to ", largest_limit, ", got ", *limit);
}

void check(const Key& key) {
  check_text("name", key.name);
  for (const std::string& scope : key.scopes) check_scope(scope);
  if (key.scopes.empty()) fail(ErrorKind::invalid_input, "a key needs at least one scope");
  if (key.models.size() > most_models)
    fail(ErrorKind::invalid_input, "models: at most ", most_models);
  for (const std::string& model : key.models) check_text("model", model);
  check_limit("requests per minute", key.limits.requests_per_minute);
  check_limit("tokens per minute", key.limits.tokens_per_minute);
  check_limit("concurrency", key.limits.concurrency);
  if (key.expires_at_ms && *key.expires_at_ms < 0)
    fail(ErrorKind::invalid_input, "expiry: expected a time after 1970");
}

void announce_change(Connection& connection) {
  set_meta_number(connection, "key_generation", meta_number(connection, "key_generation") + 1);
}

Key read_key(Connection& connection, const std::string& id) {
  const Rows rows = connection.query("SELECT " KEY_COLUMNS " FROM api_keys WHERE id = ?", {id});
  if (rows.empty()) fail(ErrorKind::not_found, "key ", printable(id, 80), ": no such key");
  return key_of(rows[0]);
}

void write_key(Connection& connection, const Key& key) {
  connection.execute(
      "UPDATE api_keys SET name = ?, scopes = ?, models = ?, expires_at_ms = ?, "
      "requests_per_minute = ?, tokens_per_minute = ?, concurrency = ?, disabled = ?, "
      "revoked_at_ms = ? WHERE id = ?",
      {key.name, list_text(key.scopes), list_text(key.models), key.expires_at_ms,
       key.limits.requests_per_minute, key.limits.tokens_per_minute, key.limits.concurrency,
       key.disabled, key.revoked_at_ms, key.id});
  announce_change(connection);
}

template <class T>
void take(std::optional<T> from, T& to) {
  if (from) to = std::move(*from);
}

}  // namespace

std::span<const std::string_view> key_scopes() { return scopes; }

bool Key::has_scope(std::string_view scope) const {
  return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

bool Key::allows_model(std::string_view model) const {
  return models.empty() || std::find(models.begin(), models.end(), model) != models.end();
}

std::string_view Key::state(int64_t now_ms) const {
  if (revoked_at_ms) return "revoked";
  if (disabled) return "disabled";
  if (expires_at_ms && *expires_at_ms <= now_ms) return "expired";
  return "active";
}

Keys::Keys(Database& database, Clock clock)
    : database_(database), clock_(std::move(clock)), salt_(meta_secret(database, "key_salt")) {}

std::string Keys::hash_of(std::string_view secret) const { return hmac_sha256(salt_, secret); }

NewKey Keys::create(const KeySpec& spec) {
  Key key;
  key.id = make_id("key_");
  key.name = spec.name;
  key.scopes = spec.scopes;
  if (key.scopes.empty()) key.scopes.assign(scopes.begin(), scopes.end() - 1);
  key.models = spec.models;
  key.expires_at_ms = spec.expires_at_ms;
  key.limits = spec.limits;
  key.created_at_ms = clock_();
  check(key);
  check_currency(spec.currency, "currency");
  const std::string secret = concat("sk-", random_letters(secret_letters));
  key.shown = concat(secret.substr(0, 7), "…", secret.substr(secret.size() - 4));
  database_.write([&](Connection& connection) {
    connection.execute(
        "INSERT INTO api_keys (id, hash, shown, name, scopes, models, disabled, created_at_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
        {key.id, Blob{hash_of(secret)}, key.shown, key.name, list_text(key.scopes),
         list_text(key.models), key.created_at_ms});
    write_key(connection, key);
    Balances::open(connection, {key.id, spec.currency, spec.prepaid});
    if (spec.granted_micro != 0)
      Balances::credit(connection, key.id, Credit::grant, spec.granted_micro, spec.note,
                       key.created_at_ms);
    if (spec.topped_up_micro != 0)
      Balances::credit(connection, key.id, Credit::top_up, spec.topped_up_micro, spec.note,
                       key.created_at_ms);
  });
  return {key, secret};
}

std::vector<Key> Keys::list() {
  const Rows rows = database_.read([](Connection& connection) {
    return connection.query("SELECT " KEY_COLUMNS " FROM api_keys ORDER BY created_at_ms, id");
  });
  std::vector<Key> keys;
  keys.reserve(rows.size());
  for (const Row& row : rows) keys.push_back(key_of(row));
  return keys;
}

Key Keys::find(const std::string& reference) {
  std::vector<Key> named, revoked;
  std::vector<std::string> known;
  for (Key& key : list()) {
    if (key.id == reference) return key;
    known.push_back(key.name);
    known.push_back(key.id);
    if (key.name == reference) (key.revoked_at_ms ? revoked : named).push_back(std::move(key));
  }
  // The name of a key that is gone may be used again, and is then the other's.
  if (named.empty()) named = std::move(revoked);
  if (named.size() == 1) return named[0];
  if (named.size() > 1)
    fail(ErrorKind::invalid_input, "key '", printable(reference, 60), "': ", named.size(),
         " keys have this name; name one by its id, such as ", named[0].id);
  const std::string_view nearest = nearest_name(reference, known);
  fail(ErrorKind::not_found, "key '", printable(reference, 60), "': no such key; ",
       nearest.empty() ? std::string("'deepseek key list' shows them")
                       : concat("did you mean ", nearest, "?"));
}

std::optional<Key> Keys::find_secret(std::string_view secret) {
  const std::string hash = hash_of(secret);
  const Rows rows = database_.read([&](Connection& connection) {
    return connection.query("SELECT " KEY_COLUMNS ", hash FROM api_keys WHERE hash = ?",
                            {Blob{hash}});
  });
  if (rows.empty() || !equal_in_constant_time(rows[0].bytes(12), hash)) return std::nullopt;
  return key_of(rows[0]);
}

Key Keys::change(const std::string& id, const KeyChange& change) {
  return database_.write([&](Connection& connection) {
    Key key = read_key(connection, id);
    if (key.revoked_at_ms)
      fail(ErrorKind::invalid_input, "key '", printable(key.name, 60), "' was revoked; its id is ",
           id, "; create a new one");
    take(change.name, key.name);
    take(change.scopes, key.scopes);
    take(change.models, key.models);
    take(change.expires_at_ms, key.expires_at_ms);
    take(change.requests_per_minute, key.limits.requests_per_minute);
    take(change.tokens_per_minute, key.limits.tokens_per_minute);
    take(change.concurrency, key.limits.concurrency);
    take(change.disabled, key.disabled);
    check(key);
    write_key(connection, key);
    if (change.prepaid)
      connection.execute("UPDATE balances SET prepaid = ? WHERE key_id = ?", {*change.prepaid, id});
    return key;
  });
}

Key Keys::revoke(const std::string& id) {
  return database_.write([&](Connection& connection) {
    Key key = read_key(connection, id);
    if (!key.revoked_at_ms) {
      key.revoked_at_ms = clock_();
      write_key(connection, key);
    }
    return key;
  });
}

int64_t Keys::generation() {
  return database_.read(
      [](Connection& connection) { return meta_number(connection, "key_generation"); });
}

}  // namespace deepseek::store
