// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "core/json.h"
#include "serve/api/model_server.h"
#include "tests/cli/json_schema.h"
#include "tests/cli/run_deepseek.h"
#include "tests/cli/tiny_model.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::cli {
namespace {

using testing::Outcome;
using testing::run_deepseek;

class Ps : public ::testing::Test {
 protected:
  Ps() {
    serve::ModelServerConfig config;
    for (const char* name : {"first", "second"}) {
      testing::write_small_model(folder.path() / name);
      config.models.push_back({name, folder.path() / name});
    }
    config.memory_bytes = 1;
    config.http.listen = {{"127.0.0.1", 0}};
    config.api_keys = {"sk-of-the-test"};
    config.access_log = folder.path() / "access.log";
    server = std::make_unique<serve::ModelServer>(std::move(config));
    server->start();
    server->wait_loaded();
  }
  Outcome ps(std::vector<std::string> more) {
    std::vector<std::string> words{"ps", "--port",
                                   std::to_string(server->addresses().front().port)};
    words.insert(words.end(), more.begin(), more.end());
    return run_deepseek({words});
  }

  testing::TemporaryFolder folder;
  std::unique_ptr<serve::ModelServer> server;
};

TEST_F(Ps, ListsWhatIsInMemory) {
  const Outcome table = ps({"--api-key", "sk-of-the-test"});
  EXPECT_EQ(table.exit_code, 0) << table.error;
  EXPECT_NE(table.out.find("first"), std::string::npos);
  EXPECT_EQ(table.out.find("second"), std::string::npos);
  const Outcome page = ps({"--api-key", "sk-of-the-test", "--json"});
  EXPECT_TRUE(testing::follows_schema("ps", page.out)) << page.out;
  const nlohmann::json models = nlohmann::json::parse(page.out)["models"];
  ASSERT_EQ(models.size(), 1U);
  EXPECT_EQ(models[0]["context_length"], 256);
  EXPECT_TRUE(models[0]["expires_at"].is_null());
}

TEST_F(Ps, AKeyIsAskedFor) {
  const Outcome outcome = ps({});
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_NE(outcome.error.find("--api-key"), std::string::npos) << outcome.error;
}

}  // namespace
}  // namespace deepseek::cli
