// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "serve/http/server.h"

namespace deepseek::serve {

/// What the probes report. Each may be empty; each is called on an I/O thread and must not block.
struct OperationsHooks {
  std::function<Readiness()> readiness = {};  // /ready
  std::function<std::string()> startup = {};  // JSON object for /startup; empty: done
  std::function<bool()> started = {};         // /startup is 503 until it is true
  std::function<std::string()> metrics = {};  // text for /metrics
  std::function<bool()> draining = {};        // HttpServer::draining
};

/// Adds /health, /ready, /startup and /metrics. The probes are open; /metrics needs
/// `metrics_access`.
void add_operations_routes(Router& router, const OperationsHooks& hooks,
                           const Access& metrics_access);

struct DrainConfig {
  int64_t grace_ms = 30'000;
  /// Between turning unready and refusing: lets load balancers and clients with open connections
  /// notice first.
  int64_t delay_ms = 0;
};

/// Waits for SIGTERM or SIGINT, then drains: turn unready, delay, refuse, up to grace for running
/// requests, stop. SIGHUP reloads certificates. A second SIGTERM or SIGINT ends the
/// process at once with code 130. Returns false when requests had to be cut.
bool serve_until_signal(HttpServer& server, const DrainConfig& config);

}  // namespace deepseek::serve
