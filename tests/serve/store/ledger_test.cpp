// SPDX-License-Identifier: Apache-2.0
#include "serve/store/ledger.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <sstream>

#include "core/file.h"
#include "core/json.h"
#include "serve/store/balances.h"
#include "serve/store/digest.h"
#include "serve/store/meter.h"
#include "tests/serve/store/backends.h"

namespace deepseek::store {
namespace {

using namespace deepseek::testing;

class LedgerOn : public OnBothBackends {
 protected:
  void SetUp() override {
    OnBothBackends::SetUp();
    if (IsSkipped()) return;
    key = add_prepaid_key(10'000'000);
    OwnMeter meter(*database, nullptr, clock);
    for (int i = 0; i < 6; ++i) {
      meter.reserve({concat("r", i), key.id, "m", 5, 5});
      meter.settle(concat("r", i), {1, 4, i}, Outcome::complete);
      clock.advance(1000);
    }
  }

  /// What someone with the database at hand does to rows: the triggers are no obstacle to them.
  void tamper(const std::string& sql) {
    database->write([&](Connection& connection) {
      if (GetParam() == "sqlite")
        connection.run_script(
            "DROP TRIGGER IF EXISTS ledger_keeps_rows; DROP TRIGGER IF EXISTS ledger_keeps_values");
      else
        connection.run_script("DROP TRIGGER IF EXISTS ledger_keeps_rows ON ledger");
      connection.run_script(sql);
    });
  }
  LedgerCheck check() { return Ledger(*database).verify(); }

