// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "serve/http/handler_pool.h"
#include "serve/http/io.h"
#include "serve/http/server.h"

namespace deepseek::serve {

class Connection;

/// One I/O thread and the connections that live on it.
struct LoopHome {
  IoLoop loop;
  std::unordered_set<Connection*> connections;  // on the loop's thread alone
};

/// What all connections of a server share.
struct ServerCore {
  ServerConfig config;
  Router router;
  ServerHooks hooks;
  HandlerPool pool{};
  HandlerPool heavy{};        // of handlers that compute for long
  HandlerPool authorisers{};  // nobody who handles requests makes others wait to be let in

  std::atomic<bool> leaving{false};
  std::atomic<bool> draining{false};
  std::atomic<bool> stopping{false};
  std::atomic<int64_t> connections{0};
  std::atomic<int64_t> streams{0};
  std::atomic<int64_t> requests_total{0};
  std::atomic<int64_t> refused_connections{0};
  std::atomic<int64_t> body_bytes{0};

  void request_begins() {
    requests_total.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard lock(idle_mutex);
    ++requests;
  }
  void request_ends() {
    const std::lock_guard lock(idle_mutex);
    if (--requests == 0) idle.notify_all();
  }
  void notice(const std::string& line) const {
    if (hooks.notice) hooks.notice(line);
  }

  std::mutex idle_mutex{};
  std::condition_variable idle{};
  int64_t requests = 0;  // under idle_mutex
};

}  // namespace deepseek::serve
