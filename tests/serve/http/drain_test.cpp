// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "serve/http/operations.h"
#include "tests/serve/http/test_server.h"

namespace deepseek::serve {
namespace {

using namespace deepseek::testing;
using Reply = RawClient::Reply;

struct DrainServer {
  Mailbox<Exchange> plain;
  Mailbox<EventStream> streams;
  Mailbox<ClosedBecause> closed;
  TestServer server;

  explicit DrainServer(const ServerConfig& config = local_config())
      : server(
            [this](Router& router) {
              add_plain_routes(router);
              router.add({"GET", "/plain", Access::open(),
                          [this](const Exchange& exchange) { plain.put(exchange); }});
              router.add({"GET", "/stream", Access::open(), [this](Exchange exchange) {
                            EventStream stream = exchange.stream();
                            stream.on_closed([this](ClosedBecause why) { closed.put(why); });
                            streams.put(stream);
                          }});
              add_operations_routes(router, {.draining = [this] { return draining.load(); }},
                                    Access::open());
            },
            config) {}
  std::atomic<bool> draining{false};
};

TEST(Drain, RefusesNewRequestsAndFinishesRunningOnes) {
  DrainServer it;
  RawClient running(it.server.address()), idle(it.server.address());
  EXPECT_EQ(idle.ask("/ready").status, 200);
  running.get("/plain");
  auto exchange = it.plain.take();
  it.draining = true;
  it.server.server().drain();
  EXPECT_TRUE(idle.closed_by_peer()) << "nothing was asked on it";
  RawClient asking(it.server.address());
  const Reply refused = asking.ask("/hello");
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.has("Retry-After"));
  EXPECT_TRUE(refused.has("retry-after-ms"));
  EXPECT_EQ(refused.field("Connection"), "close");
  RawClient late(it.server.address());
  EXPECT_EQ(late.ask("/ready").status, 503);
  RawClient probe(it.server.address());
  EXPECT_EQ(probe.ask("/health").status, 200);
  EXPECT_FALSE(it.server.server().wait_idle(std::chrono::milliseconds(0)));
  exchange->reply(text_reply("finished"));
  EXPECT_EQ(running.reply().body, "finished");
  EXPECT_TRUE(it.server.server().wait_idle(patience));
}

TEST(Drain, WhoLeavesStillAnswersButSaysSo) {
  DrainServer it;
  RawClient kept(it.server.address());
  EXPECT_EQ(kept.ask("/hello").field("Connection"), "");
  it.draining = true;
  it.server.server().leave();
  RawClient probe(it.server.address());
  EXPECT_EQ(probe.ask("/ready").status, 503);
  const Reply last = kept.ask("/hello");
  EXPECT_EQ(last.status, 200);
  EXPECT_EQ(last.field("Connection"), "close");
  RawClient fresh(it.server.address());
  EXPECT_EQ(fresh.ask("/hello").status, 200);
}

TEST(Drain, StoppingEndsWhatRunsWithAnError) {
  DrainServer it;
  RawClient plain(it.server.address()), stream(it.server.address());
  plain.get("/plain");
  auto exchange = it.plain.take();
  stream.get("/stream");
  auto events = it.streams.take();
  events->send("x");
  stream.reply_head();
  stream.read_until("x\n\n");
  it.server.server().stop();
  EXPECT_EQ(it.closed.take(), ClosedBecause::server_stopped);
  EXPECT_FALSE(events->send("y"));
  const Reply reply = plain.reply();
  EXPECT_EQ(reply.status, 503);
  EXPECT_TRUE(reply.has("Retry-After"));
  const std::string rest = stream.read_until("never");
  EXPECT_NE(rest.find("data: {\"error\":"), std::string::npos) << rest;
  EXPECT_EQ(rest.find("[DONE]"), std::string::npos);
  EXPECT_TRUE(exchange->closed());
  exchange->reply(text_reply("after the server"));
}

TEST(Drain, HandsThePortOver) {
  ServerConfig config = local_config();
  config.reuse_port = true;
  DrainServer old(config);
  config.listen[0].port = old.server.address().port;
  TestServer fresh(add_plain_routes, config);
  RawClient running(old.server.address());
  // The kernel chooses whom a connection reaches: until one reaches the old server.
  std::unique_ptr<RawClient> kept;
  ASSERT_TRUE(eventually([&] {
    kept = std::make_unique<RawClient>(config.listen[0]);
    return kept->ask("/ready").status == 200;
  }));
  old.server.server().drain();
  EXPECT_TRUE(kept->closed_by_peer()) << "closed between requests";
  for (int i = 0; i < 20; ++i) {
    RawClient client(config.listen[0]);
    EXPECT_EQ(client.ask("/hello").status, 200);
    EXPECT_EQ(client.ask("/ready").status, 404) << "the new server's";
  }
}

/// Whether a process has a handler for SIGTERM by now.
bool handles_signals(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("SigCgt:"))
      return (std::stoull(line.substr(7), nullptr, 16) >> (SIGTERM - 1) & 1) != 0;
  return false;
}