  Key key;
};
RUN_ON_BOTH_BACKENDS(LedgerOn);

TEST_P(LedgerOn, AWholeLedgerVerifies) {
  const LedgerCheck fine = check();
  EXPECT_EQ(fine.problem, "");
  EXPECT_EQ(fine.rows, 7);
  EXPECT_EQ(fine.head, to_hex(Ledger(*database).find("r5")->hash));
}

TEST_P(LedgerOn, RowsCannotBeChangedByAccident) {
  for (const char* sql : {"UPDATE ledger SET note = 'x'", "DELETE FROM ledger"})
    EXPECT_THROW(database->write([&](Connection& connection) { connection.execute(sql); }), Error);
  EXPECT_EQ(check().problem, "");
}

TEST_P(LedgerOn, AChangedValueNamesItsRow) {
  for (const char* change :
       {"output_tokens = 9", "at_ms = at_ms + 1", "key_id = 'key_other'", "kind = 'grant'",
        "note = 'x'", "model = 'n'", "topped_up_micro = 1"}) {
    SCOPED_TRACE(change);
    const std::string column = std::string(change).substr(0, std::string(change).find(' '));
    tamper("CREATE TABLE kept AS SELECT * FROM ledger WHERE seq = 4");
    tamper(concat("UPDATE ledger SET ", change, " WHERE seq = 4"));
    const LedgerCheck found = check();
    EXPECT_EQ(found.bad_seq, 4);
    EXPECT_TRUE(found.problem.starts_with("row 4 was changed")) << found.problem;
    tamper(concat("UPDATE ledger SET ", column, " = (SELECT ", column,
                  " FROM kept) WHERE seq = 4; DROP TABLE kept"));
    EXPECT_EQ(check().problem, "");
  }
}

TEST_P(LedgerOn, ARemovedRowIsNamed) {
  tamper("DELETE FROM ledger WHERE seq = 3");
  EXPECT_EQ(check().problem, "row 3 is missing");
}

TEST_P(LedgerOn, ARemovedEndIsNoticed) {
  tamper("DELETE FROM ledger WHERE seq > 5");
  EXPECT_EQ(check().problem, "row 6 to 7 are missing from the end");
}

TEST_P(LedgerOn, ExchangedRowsAreNoticed) {
  tamper(
      "UPDATE ledger SET seq = 100 WHERE seq = 4; UPDATE ledger SET seq = 4 WHERE seq = 5; "
      "UPDATE ledger SET seq = 5 WHERE seq = 100");
  EXPECT_EQ(check().bad_seq, 4);
}

TEST_P(LedgerOn, ARowWithAnHonestHashInTheWrongPlaceIsNoticed) {
  LedgerEntry forged = *Ledger(*database).find("r2");
  forged.note = "forged";
  forged.hash = sha256(canonical_form(forged));
  const std::string blob = concat(GetParam() == "sqlite" ? "X'" : "'\\x", to_hex(forged.hash), "'");
  tamper(concat("UPDATE ledger SET note = 'forged', hash = ", blob, " WHERE seq = ", forged.seq));
  const LedgerCheck found = check();
  EXPECT_EQ(found.bad_seq, forged.seq + 1);
  EXPECT_NE(found.problem.find("does not follow row"), std::string::npos) << found.problem;
}

TEST_P(LedgerOn, AChargeThatIsNotWhatItsTokensCostIsNoticed) {
  LedgerEntry wrong;
  wrong.entry_id = "x";
  wrong.key_id = key.id;
  wrong.kind = "charge";
  wrong.granted_micro = -5;
  database->write([&](Connection& connection) { Ledger::append(connection, wrong); });
  EXPECT_EQ(check().problem, "row 8 charges 5 micro-units, its tokens and prices give 0");
}

TEST_P(LedgerOn, ABalanceThatDoesNotFollowFromTheRowsIsNoticed) {
  tamper("UPDATE balances SET granted_micro = granted_micro + 1");
  EXPECT_EQ(check().problem,
            concat("key ", key.id,
                   ": balance is 10000001 granted and 0 topped up, its rows sum to 10000000 and 0 "
                   "micro-units"));
}

TEST_P(LedgerOn, AHeadNotedEarlierMustStillBeThere) {
  const std::string noted = check().head;
  Balances(*database, clock).credit(key.id, Credit::top_up, 5, "more");
  EXPECT_EQ(Ledger(*database).verify(noted).problem, "");
  EXPECT_NE(Ledger(*database).verify(std::string(64, 'a')).problem.find("written anew"),
            std::string::npos);
}

TEST_P(LedgerOn, ExportsEveryRow) {
  Balances(*database, clock).credit(key.id, Credit::top_up, -2, "a \"quoted\", split\nnote");
  std::vector<nlohmann::json> rows;
  std::string csv;
  Ledger(*database).each(0, key.id, [&](const LedgerEntry& entry) {
    rows.push_back(nlohmann::json::parse(ledger_json_line(entry)));
    csv = ledger_csv_line(entry);
  });
  ASSERT_EQ(rows.size(), 8);
  EXPECT_EQ(rows[0].at("kind"), "grant");
  EXPECT_EQ(rows[3].at("output_tokens"), 2);
  EXPECT_EQ(rows[3].at("previous_hash"), rows[2].at("hash"));
  EXPECT_NE(csv.find(",\"a \"\"quoted\"\", split\nnote\","), std::string::npos) << csv;
  EXPECT_TRUE(ledger_csv_header().starts_with("seq,entry_id,at_ms,key_id"));
  int none = 0;
  Ledger(*database).each(0, "key_x", [&](const LedgerEntry&) { ++none; });
  EXPECT_EQ(none, 0);
}

TEST_P(LedgerOn, LongLedgersAreReadInPages) {
  database->write([&](Connection& connection) {
    for (int i = 0; i < 700; ++i)
      Balances::credit(connection, key.id, Credit::top_up, 1, "", *clock.now_ms);
  });
  EXPECT_EQ(check().rows, 707);
  EXPECT_EQ(check().problem, "");
  int count = 0;
  Ledger(*database).each(7, "", [&](const LedgerEntry&) { ++count; });
  EXPECT_EQ(count, 700);
}

TEST(CanonicalForm, IsDocumentedByExample) {
  LedgerEntry entry;
  entry.seq = 1;
  entry.entry_id = "a=b\n";
  const std::string form = canonical_form(entry);
  EXPECT_TRUE(form.starts_with("deepseek ledger 1\nseq=1:1\nentry_id=4:a=b\n\nat_ms=1:0\n"))
      << form;
  EXPECT_TRUE(form.ends_with("note=0:\nprevious_hash=0:\n")) << form;
}

/// The one row whose stored bytes hold the text `needle`, each of its bytes flipped in turn.
TEST(LedgerInAFile, OneFlippedByteIsDetected) {
  const TemporaryFolder folder;
  {
    Database database({.data_path = folder.path()});
    const Key key = Keys(database).create({.name = "a", .granted_micro = 1000}).key;
    for (int i = 0; i < 5; ++i)
      Balances(database).credit(key.id, Credit::top_up, 7, concat("needle-", i, "-of-the-test"));
  }
  const auto path = folder.path() / "store.sqlite3";
  std::filesystem::remove(folder.path() / "store.sqlite3-wal");
  const std::string whole = read_text_file(path);
  const std::string needle = "needle-2-of-the-test";
  const size_t at = whole.find(needle);
  ASSERT_NE(at, std::string::npos);
  for (size_t i = 0; i < needle.size() + 64; i += 3) {  // the note and the two hashes behind it
    std::string flipped = whole;
    flipped[at + i] = char(flipped[at + i] ^ 1);
    AtomicFile file(path);
    file.write(flipped);
    file.commit();
    Database database({.data_path = folder.path()});
    const LedgerCheck check = Ledger(database).verify();
    EXPECT_EQ(check.bad_seq, 4) << i << check.problem;
  }
}

}  // namespace
}  // namespace deepseek::store
