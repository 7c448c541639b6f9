// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "serve/store/database.h"
#include "serve/store/money.h"

namespace deepseek::store {

/// One movement of money. Rows are numbered without gaps from 1, and each carries the SHA-256 of
/// its canonical form, which begins with the hash of the row before.
struct LedgerEntry {
  int64_t seq = 0;
  std::string entry_id;  // of a charge: the reservation's id; at most once in the ledger
  int64_t at_ms = 0;
  std::string key_id;
  std::string kind;  // "grant", "top_up" or "charge"
  std::string currency;
  int64_t granted_micro = 0;    // change of the granted balance; a charge's are negative
  int64_t topped_up_micro = 0;  // change of the topped-up balance
  // Of a charge; empty and 0 otherwise.
  std::string model, price;  // price: the name of the period and band
  TokenPrice prices;
  TokenCounts tokens;
  std::string outcome;  // "complete", "aborted", "failed" or "recovered"
  int64_t admitted_at_ms = 0;
  std::string note;
  std::string previous_hash, hash;  // 32 raw bytes each; zeros before the first row
};

/// What is hashed: "deepseek ledger 1\n", then for each field, in the order of LedgerEntry and
/// without `hash`, its name, '=', its size in bytes, ':', its text, '\n'. Numbers are decimal,
/// hashes hexadecimal.
std::string canonical_form(const LedgerEntry& entry);

struct LedgerCheck {
  int64_t rows = 0;
  std::string head;  // hash of the last row, hexadecimal; note it elsewhere to notice a rewrite
  std::optional<int64_t> bad_seq;
  std::string problem;  // empty: everything fits
};

/// The append-only, hash-chained list of what was granted, topped up and charged.
class Ledger {
 public:
  explicit Ledger(Database& database) : database_(database) {}

  /// Adds a row inside a transaction of the caller's; fills in seq and hashes. Throws internal when
  /// the id is there already.
  static LedgerEntry append(Connection& connection, LedgerEntry entry);

  std::optional<LedgerEntry> find(const std::string& entry_id);
  /// Rows after `after_seq` in order, of one key or (empty) all; reads in pages, so that others
  /// write meanwhile.
  void each(int64_t after_seq, const std::string& key_id,
            const std::function<void(const LedgerEntry&)>& visit);

  /// Reads every row: the chain, each charge against its tokens and prices, and each key's balance
  /// against its rows. `expected_head`: a head noted earlier that must still be in the chain.
  LedgerCheck verify(const std::string& expected_head = "");

 private:
  Database& database_;
};

/// The columns of an export, and a row of it without the line end (RFC 4180).
std::string ledger_csv_header();
std::string ledger_csv_line(const LedgerEntry& entry);
/// The same as one JSON object.
std::string ledger_json_line(const LedgerEntry& entry);

}  // namespace deepseek::store
