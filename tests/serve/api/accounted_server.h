// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/json.h"
#include "serve/api/model_server.h"
#include "serve/store/balances.h"
#include "serve/store/keys.h"
#include "serve/store/ledger.h"
#include "tests/serve/http/raw_client.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::testing {

/// A server of a tiny model over a store, which the test reads and changes as another program does.
class AccountedServer : public ::testing::Test {
 protected:
  AccountedServer();

  /// `prices`: YAML; empty: none.
  void start(const std::string& prices = "");
  void stop() { server.reset(); }

  /// A prepaid key with so much money.
  store::NewKey key_with(int64_t granted_micro, int64_t topped_up_micro = 0);
  RawClient::Reply post(const std::string& path, const nlohmann::json& body,
                        const std::string& secret, const std::string& more = "");
  RawClient::Reply get(const std::string& path, const std::string& secret);
  std::vector<store::LedgerEntry> charges();

  /// One sequence runs at a time; to be called before start().
  void one_at_a_time();
  /// A stream that cannot end unread, and that nobody reads: on such a server, whoever comes waits
  /// until it is dropped.
  std::unique_ptr<RawClient> occupy(const std::string& secret = "");
  /// A client that has sent this request and has not read anything.
  std::unique_ptr<RawClient> ask(const std::string& path, const nlohmann::json& body,
                                 const std::string& secret = "", const std::string& more = "");
  /// Waits until so many requests are in the queue.
  void await_waiting(int64_t count, const std::string& secret = "");

  serve::ListenAddress address() const { return server->addresses().front(); }

  static std::string sent(const std::string& secret) {
    return secret.empty() ? "" : "Authorization: Bearer " + secret + "\r\n";
  }
  static nlohmann::json chat(const nlohmann::json& more = nlohmann::json::object());
  static nlohmann::json error_of(const RawClient::Reply& reply) {
    return nlohmann::json::parse(reply.body).at("error");
  }

  TemporaryFolder folder;
  serve::ModelServerConfig config;
  store::Database database;
  store::Keys keys;
  store::Balances balances;
  store::Ledger ledger;
  std::unique_ptr<serve::ModelServer> server;
};

}  // namespace deepseek::testing
