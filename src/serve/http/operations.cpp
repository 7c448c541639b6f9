// SPDX-License-Identifier: Apache-2.0
#include "serve/http/operations.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>

#include "core/error.h"
#include "core/json.h"

namespace deepseek::serve {
namespace {

using Json = nlohmann::ordered_json;

HttpReply not_ready(const Readiness& readiness, const HttpRequest& request) {
  const RequestError error(503, readiness.reason.empty() ? "not ready" : readiness.reason,
                           {.retry_after_ms = readiness.retry_after_ms});
  return error_reply(error, ErrorDialect::openai, request.request_id);
}

RouteOptions probe(std::string summary) {
  return {.on_io_thread = true, .always = true, .summary = std::move(summary)};
}

/// What the handlers of signals may touch.
std::atomic<int> signal_event{-1};
std::atomic<int> ends_asked{0};
std::atomic<bool> reload_asked{false};
static_assert(std::atomic<int>::is_always_lock_free);

constexpr int interrupted_exit_code = 130;  // exit_code() is not for signal handlers

void wake_waiter() {
  const int saved = errno;
  const uint64_t one = 1;
  (void)!::write(signal_event.load(), &one, sizeof one);
  errno = saved;
}

extern "C" void on_end_signal(int) {
  if (ends_asked.fetch_add(1) >= 1) ::_exit(interrupted_exit_code);
  wake_waiter();
}

extern "C" void on_reload_signal(int) {
  reload_asked = true;
  wake_waiter();
}

/// Signals go to serve_until_signal while it lives.
class SignalScope {
 public:
  SignalScope() : event_(::eventfd(0, EFD_CLOEXEC)) {
    if (event_ < 0) fail(ErrorKind::busy, "no descriptor is left to wait for signals");
    signal_event = event_;
    ends_asked = 0;
    reload_asked = false;
    for (size_t i = 0; i < signals.size(); ++i) {
      struct sigaction action {};
      action.sa_handler = signals[i] == SIGHUP ? on_reload_signal : on_end_signal;
      ::sigaction(signals[i], &action, &former_[i]);
    }
  }
  ~SignalScope() {
    for (size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &former_[i], nullptr);
    signal_event = -1;
    ::close(event_);
  }
  SignalScope(const SignalScope&) = delete;
  SignalScope& operator=(const SignalScope&) = delete;

  void wait() const {
    uint64_t count = 0;
    (void)!::read(event_, &count, sizeof count);  // EINTR: the loop looks again
  }

 private:
  static constexpr std::array signals{SIGTERM, SIGINT, SIGHUP};
  int event_;
  std::array<struct sigaction, signals.size()> former_{};
};

}  // namespace

void add_operations_routes(Router& router, const OperationsHooks& hooks,
                           const Access& metrics_access) {
  router.add({"GET", "/health", Access::open(),
              answering([](const HttpRequest&) { return json_reply(R"({"status":"ok"})"); }),
              probe("The process answers.")});
  router.add({"GET", "/ready", Access::open(),
              answering([readiness = hooks.readiness,
                         draining = hooks.draining](const HttpRequest& request) {
                if (draining && draining()) return not_ready({false, "shutting down"}, request);
                if (readiness)
                  if (const Readiness now = readiness(); !now.ready) return not_ready(now, request);
                return json_reply(R"({"status":"ready"})");
              }),
              probe("Requests are welcome.")});
  router.add({"GET", "/startup", Access::open(),
              answering([startup = hooks.startup, started = hooks.started](const HttpRequest&) {
                const bool done = !started || started();
                HttpReply reply = json_reply(
                    startup ? startup() : Json{{"status", done ? "started" : "starting"}}.dump(),
                    done ? 200 : 503);
                if (!done) {
                  reply.headers.set("Retry-After", "1");
                  reply.headers.set("retry-after-ms", "1000");
                }
                return reply;
              }),
              probe("How far loading is.")});
  if (!hooks.metrics) return;
  router.add({"GET",
              "/metrics",
              metrics_access,
              answering([metrics = hooks.metrics](const HttpRequest&) {
                return text_reply(metrics(), 200, "text/plain; version=0.0.4; charset=utf-8");
              }),
              {.always = true, .summary = "Metrics for Prometheus."}});
}

bool serve_until_signal(HttpServer& server, const DrainConfig& config) {
  const SignalScope scope;
  while (ends_asked == 0) {
    scope.wait();
    if (reload_asked.exchange(false)) server.reload_tls();
  }
  server.leave();
  std::this_thread::sleep_for(std::chrono::milliseconds(config.delay_ms));
  server.drain();
  const bool all_finished = server.wait_idle(std::chrono::milliseconds(config.grace_ms));
  server.stop();
  return all_finished;
}

}  // namespace deepseek::serve
