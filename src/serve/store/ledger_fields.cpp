// SPDX-License-Identifier: Apache-2.0
#include "serve/store/ledger_fields.h"

#include "core/json.h"
#include "core/text.h"
#include "serve/store/digest.h"

namespace deepseek::store {
namespace {

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

std::vector<LedgerField> ledger_fields(const LedgerEntry& entry) {
  std::vector<LedgerField> fields;
  fields.reserve(21);
  const auto text = [&](std::string_view name, const std::string& value) {
    fields.push_back({name, value, false});
  };
  const auto number = [&](std::string_view name, int64_t value) {
    fields.push_back({name, concat(value), true});
  };
  number("seq", entry.seq);
  text("entry_id", entry.entry_id);
  number("at_ms", entry.at_ms);
  text("key_id", entry.key_id);
  text("kind", entry.kind);
  text("currency", entry.currency);
  number("granted_micro", entry.granted_micro);
  number("topped_up_micro", entry.topped_up_micro);
  text("model", entry.model);
  text("price", entry.price);
  number("hit_price", entry.prices.hit);
  number("miss_price", entry.prices.miss);
  number("output_price", entry.prices.output);
  number("hit_tokens", entry.tokens.hit);
  number("miss_tokens", entry.tokens.miss);
  number("output_tokens", entry.tokens.output);
  text("outcome", entry.outcome);
  number("admitted_at_ms", entry.admitted_at_ms);
  text("note", entry.note);
  text("previous_hash", to_hex(entry.previous_hash));
  text("hash", to_hex(entry.hash));
  return fields;
}

std::string ledger_csv_header() {
  std::string line;
  for (const LedgerField& field : ledger_fields({}))
    line += concat(line.empty() ? "" : ",", field.name);
  return line;
}

std::string ledger_csv_line(const LedgerEntry& entry) {
  std::string line;
  bool first = true;
  for (const LedgerField& field : ledger_fields(entry)) {
    line += concat(first ? "" : ",", csv_cell(field.text));
    first = false;
  }
  return line;
}

std::string ledger_json_line(const LedgerEntry& entry) {
  nlohmann::ordered_json object;
  for (const LedgerField& field : ledger_fields(entry)) {
    auto& value = object[std::string(field.name)];
    if (field.is_number)
      value = std::stoll(field.text);
    else
      value = field.text;
  }
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace deepseek::store
