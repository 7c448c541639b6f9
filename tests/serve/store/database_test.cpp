// SPDX-License-Identifier: Apache-2.0
#include "serve/store/database.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <fstream>

#include "core/file.h"
#include "serve/store/balances.h"
#include "serve/store/schema.h"
#include "serve/store/sqlite.h"
#include "tests/serve/store/backends.h"
#include "tests/serve/store/postgres_server.h"

namespace deepseek::store {
namespace {

using namespace deepseek::testing;

using DatabaseOn = OnBothBackends;
RUN_ON_BOTH_BACKENDS(DatabaseOn);

TEST_P(DatabaseOn, EveryKindOfValueComesBack) {
  database->write([](Connection& connection) {
    connection.execute("INSERT INTO store_meta (name, number, bytes) VALUES (?, ?, ?)",
                       {"x \u4e2d'\"", INT64_MIN, Blob{std::string("\0\xff\x01", 3)}});
    connection.execute("INSERT INTO store_meta (name, number) VALUES (?, ?)",
                       {"y", std::optional<int64_t>()});
  });
  const Rows rows = database->read([](Connection& connection) {
    return connection.query(
        "SELECT name, number, bytes FROM store_meta WHERE name = ? OR name = ? "
        "ORDER BY name",
        {"x \u4e2d'\"", "y"});
  });
  ASSERT_EQ(rows.size(), 2);
  EXPECT_EQ(rows[0].text(0), "x \u4e2d'\"");
  EXPECT_EQ(rows[0].integer(1), INT64_MIN);
  EXPECT_EQ(rows[0].bytes(2), std::string("\0\xff\x01", 3));
  EXPECT_FALSE(rows[1].optional_integer(1));
  EXPECT_TRUE(rows[1].is_null(2));
  refused(ErrorKind::bad_file, [&] { rows[0].integer(0); });
}

TEST_P(DatabaseOn, ATransactionThatThrowsLeavesNothing) {
  const auto insert_and_throw = [&] {
    database->write([](Connection& connection) {
      set_meta_number(connection, "half", 1);
      throw std::runtime_error("x");
    });
  };
  EXPECT_THROW(insert_and_throw(), std::runtime_error);
  const auto half = [](Connection& connection) { return meta_number(connection, "half"); };
  EXPECT_EQ(database->read(half), 0);
  database->write([](Connection& connection) { set_meta_number(connection, "half", 2); },
                  Durability::relaxed);
  EXPECT_EQ(database->read(half), 2);
}

TEST_P(DatabaseOn, ChangesCountRows) {
  database->write([](Connection& connection) {
    for (const char* name : {"a", "b"}) set_meta_number(connection, name, 5);
    EXPECT_EQ(connection.execute("UPDATE store_meta SET number = 6 WHERE number = 5"), 2);
    EXPECT_EQ(connection.execute("DELETE FROM store_meta WHERE number = 7"), 0);
  });
}

TEST_P(DatabaseOn, AStoreOfANewerVersionIsRefused) {
  database->write([](Connection& connection) { set_schema_version(connection, 99); });
  EXPECT_NE(refused(ErrorKind::bad_file, [&] { Database again(location); })
                .find("made by a newer deepseek (schema 99, this one knows 3)"),
            std::string::npos);
}

TEST_P(DatabaseOn, AWriterWaitsForItsTurnAndThenSaysBusy) {
  location.busy_timeout_ms = 100;
  Database impatient(location);
  database->write([&](Connection& connection) {
    set_meta_number(connection, "mine", 1);
    EXPECT_NE(
        refused(ErrorKind::busy,
                [&] {
                  impatient.write([](Connection& other) { set_meta_number(other, "theirs", 1); });
                })
            .find("the store is locked by another process"),
        std::string::npos);
    // Readers do not wait, and see what was committed.
    EXPECT_EQ(impatient.read([](Connection& other) { return meta_number(other, "mine"); }), 0);
  });
  impatient.write([](Connection& other) { set_meta_number(other, "theirs", 1); });
}

TEST_P(DatabaseOn, ALostSessionIsOpenedAgain) {
  if (GetParam() != "postgres") return;  // a file has no sessions
  database->write([](Connection& connection) { set_meta_number(connection, "n", 7); });
  PostgresServer::instance()->end_sessions();
  refused(ErrorKind::network, [&] {
    database->write([](Connection& connection) { set_meta_number(connection, "n", 8); });
  });
  database->write([](Connection& connection) { set_meta_number(connection, "n", 9); });
  EXPECT_EQ(database->read([](Connection& connection) { return meta_number(connection, "n"); }), 9);
}

TEST(Postgres, AServerThatIsAwayIsAnErrorOfTheNetwork) {
  const std::string message = refused(ErrorKind::network, [] {
    Database database({.url = "postgresql://x:secret@localhost/d?host=/nowhere"});
  });
  EXPECT_EQ(message.find("secret"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

class Sqlite : public ::testing::Test {
 protected:
  void run_raw(const std::string& sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &handle), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
    sqlite3_free(error);
    sqlite3_close(handle);
  }
  std::string refusal(ErrorKind kind) {
    return refused(kind, [&] { Database database({.data_path = folder.path()}); });
  }
  TemporaryFolder folder;
  std::filesystem::path path = folder.path() / "store.sqlite3";
};

TEST_F(Sqlite, AFileThatIsNoDatabaseIsRefusedAndKept) {
  folder.write("store.sqlite3", std::string(5000, 'x'));
  EXPECT_NE(refusal(ErrorKind::bad_file).find("not an SQLite database"), std::string::npos);
  EXPECT_EQ(read_text_file(path), std::string(5000, 'x'));
}

TEST_F(Sqlite, ADatabaseOfAnotherProgramIsRefused) {
  run_raw("CREATE TABLE bookmarks (url TEXT)");
  EXPECT_NE(refusal(ErrorKind::bad_file).find("a database of another program"), std::string::npos);
}

TEST_F(Sqlite, DamageIsSaidInOneLine) {
  { Database database({.data_path = folder.path()}); }
  std::string bytes = read_text_file(path);
  ASSERT_GT(bytes.size(), 8192U);
  for (size_t i = 100; i < bytes.size(); ++i) bytes[i] = char(0x5a);
  std::ofstream(path, std::ios::binary) << bytes;
  const std::string message = refusal(ErrorKind::bad_file);
  EXPECT_NE(message.find("damaged"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST_F(Sqlite, AFolderThatCannotBeMadeIsRefused) {
  folder.write("file", "x");
  EXPECT_NE(refused(ErrorKind::bad_file,
                    [&] { Database database({.data_path = folder.path() / "file/sub"}); })
                .find("cannot make the folder"),
            std::string::npos);
}

TEST_F(Sqlite, AFullDiskLosesNothingThatWasKept) {
  const std::string mounted = (folder.path() / "small").string();
  std::filesystem::create_directory(mounted);
  if (::mount("tmpfs", mounted.c_str(), "tmpfs", 0, "size=1m") != 0)
    GTEST_SKIP() << "this user may not mount a small disk";
  int kept = 0;
  {
    Database database({.data_path = mounted});
    const Key key = Keys(database).create({.name = "a"}).key;
    Balances balances(database);
    const std::string note(400, 'n');
    const std::string message = refused(ErrorKind::out_of_memory, [&] {
      for (int i = 0; i < 5000; ++i) {
        balances.credit(key.id, Credit::grant, 1, note);
        ++kept;
      }
    });
    EXPECT_NE(message.find("the disk is full"), std::string::npos) << message;
    EXPECT_GT(kept, 20);
    EXPECT_EQ(balances.get(key.id).granted_micro, kept);
    EXPECT_EQ(Ledger(database).verify().problem, "");
  }
  {
    Database again({.data_path = mounted});
    const LedgerCheck check = Ledger(again).verify();
    EXPECT_EQ(check.problem, "");
    EXPECT_EQ(check.rows, kept);
  }
  EXPECT_EQ(::umount2(mounted.c_str(), MNT_DETACH), 0);
}

}  // namespace
}  // namespace deepseek::store
