// SPDX-License-Identifier: Apache-2.0
#include "serve/store/ledger.h"

#include <optional>

#include "cli/store_flags.h"
#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/text.h"
#include "serve/store/keys.h"

namespace deepseek::cli {
namespace {

using nlohmann::ordered_json;

int verify(const Flags& flags, Console& console) {
  store::Database database(existing_store_location(flags));
  const store::LedgerCheck check = store::Ledger(database).verify(flags.text("head").value_or(""));
  if (!check.problem.empty())
    fail(ErrorKind::bad_file, database.place(), ": ledger: ", check.problem);
  if (console.json())
    console.line(
        ordered_json{{"store", database.place()}, {"rows", check.rows}, {"head", check.head}}
            .dump());
  else
    console.line(console.say("ledger.fine", check.rows, check.head));
  return 0;
}

int write_rows(const Flags& flags, Console& console) {
  const bool csv = *flags.text("format") == "csv";
  const auto out = flags.text("out");
  if (console.json() && !out)
    fail(ErrorKind::invalid_input, "ledger export: --json needs --out FILE for the rows");
  store::Database database(existing_store_location(flags));
  std::string key_id;
  if (const auto key = flags.text("key")) key_id = store::Keys(database).find(*key).id;

  std::optional<AtomicFile> file;
  if (out) file.emplace(*out);
  int64_t rows = 0;
  const auto write = [&](const std::string& text) {
    // CSV ends its lines as RFC 4180 wants it.
    const std::string line = text + (csv ? "\r\n" : "\n");
    if (file)
      file->write(line);
    else
      console.write(line);
  };
  if (csv) write(store::ledger_csv_header());
  store::Ledger(database).each(0, key_id, [&](const store::LedgerEntry& entry) {
    write(csv ? store::ledger_csv_line(entry) : store::ledger_json_line(entry));
    ++rows;
  });
  if (!file) return 0;
  file->commit();
  if (console.json())
    console.line(
        ordered_json{{"out", *out}, {"format", csv ? "csv" : "jsonl"}, {"rows", rows}}.dump());
  else
    console.line(console.say("ledger.exported", rows, *out));
  return 0;
}

}  // namespace

int run_ledger(const Flags& flags, Console& console) {
  const std::string action = flags.required_argument("ACTION");
  if (action == "verify") return verify(flags, console);
  if (action == "export") return write_rows(flags, console);
  fail(ErrorKind::invalid_input, "ledger: expected verify or export, got '", printable(action, 60),
       "'");
}

}  // namespace deepseek::cli
