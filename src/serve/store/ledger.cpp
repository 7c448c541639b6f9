// SPDX-License-Identifier: Apache-2.0
#include "serve/store/ledger.h"

#include "core/error.h"
#include "serve/store/digest.h"
#include "serve/store/ledger_fields.h"
#include "serve/store/schema.h"

namespace deepseek::store {
namespace {

constexpr int64_t rows_a_page = 500;
constexpr size_t hash_bytes = 32;

#define LEDGER_COLUMNS                                                                           \
  "seq, entry_id, at_ms, key_id, kind, currency, granted_micro, topped_up_micro, model, price, " \
  "hit_price, miss_price, output_price, hit_tokens, miss_tokens, output_tokens, outcome, "       \
  "admitted_at_ms, note, previous_hash, hash"

LedgerEntry entry_of(const Row& row) {
  LedgerEntry entry;
  entry.seq = row.integer(0);
  entry.entry_id = row.text(1);
  entry.at_ms = row.integer(2);
  entry.key_id = row.text(3);
  entry.kind = row.text(4);
  entry.currency = row.text(5);
  entry.granted_micro = row.integer(6);
  entry.topped_up_micro = row.integer(7);
  entry.model = row.text(8);
  entry.price = row.text(9);
  entry.prices = {row.integer(10), row.integer(11), row.integer(12)};
  entry.tokens = {row.integer(13), row.integer(14), row.integer(15)};
  entry.outcome = row.text(16);
  entry.admitted_at_ms = row.integer(17);
  entry.note = row.text(18);
  entry.previous_hash = row.bytes(19);
  entry.hash = row.bytes(20);
  return entry;
}

Rows page_after(Connection& connection, int64_t seq) {
  return connection.query("SELECT " LEDGER_COLUMNS
                          " FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?",
                          {seq, rows_a_page});
}

struct Head {
  int64_t seq = 0;
  std::string hash = std::string(hash_bytes, '\0');
};

Head head_of(Connection& connection) {
  const Rows rows =
      connection.query("SELECT number, bytes FROM store_meta WHERE name = 'ledger_head'");
  if (rows.empty()) return {};
  return {rows[0].integer(0), rows[0].bytes(1)};
}

/// Empty when a charge is what its tokens and prices cost.
std::string wrong_amount(const LedgerEntry& entry) {
  if (entry.kind != "charge") return "";
  try {
    const int64_t cost = cost_micro(entry.prices, entry.tokens);
    const int64_t charged = -(entry.granted_micro + entry.topped_up_micro);
    if (cost == charged) return "";
    return concat("charges ", charged, " micro-units, its tokens and prices give ", cost);
  } catch (const Error&) {
    return "has tokens or prices that are out of range";
  }
}

/// Empty when `entry` follows the row before it.
std::string break_in_chain(const LedgerEntry& entry, const Head& before) {
  const std::string digest = sha256(canonical_form(entry));
  if (digest != entry.hash)
    return concat("was changed: its hash is ", to_hex(entry.hash), ", its content gives ",
                  to_hex(digest));
  if (entry.previous_hash != before.hash)
    return concat("does not follow row ", before.seq, ": rows were replaced or exchanged");
  return wrong_amount(entry);
}

/// A key whose balance is not the sum of its rows, if there is one.
std::string wrong_balance(Connection& connection) {
  const Rows rows = connection.query(
      "SELECT b.key_id, b.granted_micro, b.topped_up_micro, COALESCE(l.granted, 0), "
      "COALESCE(l.topped, 0) FROM balances b LEFT JOIN (SELECT key_id, "
      "CAST(SUM(granted_micro) AS BIGINT) AS granted, CAST(SUM(topped_up_micro) AS BIGINT) AS "
      "topped FROM ledger GROUP BY key_id) l ON l.key_id = b.key_id WHERE b.granted_micro <> "
      "COALESCE(l.granted, 0) OR b.topped_up_micro <> COALESCE(l.topped, 0) ORDER BY b.key_id "
      "LIMIT 1");
  if (rows.empty()) return "";
  const Row& row = rows[0];
  return concat("key ", row.text(0), ": balance is ", row.integer(1), " granted and ",
                row.integer(2), " topped up, its rows sum to ", row.integer(3), " and ",
                row.integer(4), " micro-units");
}

}  // namespace

std::string canonical_form(const LedgerEntry& entry) {
  std::string form = "deepseek ledger 1\n";
  for (const LedgerField& field : ledger_fields(entry)) {
    if (field.name == "hash") continue;
    form += concat(field.name, "=", field.text.size(), ":", field.text, "\n");
  }
  return form;
}

LedgerEntry Ledger::append(Connection& connection, LedgerEntry entry) {
  if (!connection.query("SELECT seq FROM ledger WHERE entry_id = ?", {entry.entry_id}).empty())
    fail(ErrorKind::internal, "ledger: ", printable(entry.entry_id, 80), " is there already");
  const Head head = head_of(connection);
  entry.seq = head.seq + 1;
  entry.previous_hash = head.hash;
  entry.hash = sha256(canonical_form(entry));
  connection.execute(
      "INSERT INTO ledger (" LEDGER_COLUMNS
      ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {entry.seq,           entry.entry_id,       entry.at_ms,         entry.key_id,
       entry.kind,          entry.currency,       entry.granted_micro, entry.topped_up_micro,
       entry.model,         entry.price,          entry.prices.hit,    entry.prices.miss,
       entry.prices.output, entry.tokens.hit,     entry.tokens.miss,   entry.tokens.output,
       entry.outcome,       entry.admitted_at_ms, entry.note,          Blob{entry.previous_hash},
       Blob{entry.hash}});
  connection.execute(
      "INSERT INTO store_meta (name, number, bytes) VALUES ('ledger_head', ?, ?) "
      "ON CONFLICT (name) DO UPDATE SET number = excluded.number, bytes = excluded.bytes",
      {entry.seq, Blob{entry.hash}});
  return entry;
}

std::optional<LedgerEntry> Ledger::find(const std::string& entry_id) {
  const Rows rows = database_.read([&](Connection& connection) {
    return connection.query("SELECT " LEDGER_COLUMNS " FROM ledger WHERE entry_id = ?", {entry_id});
  });
  if (rows.empty()) return std::nullopt;
  return entry_of(rows[0]);
}

void Ledger::each(int64_t after_seq, const std::string& key_id,
                  const std::function<void(const LedgerEntry&)>& visit) {
  while (true) {
    const Rows rows = database_.read([&](Connection& connection) {
      if (key_id.empty()) return page_after(connection, after_seq);
      return connection.query("SELECT " LEDGER_COLUMNS
                              " FROM ledger WHERE key_id = ? AND seq > ? ORDER BY seq LIMIT ?",
                              {key_id, after_seq, rows_a_page});
    });
    for (const Row& row : rows) visit(entry_of(row));
    if (int64_t(rows.size()) < rows_a_page) return;
    after_seq = rows.back().integer(0);
  }
}

LedgerCheck Ledger::verify(const std::string& expected_head) {
  LedgerCheck check;
  const auto found = [&](int64_t seq, const std::string& problem) {
    check.bad_seq = seq;
    check.problem = concat("row ", seq, " ", problem);
    return check;
  };
  // Rows that are added while this reads come after the head noted here.
  const Head noted = database_.read([](Connection& connection) { return head_of(connection); });
  bool head_seen = expected_head.empty();
  Head before;
  while (true) {
    const Rows rows =
        database_.read([&](Connection& connection) { return page_after(connection, before.seq); });
    for (const Row& row : rows) {
      LedgerEntry entry;
      try {
        entry = entry_of(row);
      } catch (const Error&) {
        return found(before.seq + 1, "was changed: it holds values of another type");
      }
      if (entry.seq != before.seq + 1) return found(before.seq + 1, "is missing");
      const std::string problem = break_in_chain(entry, before);
      if (!problem.empty()) return found(entry.seq, problem);
      before = {entry.seq, entry.hash};
      head_seen = head_seen || to_hex(entry.hash) == expected_head;
      check.rows = entry.seq;
    }
    if (int64_t(rows.size()) < rows_a_page) break;
  }
  check.head = to_hex(before.hash);
  if (before.seq < noted.seq)
    return found(before.seq + 1, concat("to ", noted.seq, " are missing from the end"));
  if (before.seq == noted.seq && before.hash != noted.hash)
    return found(before.seq, "is not the one that was added last");
  if (!head_seen) {
    check.problem = concat("no row has the hash ", printable(expected_head, 80),
                           " that was noted earlier: the ledger was written anew");
    return check;
  }
  check.problem = database_.read(wrong_balance);
  return check;
}

}  // namespace deepseek::store
