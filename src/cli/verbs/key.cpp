// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cli/store_flags.h"
#include "cli/table.h"
#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "serve/store/balances.h"
#include "serve/store/keys.h"

namespace deepseek::cli {
namespace {

using nlohmann::ordered_json;
using store::Balance;
using store::Balances;
using store::Database;
using store::Key;
using store::Keys;

std::string optional_time(const std::optional<int64_t>& time_ms) {
  return time_ms ? time_text(*time_ms) : "-";
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += concat(text.empty() ? "" : ",", word);
  return text;
}

template <class T>
ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json json_of(const Key& key, const Balance& balance) {
  return {{"id", key.id},
          {"name", key.name},
          {"shown", key.shown},
          {"state", key.state(store::system_clock_ms())},
          {"scopes", key.scopes},
          {"models", key.models},
          {"created_at_ms", key.created_at_ms},
          {"expires_at_ms", or_null(key.expires_at_ms)},
          {"revoked_at_ms", or_null(key.revoked_at_ms)},
          {"requests_per_minute", or_null(key.limits.requests_per_minute)},
          {"tokens_per_minute", or_null(key.limits.tokens_per_minute)},
          {"concurrency", or_null(key.limits.concurrency)},
          {"currency", balance.currency},
          {"prepaid", balance.prepaid},
          {"granted_micro", balance.granted_micro},
          {"topped_up_micro", balance.topped_up_micro},
          {"reserved_micro", balance.reserved_micro}};
}

void print_key(const Key& key, const Balance& balance, Console& console) {
  if (console.json()) {
    console.line(json_of(key, balance).dump());
    return;
  }
  console.line(concat(key.id, "  ", key.name, "  ", key.state(store::system_clock_ms()), "  ",
                      store::money_text(balance.total_micro()), " ", balance.currency));
}

/// 0 on the command line means that there is no limit.
std::optional<int64_t> limit_of(const Flags& flags, std::string_view name) {
  const auto value = flags.integer(name);
  return value && *value > 0 ? value : std::nullopt;
}

std::vector<std::string> models_of(const Flags& flags) {
  std::vector<std::string> models = flags.list("allow-model");
  if (models == std::vector<std::string>{"any"}) models.clear();
  return models;
}

int64_t money_of(const Flags& flags, std::string_view name) {
  const auto text = flags.text(name);
  return text ? store::parse_money(*text, concat("--", name)) : 0;
}

int create(const Flags& flags, Console& console) {
  store::KeySpec spec;
  spec.name = flags.required_argument("KEY");
  if (flags.given("name"))
    fail(ErrorKind::invalid_input, "key create: the name is the argument; --name is for key set");
  spec.scopes = flags.list("scope");
  spec.models = models_of(flags);
  if (const auto when = flags.text("expires"))
    spec.expires_at_ms = parse_expiry(*when, store::system_clock_ms());
  spec.limits = {limit_of(flags, "requests-per-minute"), limit_of(flags, "tokens-per-minute"),
                 limit_of(flags, "concurrency")};
  spec.currency = *flags.text("currency");
  spec.prepaid = flags.on("prepaid");
  spec.granted_micro = money_of(flags, "grant");
  spec.topped_up_micro = money_of(flags, "top-up");
  if (const auto note = flags.text("note")) spec.note = *note;

  Database database(store_location(flags));
  Keys keys(database);
  const store::NewKey made = keys.create(spec);
  if (flags.on("disabled")) keys.change(made.key.id, {.disabled = true});
  if (console.json()) {
    ordered_json page = json_of(keys.find(made.key.id), Balances(database).get(made.key.id));
    page["secret"] = made.secret;
    console.line(page.dump());
    return 0;
  }
  console.notice(console.say("key.secret", made.key.name, made.key.id));
  console.line(made.secret);
  return 0;
}

int list(const Flags& flags, Console& console) {
  Database database(existing_store_location(flags));
  const std::vector<Key> keys = Keys(database).list();
  std::map<std::string, Balance> balances = Balances(database).all();
  if (console.json()) {
    ordered_json page = {{"store", database.place()}, {"keys", ordered_json::array()}};
    for (const Key& key : keys) page["keys"].push_back(json_of(key, balances[key.id]));
    console.line(page.dump());
    return 0;
  }
  if (keys.empty()) {
    console.notice(console.say("key.empty", database.place()));
    return 0;
  }
  std::vector<std::vector<std::string>> rows{
      {"ID", "NAME", "KEY", "STATE", "BALANCE", "EXPIRES", "SCOPES"}};
  for (const Key& key : keys) {
    const Balance& balance = balances[key.id];
    rows.push_back({key.id, key.name, key.shown, std::string(key.state(store::system_clock_ms())),
                    concat(store::money_text(balance.total_micro()), " ", balance.currency,
                           balance.prepaid ? " prepaid" : ""),
                    optional_time(key.expires_at_ms), joined(key.scopes)});
  }
  print_table(rows, console);
  return 0;
}

int set(const Flags& flags, Console& console) {
  if (const auto* value = flags.find("currency"); value != nullptr)
    fail(ErrorKind::invalid_input, "key set: the currency of a balance stays; create a new key");
  store::KeyChange change;
  if (const auto name = flags.text("name")) change.name = *name;
  if (flags.given("scope")) change.scopes = flags.list("scope");
  if (flags.given("allow-model")) change.models = models_of(flags);
  if (const auto when = flags.text("expires"))
    change.expires_at_ms = parse_expiry(*when, store::system_clock_ms());
  if (flags.given("requests-per-minute"))
    change.requests_per_minute = limit_of(flags, "requests-per-minute");
  if (flags.given("tokens-per-minute"))
    change.tokens_per_minute = limit_of(flags, "tokens-per-minute");
  if (flags.given("concurrency")) change.concurrency = limit_of(flags, "concurrency");
  if (flags.given("disabled")) change.disabled = flags.on("disabled");
  if (flags.given("prepaid")) change.prepaid = flags.on("prepaid");
  const int64_t grant = money_of(flags, "grant"), top_up = money_of(flags, "top-up");
  const std::string note = flags.text("note").value_or("");

  Database database(existing_store_location(flags));
  Keys keys(database);
  Balances balances(database);
  const std::string id = keys.find(flags.required_argument("KEY")).id;
  const Key key = keys.change(id, change);
  if (grant != 0) balances.credit(id, store::Credit::grant, grant, note);
  if (top_up != 0) balances.credit(id, store::Credit::top_up, top_up, note);
  print_key(key, balances.get(id), console);
  return 0;
}

int revoke(const Flags& flags, Console& console) {
  Database database(existing_store_location(flags));
  Keys keys(database);
  const Key key = keys.revoke(keys.find(flags.required_argument("KEY")).id);
  if (console.json())
    print_key(key, Balances(database).get(key.id), console);
  else
    console.line(console.say("key.revoked", key.name, key.id));
  return 0;
}

}  // namespace

int run_key(const Flags& flags, Console& console) {
  const std::string action = flags.required_argument("ACTION");
  if (action == "create") return create(flags, console);
  if (action == "list") return list(flags, console);
  if (action == "set") return set(flags, console);
  if (action == "revoke") return revoke(flags, console);
  fail(ErrorKind::invalid_input, "key: expected create, list, set or revoke, got '",
       printable(action, 60), "'");
}

}  // namespace deepseek::cli
