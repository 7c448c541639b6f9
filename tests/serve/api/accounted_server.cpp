// SPDX-License-Identifier: Apache-2.0
#include "tests/serve/api/accounted_server.h"

#include <fstream>

#include "tests/cli/tiny_model.h"
#include "tests/serve/http/test_server.h"

namespace deepseek::testing {

using nlohmann::json;

AccountedServer::AccountedServer()
    : database({.data_path = folder.path() / "data"}),
      keys(database),
      balances(database),
      ledger(database) {
  write_small_model(folder.path() / "model", byte_config());
  config.http = local_config();
  config.models = {{"tiny", folder.path() / "model"}};
  config.access_log = folder.path() / "access.log";
  config.store = store::StoreLocation{.data_path = folder.path() / "data"};
}

void AccountedServer::start(const std::string& prices) {
  if (!prices.empty()) {
    config.prices = folder.path() / "prices.yaml";
    std::ofstream(config.prices) << prices;
  }
  server = std::make_unique<serve::ModelServer>(config);
  server->start();
  server->wait_loaded();
}

store::NewKey AccountedServer::key_with(int64_t granted_micro, int64_t topped_up_micro) {
  return keys.create({.name = "alice",
                      .prepaid = true,
                      .granted_micro = granted_micro,
                      .topped_up_micro = topped_up_micro});
}

RawClient::Reply AccountedServer::post(const std::string& path, const json& body,
                                       const std::string& secret, const std::string& more) {
  RawClient client(address());
  client.post(path, body.dump(), "Content-Type: application/json\r\n" + sent(secret) + more);
  return client.reply();
}

RawClient::Reply AccountedServer::get(const std::string& path, const std::string& secret) {
  RawClient client(address());
  return client.ask(path, sent(secret));
}

void AccountedServer::one_at_a_time() {
  config.scheduler.max_running = 1;
  config.scheduler.batch_patience = std::chrono::hours(1);
  config.http.stream_buffer_bytes = 4 << 10;
  config.http.keep_alive_ms = 0;
}

std::unique_ptr<RawClient> AccountedServer::ask(const std::string& path, const json& body,
                                                const std::string& secret,
                                                const std::string& more) {
  auto client = std::make_unique<RawClient>(address());
  client->post(path, body.dump(), "Content-Type: application/json\r\n" + sent(secret) + more);
  return client;
}

std::unique_ptr<RawClient> AccountedServer::occupy(const std::string& secret) {
  // More than sockets and buffers hold.
  const json body = chat({{"stream", true},
                          {"n", 16},
                          {"max_tokens", 1900},
                          {"logprobs", true},
                          {"top_logprobs", 20}});
  while (true) {
    std::unique_ptr<RawClient> reader = ask("/v1/chat/completions", body, secret);
    reader->small_receive_buffer();
    // On a machine that is busy it may have waited too long itself.
    if (reader->reply_head().status == 200) return reader;
  }
}

void AccountedServer::await_waiting(int64_t count, const std::string& secret) {
  EXPECT_TRUE(
      eventually([&] { return json::parse(get("/props", secret).body)["waiting"] == count; }));
}

std::vector<store::LedgerEntry> AccountedServer::charges() {
  std::vector<store::LedgerEntry> rows;
  ledger.each(0, "", [&](const store::LedgerEntry& row) {
    if (row.kind == "charge") rows.push_back(row);
  });
  return rows;
}

json AccountedServer::chat(const json& more) {
  json body = {{"messages", {{{"role", "user"}, {"content", "he he"}}}},
               {"max_tokens", 16},
               {"seed", 5},
               {"ignore_eos", true}};
  body.update(more);
  return body;
}

}  // namespace deepseek::testing
