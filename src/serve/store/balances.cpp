// SPDX-License-Identifier: Apache-2.0
#include "serve/store/balances.h"

#include "core/error.h"
#include "core/utf8.h"
#include "serve/store/digest.h"

namespace deepseek::store {
namespace {

constexpr size_t longest_note_bytes = 500;
// A thousand credits of this size still sum within 64 bits.
constexpr int64_t largest_credit_micro = largest_micro / 1024;

#define BALANCE_COLUMNS "key_id, currency, prepaid, granted_micro, topped_up_micro, reserved_micro"

Balance balance_of(const Row& row) {
  return {row.text(0), row.text(1), row.flag(2), row.integer(3), row.integer(4), row.integer(5)};
}

}  // namespace

Balance Balances::get(const std::string& key_id) {
  return database_.read([&](Connection& connection) { return read(connection, key_id); });
}

std::map<std::string, Balance> Balances::all() {
  const Rows rows = database_.read([](Connection& connection) {
    return connection.query("SELECT " BALANCE_COLUMNS " FROM balances");
  });
  std::map<std::string, Balance> balances;
  for (const Row& row : rows) balances[row.text(0)] = balance_of(row);
  return balances;
}

LedgerEntry Balances::credit(const std::string& key_id, Credit kind, int64_t micro,
                             const std::string& note) {
  return database_.write([&](Connection& connection) {
    return credit(connection, key_id, kind, micro, note, clock_());
  });
}

void Balances::open(Connection& connection, const Balance& balance) {
  connection.execute("INSERT INTO balances (" BALANCE_COLUMNS ") VALUES (?, ?, ?, 0, 0, 0)",
                     {balance.key_id, balance.currency, balance.prepaid});
}

Balance Balances::read(Connection& connection, const std::string& key_id) {
  const Rows rows =
      connection.query("SELECT " BALANCE_COLUMNS " FROM balances WHERE key_id = ?", {key_id});
  if (rows.empty()) fail(ErrorKind::not_found, "key ", printable(key_id, 80), ": no such key");
  return balance_of(rows[0]);
}

LedgerEntry Balances::credit(Connection& connection, const std::string& key_id, Credit kind,
                             int64_t micro, const std::string& note, int64_t now_ms) {
  const Balance balance = read(connection, key_id);
  const int64_t before = kind == Credit::grant ? balance.granted_micro : balance.topped_up_micro;
  const int64_t after = before + micro;
  if (micro < -largest_credit_micro || micro > largest_credit_micro || after > largest_micro ||
      after < -largest_micro)
    fail(ErrorKind::invalid_input, "amount ", money_text(micro), ": expected one of at most ",
         money_text(largest_credit_micro), ", and a balance of at most ",
         money_text(largest_micro));
  if (note.size() > longest_note_bytes || !is_valid_utf8(note) || note.find('\0') != note.npos)
    fail(ErrorKind::invalid_input, "note: expected text of at most ", longest_note_bytes, " bytes");
  LedgerEntry entry;
  entry.entry_id = make_id("credit_");
  entry.at_ms = now_ms;
  entry.key_id = key_id;
  entry.kind = kind == Credit::grant ? "grant" : "top_up";
  entry.currency = balance.currency;
  (kind == Credit::grant ? entry.granted_micro : entry.topped_up_micro) = micro;
  entry.note = note;
  connection.execute(
      "UPDATE balances SET granted_micro = granted_micro + ?, topped_up_micro = topped_up_micro + "
      "? WHERE key_id = ?",
      {entry.granted_micro, entry.topped_up_micro, key_id});
  return Ledger::append(connection, entry);
}

}  // namespace deepseek::store
