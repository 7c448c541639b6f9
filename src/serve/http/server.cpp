// SPDX-License-Identifier: Apache-2.0
#include "serve/http/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <future>
#include <thread>

#include "core/error.h"
#include "core/text.h"
#include "serve/http/connection.h"
#include "serve/http/server_core.h"

namespace deepseek::serve {
namespace {

constexpr auto certificate_check = std::chrono::seconds(5);
/// Of this process, beside those of connections: models, store, logs.
constexpr int64_t other_descriptors = 160;

/// Beyond the cap, for probes and to say that there are too many.
int64_t spare_connections(int64_t most) { return most / 8 + 16; }

/// As many as the configuration allows, and descriptors are left for.
int64_t connections_that_fit(int64_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return wanted;
  const auto left = static_cast<int64_t>(limit.rlim_cur) - other_descriptors;
  return std::min(wanted, std::max<int64_t>((left - 16) * 8 / 9, 16));
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(ServerConfig config, Router router, ServerHooks hooks)
      : core_{std::move(config), std::move(router), std::move(hooks)} {
    core_.config.validate();
    for (const Route& route : core_.router.routes())
      if (!route.access.is_open() && !core_.hooks.authorise)
        fail(ErrorKind::internal, "route ", route.method, " ", route.pattern,
             " needs a key, but the server has no authoriser");
    if (!core_.config.tls_certificate.empty())
      tls_ = std::make_unique<TlsContext>(core_.config.tls_certificate, core_.config.tls_key);
  }

  ~Impl() { stop(); }

  void start() {
    for (int i = 0; i < core_.config.io_threads; ++i)
      homes_.push_back(std::make_unique<LoopHome>());
    std::vector<IoLoop*> loops;
    loops.reserve(homes_.size());
    for (auto& home : homes_) loops.push_back(&home->loop);
    listener_ = std::make_unique<Listener>(
        loops, tls_.get(), core_.config.reuse_port,
        [this](std::unique_ptr<Socket> socket, size_t home, std::string peer, bool is_unix) {
          on_accepted(std::move(socket), home, std::move(peer), is_unix);
        },
        core_.hooks.notice);
    for (const ListenAddress& address : core_.config.listen) listener_->open(address);
    listener_->accept();
    if (tls_) {
      certificate_timer_ = std::make_unique<Timer>(homes_[0]->loop);
      watch_certificate();
    }
    most_connections_ = connections_that_fit(core_.config.max_connections);
    if (most_connections_ < core_.config.max_connections)
      core_.notice(concat("at most ", most_connections_, " connections, not ",
                          core_.config.max_connections,
                          ": this process may open few files; raise 'ulimit -n'"));
    core_.pool.start(core_.config.handler_threads, "http-handler");
    core_.heavy.start(core_.config.heavy_threads, "http-heavy");
    core_.authorisers.start(core_.config.authoriser_threads, "http-authorise");
    for (size_t i = 0; i < homes_.size(); ++i)
      homes_[i]->loop.start("http-io-" + std::to_string(i), core_.config.io_nice);
    running_ = true;
  }

  std::vector<ListenAddress> addresses() const { return listener_->addresses(); }

  void leave() { core_.leaving = true; }

  void drain() {
    if (core_.draining.exchange(true)) return;
    if (!running_) return;
    // Where another process listens on the same port, new connections are to reach it.
    if (core_.config.reuse_port) on_loop(0, [this] { listener_->close(); });
    // Clients open new connections when theirs close between requests.
    for (auto& home : homes_)
      home->loop.post([&home = *home] {
        for (const auto& connection : connections_of(home)) connection->close_if_idle();
      });
  }

  bool wait_idle(std::chrono::milliseconds grace) {
    std::unique_lock lock(core_.idle_mutex);
    return core_.idle.wait_for(lock, grace, [&] { return core_.requests == 0; });
  }

  void stop() {
    if (!std::exchange(running_, false)) return;
    core_.draining = true;
    core_.stopping = true;
    on_loop(0, [this] {
      if (certificate_timer_) certificate_timer_->cancel();
      listener_->close();
    });
    const RequestError why(503, "the server is shutting down", {.retry_after_ms = 1000});
    for (size_t i = 0; i < homes_.size(); ++i)
      on_loop(i, [&, i] {
        for (const auto& connection : connections_of(*homes_[i])) connection->stop(why);
      });
    wait_idle(std::chrono::milliseconds(core_.config.last_words_ms));
    for (HandlerPool* pool : {&core_.authorisers, &core_.heavy, &core_.pool}) pool->stop();
    for (size_t i = 0; i < homes_.size(); ++i)
      on_loop(i, [&, i] {
        for (const auto& connection : connections_of(*homes_[i])) connection->close();
      });
    for (auto& home : homes_) home->loop.stop();
    for (auto& home : homes_) home->loop.join();
  }

  void reload_tls() {
    if (!tls_) return;
    try {
      tls_->reload();
      core_.notice("certificate and key read again");
    } catch (const Error& error) {
      core_.notice(concat("the old certificate stays: ", error.what()));
    }
  }

  ServerCounts counts() {
    int64_t requests = 0;
    {
      const std::lock_guard lock(core_.idle_mutex);
      requests = core_.requests;
    }
    return {core_.connections, requests, core_.streams, core_.requests_total,
            core_.refused_connections};
  }

  const ServerCore& core() const { return core_; }

 private:
  static std::vector<std::shared_ptr<Connection>> connections_of(LoopHome& home) {
    std::vector<std::shared_ptr<Connection>> list;
    list.reserve(home.connections.size());
    for (Connection* connection : home.connections) list.push_back(connection->shared_from_this());
    return list;
  }

  void on_loop(size_t index, const std::function<void()>& work) {
    std::promise<void> done;
    homes_[index]->loop.post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  void on_accepted(std::unique_ptr<Socket> socket, size_t index, std::string peer, bool is_unix) {
    // Those beyond the cap take the place of idle ones, or are told so; many more are cut.
    const int64_t most = most_connections_;
    const int64_t now = core_.connections.fetch_add(1);
    if (now >= most + spare_connections(most)) {
      core_.connections.fetch_sub(1);
      core_.refused_connections.fetch_add(1);
      return;
    }
    LoopHome& home = *homes_[index];
    auto connection = std::make_shared<Connection>(core_, home, std::move(socket), std::move(peer),
                                                   is_unix, now >= most);
    home.loop.post([connection = std::move(connection)] { connection->start(); });
  }

  void watch_certificate() {
    certificate_timer_->set(std::chrono::steady_clock::now() + certificate_check, [this] {
      if (tls_->files_changed()) reload_tls();
      watch_certificate();
    });
  }

  ServerCore core_;
  std::unique_ptr<TlsContext> tls_;
  std::vector<std::unique_ptr<LoopHome>> homes_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Timer> certificate_timer_;
  bool running_ = false;
  int64_t most_connections_ = 0;
};

HttpServer::HttpServer(ServerConfig config, Router router, ServerHooks hooks)
    : impl_(std::make_unique<Impl>(std::move(config), std::move(router), std::move(hooks))) {}

HttpServer::~HttpServer() = default;

void HttpServer::start() { impl_->start(); }
std::vector<ListenAddress> HttpServer::addresses() const { return impl_->addresses(); }
void HttpServer::leave() { impl_->leave(); }
void HttpServer::drain() { impl_->drain(); }
bool HttpServer::draining() const { return impl_->core().draining || impl_->core().leaving; }
bool HttpServer::wait_idle(std::chrono::milliseconds grace) { return impl_->wait_idle(grace); }
void HttpServer::stop() { impl_->stop(); }
void HttpServer::reload_tls() { impl_->reload_tls(); }
ServerCounts HttpServer::counts() const { return impl_->counts(); }
const Router& HttpServer::router() const { return impl_->core().router; }
const ServerConfig& HttpServer::config() const { return impl_->core().config; }

}  // namespace deepseek::serve
