// SPDX-License-Identifier: Apache-2.0
// The verbs `key` and `ledger`.
#include <gtest/gtest.h>

#include <sstream>

#include "core/file.h"
#include "core/json.h"
#include "serve/store/database.h"
#include "tests/cli/json_schema.h"
#include "tests/cli/run_deepseek.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::cli {
namespace {

using namespace deepseek::testing;
using nlohmann::json;

class StoreVerbs : public ::testing::Test {
 protected:
  Outcome run(std::vector<std::string> arguments,
              const std::map<std::string, std::string>& environment = {}) {
    arguments.insert(arguments.end(), {"--data-path", path});
    return run_deepseek({arguments, "", environment});
  }
  json run_json(const std::string& schema, std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
    EXPECT_TRUE(follows_schema(schema, outcome.out));
    return json::parse(outcome.out, nullptr, false);
  }
  TemporaryFolder folder;
  std::string path = (folder.path() / "data").string();
};

TEST_F(StoreVerbs, AKeyLivesFromCreateToRevoke) {
  const Outcome made = run({"key", "create", "alice"});
  EXPECT_EQ(made.exit_code, 0) << made.error;
  EXPECT_TRUE(made.out.starts_with("sk-"));
  EXPECT_EQ(made.out.size(), 47);  // the secret alone, for $(…)
  EXPECT_NE(made.error.find("shown once"), std::string::npos);

  const json page = run_json("key_list", {"key", "list"});
  ASSERT_EQ(page.at("keys").size(), 1);
  EXPECT_EQ(page.at("keys")[0].at("name"), "alice");
  EXPECT_EQ(page.dump().find(made.out.substr(0, 46)), std::string::npos);

  const json changed =
      run_json("key", {"key",    "set",           "alice",      "--requests-per-minute",
                       "60",     "--concurrency", "2",          "--scope",
                       "chat",   "--scope",       "admin",      "--allow-model",
                       "m",      "--expires",     "2099-12-31", "--grant",
                       "5",      "--top-up",      "0.5",        "--prepaid",
                       "--name", "bob",           "--note",     "a gift"});
  EXPECT_EQ(changed.at("requests_per_minute"), 60);
  EXPECT_EQ(changed.at("scopes"), json({"chat", "admin"}));
  EXPECT_EQ(changed.at("models"), json({"m"}));
  EXPECT_EQ(changed.at("expires_at_ms"), 4102444800000);
  EXPECT_EQ(changed.at("granted_micro"), 5'000'000);
  EXPECT_EQ(changed.at("topped_up_micro"), 500'000);
  EXPECT_EQ(changed.at("prepaid"), true);
  const json cleared =
      run_json("key", {"key", "set", "bob", "--requests-per-minute", "0", "--allow-model", "any",
                       "--expires", "never", "--disabled"});
  EXPECT_TRUE(cleared.at("requests_per_minute").is_null());
  EXPECT_TRUE(cleared.at("models").empty());
  EXPECT_TRUE(cleared.at("expires_at_ms").is_null());
  EXPECT_EQ(cleared.at("concurrency"), 2);
  EXPECT_EQ(cleared.at("state"), "disabled");
  EXPECT_EQ(run_json("key", {"key", "set", "bob", "--no-disabled"}).at("state"), "active");
  EXPECT_EQ(run_json("key", {"key", "revoke", "bob"}).at("state"), "revoked");
  const Outcome set = run({"key", "set", "bob"});
  EXPECT_EQ(set.exit_code, 2);
  EXPECT_NE(set.error.find("key 'bob' was revoked; its id is key_"), std::string::npos)
      << set.error;
  const Outcome table = run({"key", "list"});
  EXPECT_NE(table.out.find("revoked"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("5.50 USD prepaid"), std::string::npos) << table.out;
}

TEST_F(StoreVerbs, CreateTakesEveryProperty) {
  const json made = run_json(
      "key_create", {"key", "create", "ci", "--expires", "30d", "--tokens-per-minute", "1000",
                     "--currency", "CNY", "--grant", "1", "--prepaid", "--disabled"});
  EXPECT_TRUE(made.at("secret").get<std::string>().starts_with("sk-"));
  EXPECT_EQ(made.at("currency"), "CNY");
  EXPECT_EQ(made.at("tokens_per_minute"), 1000);
  EXPECT_EQ(made.at("state"), "disabled");
  EXPECT_EQ(made.at("expires_at_ms").get<int64_t>() - made.at("created_at_ms").get<int64_t>() -
                    int64_t{30} * 86'400'000 <=
                10'000,
            true);
}

TEST_F(StoreVerbs, TheLedgerIsVerifiedAndExported) {
  run({"key", "create", "a", "--grant", "1"});
  run({"key", "create", "b", "--grant", "2"});
  run({"key", "set", "a", "--top-up", "3", "--note", "said \"hello\", twice"});
  const json verified = run_json("ledger_verify", {"ledger", "verify"});
  EXPECT_EQ(verified.at("rows"), 3);
  EXPECT_EQ(run({"ledger", "verify", "--head", verified.at("head")}).exit_code, 0);
  const Outcome other = run({"ledger", "verify", "--head", std::string(64, '0')});
  EXPECT_EQ(other.exit_code, 3);

  const Outcome rows = run({"ledger", "export", "--key", "a"});
  EXPECT_EQ(rows.exit_code, 0) << rows.error;
  std::istringstream lines(rows.out);
  std::string line;
  int count = 0;
  for (; std::getline(lines, line); ++count) EXPECT_TRUE(follows_schema("ledger_row", line));
  EXPECT_EQ(count, 2);
  run({"key", "revoke", "a"});
  EXPECT_EQ(run({"ledger", "export", "--key", "a"}).out, rows.out);
  const Outcome csv = run({"ledger", "export", "--format", "csv"});
  EXPECT_TRUE(csv.out.starts_with("seq,entry_id,")) << csv.out;
  EXPECT_NE(csv.out.find("\"said \"\"hello\"\", twice\""), std::string::npos) << csv.out;
  const std::string out = (folder.path() / "l.jsonl").string();
  EXPECT_EQ(run_json("ledger_export", {"ledger", "export", "--out", out}).at("rows"), 3);
  EXPECT_EQ(run({"ledger", "export"}).out, read_text_file(out));
}

TEST_F(StoreVerbs, SpeakChineseToo) {
  const std::map<std::string, std::string> zh{{"DEEPSEEK_LANG", "zh"}};
  EXPECT_NE(run({"key", "create", "a"}, zh).error.find("只显示这一次"), std::string::npos);
  EXPECT_NE(run({"ledger", "verify"}, zh).out.find("末行哈希"), std::string::npos);
  EXPECT_NE(run_deepseek({{"key", "--help"}, "", zh}).out.find("API 密钥"), std::string::npos);
}

TEST_F(StoreVerbs, AStoreThatAnotherProcessHoldsIsBusy) {
  run({"key", "create", "a"});
  store::Database held({.data_path = path});
  held.write([&](store::Connection&) {
    const Outcome outcome = run({"key", "create", "b"});
    EXPECT_EQ(outcome.exit_code, 8);
    EXPECT_NE(outcome.error.find("the store is locked by another process"), std::string::npos)
        << outcome.error;
    EXPECT_EQ(run({"key", "list"}).exit_code, 0);  // readers do not wait
  });
  EXPECT_EQ(run_json("key_list", {"key", "list"}).at("keys").size(), 1);
}

TEST_F(StoreVerbs, ThePasswordOfTheDatabaseIsNotShown) {
  const Outcome shown = run_deepseek(
      {{"config", "show"}, "", {{"DEEPSEEK_STORE_URL", "postgresql://me:se@cret@host/d"}}});
  EXPECT_NE(shown.out.find("postgresql://me:***@host/d"), std::string::npos) << shown.out;
  EXPECT_EQ(shown.out.find("cret"), std::string::npos);
}

TEST_F(StoreVerbs, TheUsualFolderIsTheUsersDataFolder) {
  const Outcome made =
      run_deepseek({{"key", "create", "a"}, "", {{"XDG_DATA_HOME", folder.path().string()}}});
  EXPECT_EQ(made.exit_code, 0) << made.error;
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "deepseek/store.sqlite3"));
  const TemporaryFolder home;
  run_deepseek({{"key", "create", "a"}, "", {{"HOME", home.path().string()}}});
  EXPECT_TRUE(std::filesystem::exists(home.path() / ".local/share/deepseek/store.sqlite3"));
}

}  // namespace
}  // namespace deepseek::cli
