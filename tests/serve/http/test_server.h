// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "serve/http/server.h"
#include "tests/serve/http/raw_client.h"

namespace deepseek::testing {

/// What one thread hands to another; waiting gives up after `patience`.
template <class Value>
class Mailbox {
 public:
  void put(Value value) {
    {
      const std::lock_guard lock(mutex_);
      values_.push_back(std::move(value));
    }
    changed_.notify_all();
  }
  std::optional<Value> take() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, patience, [&] { return !values_.empty(); })) return std::nullopt;
    Value value = std::move(values_.front());
    values_.erase(values_.begin());
    return value;
  }
  bool empty() {
    const std::lock_guard lock(mutex_);
    return values_.empty();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Value> values_;
};

/// Waits until `holds`, for what has no event of its own; false after `patience`.
bool eventually(const std::function<bool()>& holds);

/// A server on a free port, which loses nobody for a machine that is slow.
serve::ServerConfig local_config();

/// A running server on a free port, with its finished requests at hand.
class TestServer {
 public:
  using Routes = std::function<void(serve::Router&)>;
  explicit TestServer(const Routes& routes, serve::ServerConfig config = local_config(),
                      serve::ServerHooks hooks = {});

  serve::HttpServer& server() { return *server_; }
  serve::ListenAddress address(size_t index = 0) const { return server_->addresses()[index]; }
  /// The next finished request.
  std::optional<serve::RequestRecord> record() { return records_.take(); }
  bool no_records() { return records_.empty(); }

 private:
  Mailbox<serve::RequestRecord> records_;
  std::unique_ptr<serve::HttpServer> server_;
};

/// POST /echo answers the body, GET /hello "hello".
void add_plain_routes(serve::Router& router);

}  // namespace deepseek::testing