/// A server in a process of its own, which never answers GET /plain.
struct ServerProcess {
  pid_t id = 0;
  ListenAddress address;
  int reports = -1;  // a pipe: its port, then an int for each /plain that came in

  void kill(int signal) const { ::kill(id, signal); }
  int next_report() const {
    int value = -1;
    EXPECT_EQ(::read(reports, &value, sizeof value), ssize_t(sizeof value));
    return value;
  }
  /// Asks for /plain and waits until that is in work.
  void keep_busy_with(RawClient& client) const {
    client.get("/plain");
    next_report();
  }
};

/// Runs serve_until_signal in a process of its own.
template <class Act>
int exit_status_after(const Act& act, int64_t grace_ms) {
  int ends[2];
  if (::pipe(ends) != 0) return -1;
  const auto report = [&](int value) { (void)!::write(ends[1], &value, sizeof value); };
  const pid_t child = ::fork();
  if (child == 0) {
    bool all_finished = false;
    {
      Mailbox<Exchange> waiting;
      TestServer server([&](Router& router) {
        add_plain_routes(router);
        router.add({"GET", "/plain", Access::open(), [&](const Exchange& exchange) {
                      waiting.put(exchange);
                      report(0);
                    }});
      });
      report(server.address().port);
      all_finished = serve_until_signal(server.server(), {.grace_ms = grace_ms});
    }
    ::_exit(all_finished ? 10 : 11);
  }
  ServerProcess process{.id = child, .address = {}, .reports = ends[0]};
  process.address = {"127.0.0.1", process.next_report()};
  EXPECT_TRUE(eventually([&] { return handles_signals(child); }));
  act(process);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Drain, SignalsEndTheServer) {
  EXPECT_EQ(exit_status_after([](const ServerProcess& process) { process.kill(SIGTERM); }, 120'000),
            10);
  EXPECT_EQ(exit_status_after(
                [](const ServerProcess& process) {
                  process.kill(SIGHUP);
                  RawClient client(process.address);
                  process.keep_busy_with(client);
                  EXPECT_EQ(RawClient(process.address).ask("/nowhere").status, 404);
                  process.kill(SIGINT);
                  EXPECT_EQ(client.reply().status, 503) << "cut after its grace";
                },
                50),
            11);
  EXPECT_EQ(exit_status_after(
                [](const ServerProcess& process) {
                  RawClient client(process.address);
                  process.keep_busy_with(client);
                  process.kill(SIGTERM);
                  EXPECT_TRUE(eventually([&] {
                    return RawClient(process.address).ask("/hello").status == 503;
                  })) << "draining";
                  process.kill(SIGTERM);
                },
                600'000),
            130)
      << "the second signal ends it at once";
}

}  // namespace
}  // namespace deepseek::serve
