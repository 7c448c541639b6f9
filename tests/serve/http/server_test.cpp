// SPDX-License-Identifier: Apache-2.0
#include "serve/http/server.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <latch>
#include <thread>

#include "core/error.h"
#include "tests/serve/http/test_server.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::serve {
namespace {

using namespace deepseek::testing;
using Reply = RawClient::Reply;

TEST(HttpServer, KeepsTheConnectionAndNamesTheRequest) {
  TestServer server(add_plain_routes);
  RawClient client(server.address());
  const Reply first = client.ask("/hello", "x-request-id: mine-1\r\n");
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, "hello");
  EXPECT_EQ(first.field("x-request-id"), "mine-1");
  EXPECT_EQ(first.field("X-Content-Type-Options"), "nosniff");
  EXPECT_TRUE(first.has("Date"));
  const Reply second = client.ask("/hello", "x-request-id: not {valid}\r\n");
  EXPECT_EQ(second.field("x-request-id").substr(0, 4), "req-");
  const auto record = server.record();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->request_id, "mine-1");
  EXPECT_EQ(record->route, "/hello");
  EXPECT_EQ(record->status, 200);
  EXPECT_GT(record->sent_bytes, 5);
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  TestServer server(add_plain_routes);
  RawClient client(server.address());
  std::string all;
  for (int i = 0; i < 50; ++i) {
    const std::string body = "body " + std::to_string(i);
    all +=
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body;
  }
  client.send(all);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(client.reply().body, "body " + std::to_string(i));
}

TEST(HttpServer, TakesRequestsByteByByte) {
  TestServer server(add_plain_routes);
  RawClient client(server.address());
  for (const char c : std::string_view("POST /echo HTTP/1.1\r\nHost: localhost\r\n"
                                       "Transfer-Encoding: chunked\r\n\r\n"
                                       "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"))
    client.send(std::string_view(&c, 1));
  EXPECT_EQ(client.reply().body, "abcde");
  EXPECT_EQ(client.ask("/hello").body, "hello");
}

TEST(HttpServer, AnswersHeadWithoutABody) {
  TestServer server(add_plain_routes);
  RawClient client(server.address());
  client.send("HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const Reply reply = client.reply(true);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.field("Content-Length"), "5");
  EXPECT_EQ(client.ask("/hello").body, "hello");
}

TEST(HttpServer, SpeaksHttp10) {
  TestServer server(add_plain_routes);
  RawClient client(server.address());
  client.send("GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.reply().field("Connection"), "close");
  EXPECT_TRUE(client.closed_by_peer());
  RawClient kept(server.address());
  kept.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.reply().field("Connection"), "keep-alive");
  kept.send("GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_EQ(kept.reply().body, "hello");
}

TEST(HttpServer, ClosesWhenAsked) {
  TestServer server(add_plain_routes);
  RawClient client(server.address());
  EXPECT_EQ(client.ask("/hello", "Connection: close\r\n").field("Connection"), "close");
  EXPECT_TRUE(client.closed_by_peer());
}

TEST(HttpServer, LivesUnderAPrefix) {
  ServerConfig config = local_config();
  config.url_prefix = "/deep";
  TestServer server(add_plain_routes, config);
  RawClient client(server.address());
  EXPECT_EQ(client.ask("/deep/hello").status, 200);
  EXPECT_EQ(client.ask("/hello").status, 404);
  EXPECT_EQ(client.ask("/deeper/hello").status, 404);
}

TEST(HttpServer, ListensOnAUnixSocketAndRemovesIt) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "s.sock";
  {
    ServerConfig config{.listen = {{"127.0.0.1", 0}, {"", 0, path}}, .io_nice = 0};
    TestServer server(add_plain_routes, config);
    RawClient client(server.address(1));
    client.send("GET /hello HTTP/1.1\r\nHost: anything.example\r\n\r\n");
    EXPECT_EQ(client.reply().status, 200) << "no browser reaches a UNIX socket";
    EXPECT_EQ(server.record()->peer, "unix");
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0660U);
    try {
      TestServer second(add_plain_routes, {.listen = {{"", 0, path}}});
      FAIL() << "the socket is in use";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::busy);
    }
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(HttpServer, ListensOnIpv6) {
  ServerConfig config{.listen = {{"::1", 0}}, .io_nice = 0};
  std::optional<TestServer> server;
  try {
    server.emplace(add_plain_routes, config);
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  RawClient client(server->address());
  client.send("GET /hello HTTP/1.1\r\nHost: [::1]:80\r\n\r\n");
  EXPECT_EQ(client.reply().status, 200);
  EXPECT_EQ(server->record()->peer.substr(0, 6), "[::1]:");
}

TEST(HttpServer, NamesAnAddressThatIsTaken) {
  TestServer server(add_plain_routes);
  const int port = server.address().port;
  try {
    TestServer second(add_plain_routes, {.listen = {{"127.0.0.1", port}}});
    FAIL() << "the port is in use";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::busy);
    EXPECT_EQ(exit_code(error.kind()), 8);
    EXPECT_NE(std::string(error.what()).find("127.0.0.1:" + std::to_string(port)),
              std::string::npos);
  }
  EXPECT_THROW(TestServer(add_plain_routes, {.listen = {{"192.0.2.1", 0}}}), Error);
}

TEST(HttpServer, AsksForABodyThatWaitsToBeWanted) {
  TestServer server(add_plain_routes);
  RawClient client(server.address());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: "
      "100-continue\r\n\r\n");
  EXPECT_EQ(client.reply().status, 100);
  client.send("ok");
  EXPECT_EQ(client.reply().body, "ok");
  client.send(
      "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.reply().status, 404) << "refused before the body";
}

TEST(HttpServer, HandlersMayAnswerLaterFromAnotherThread) {
  Mailbox<Exchange> waiting;
  TestServer server([&](Router& router) {
    router.add({"GET", "/later", Access::open(),
                [&](Exchange exchange) { waiting.put(std::move(exchange)); }});
  });
  RawClient client(server.address());
  client.get("/later");
  std::thread([&] {
    auto exchange = waiting.take();
    exchange->summarise({.model = "m", .prompt_tokens = 3});
    exchange->reply(text_reply("late"));
  }).join();
  EXPECT_EQ(client.reply().body, "late");
  const auto record = server.record();
  EXPECT_EQ(record->summary.model, "m");
  EXPECT_EQ(record->summary.prompt_tokens, 3);
}

TEST(HttpServer, WithholdsWhatOnlyTheOperatorMayRead) {
  TestServer server([&](Router& router) {
    router.add({"GET", "/throws", Access::open(),
                [](const Exchange&) { throw std::runtime_error("secret path /root/key"); }});
    router.add({"GET", "/forgets", Access::open(), [](const Exchange&) {}});
    router.add({"GET", "/says", Access::open(),
                [](const Exchange&) { fail(ErrorKind::not_found, "there is no model 'x'"); }});
  });
  RawClient client(server.address());
  const Reply reply = client.ask("/throws");
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.body.find("secret"), std::string::npos);
  EXPECT_NE(server.record()->error.find("secret path"), std::string::npos);
  EXPECT_EQ(client.ask("/forgets").status, 500);
  EXPECT_EQ(server.record()->error, "the handler gave no answer");
  const Reply told = client.ask("/says");
  EXPECT_EQ(told.status, 404);
  EXPECT_NE(told.body.find("there is no model 'x'"), std::string::npos);
}

TEST(HttpServer, TellsAHandlerThatItsClientLeft) {
  Mailbox<Exchange> waiting;
  Mailbox<ClosedBecause> left;
  TestServer server([&](Router& router) {
    router.add({"GET", "/later", Access::open(), [&](Exchange exchange) {
                  exchange.on_closed([&](ClosedBecause why) { left.put(why); });
                  waiting.put(exchange);
                }});
  });
  RawClient client(server.address());
  client.get("/later");
  auto exchange = waiting.take();
  ASSERT_TRUE(exchange);
  client.close();
  EXPECT_EQ(left.take(), ClosedBecause::client_left);
  EXPECT_TRUE(exchange->closed());
  exchange->reply(text_reply("too late"));
  EXPECT_EQ(server.record()->status, 499);
}

ServerConfig crowded_config() {
  ServerConfig config = local_config();
  config.io_threads = 1;
  config.max_connections = 4;
  return config;
}

TEST(HttpServer, CapsConnections) {
  const auto routes = [](Router& router) {
    add_plain_routes(router);
    router.add(Route("GET", "/probe", Access::open(),
                     answering([](const HttpRequest&) { return text_reply("alive"); }),
                     {.on_io_thread = true, .always = true}));
  };
  TestServer server(routes, crowded_config());
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.address()));
    EXPECT_EQ(clients.back()->ask("/hello").status, 200);
    clients.back()->send("GET /hello HTTP/1.1\r\n");  // and no more, so that it is not idle
  }
  EXPECT_TRUE(eventually([&] {
    RawClient refused(server.address());
    const Reply reply = refused.ask("/hello");
    return reply.status == 503 && reply.has("Retry-After") && reply.field("Connection") == "close";
  }));
  // Those beyond the cap are given little time to ask.
  EXPECT_TRUE(eventually([&] {
    RawClient probe(server.address());
    const Reply alive = probe.ask("/probe");
    return alive.status == 200 && alive.field("Connection") == "close";
  }));
  clients.pop_back();
  EXPECT_TRUE(eventually([&] { return server.server().counts().connections <= 3; }));
  RawClient welcome(server.address());
  EXPECT_EQ(welcome.ask("/hello").status, 200);
  EXPECT_GE(server.server().counts().refused_connections, 2);
}

TEST(HttpServer, TheConnectionThatIsIdleLongestMakesRoom) {
  TestServer server(add_plain_routes, crowded_config());
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.address()));
    EXPECT_EQ(clients.back()->ask("/hello").status, 200);
  }
  EXPECT_EQ(clients.front()->ask("/hello").status, 200) << "it is no longer the longest idle";
  RawClient late(server.address());
  EXPECT_EQ(late.ask("/hello").status, 200);
  EXPECT_TRUE(clients[1]->closed_by_peer());
  EXPECT_EQ(clients.front()->ask("/hello").status, 200);
}

TEST(HttpServer, HoldsIdleConnectionsUntilTheirTime) {
  ServerConfig config = local_config();
  config.idle_timeout_ms = 50;
  TestServer server(add_plain_routes, config);
  RawClient silent(server.address());
  std::unique_ptr<RawClient> used;
  // One that asks too late finds itself closed: until one is in time.
  EXPECT_TRUE(eventually([&] {
    used = std::make_unique<RawClient>(server.address());
    return used->ask("/hello").status == 200;
  }));
  EXPECT_TRUE(silent.closed_by_peer());
  EXPECT_TRUE(used->closed_by_peer());
}

TEST(HttpServer, AuthorisesBeforeTheBody) {
  struct Key : Principal {};
  ServerHooks hooks;
  hooks.authorise = [](const HttpRequest& request,
                       const Route& route) -> std::shared_ptr<const Principal> {
    EXPECT_EQ(route.access.scope(), "inference");
    if (request.header("Authorization") != "Bearer good") throw RequestError(401, "no such key");
    auto key = std::make_shared<Key>();
    key->id = "key-1";
    return key;
  };
  TestServer server(
      [](Router& router) {
        router.add({"POST",
                    "/work",
                    Access::scope("inference"),
                    answering([](const HttpRequest& request) {
                      return text_reply(request.principal->id + request.body);
                    }),
                    {.dialect = ErrorDialect::anthropic}});
      },
      local_config(), hooks);
  RawClient client(server.address());
  client.post("/work", " x", "Authorization: Bearer good\r\n");
  EXPECT_EQ(client.reply().body, "key-1 x");
  EXPECT_EQ(server.record()->principal, "key-1");
  client.send("POST /work HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n");
  const Reply refused = client.reply();
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.field("WWW-Authenticate"), "Bearer");
  EXPECT_NE(refused.body.find("\"type\":\"authentication_error\""), std::string::npos);
  EXPECT_NE(refused.body.find("{\"type\":\"error\""), std::string::npos);
}

TEST(HttpServer, BusyHandlersHoldUpNeitherAuthorisingNorEachOther) {
  ServerHooks hooks;
  hooks.authorise = [](const HttpRequest&, const Route&) { return std::make_shared<Principal>(); };
  ServerConfig config = local_config();
  config.handler_threads = config.heavy_threads = 1;
  std::latch in_heavy(1), in_slow(1), go_on(1);
  TestServer server(
      [&](Router& router) {
        const auto blocking = [&](std::latch& entered) {
          return answering([&](const HttpRequest&) {
            entered.count_down();
            go_on.wait();
            return text_reply("done");
          });
        };
        const auto quick = answering([](const HttpRequest&) { return text_reply("quick"); });
        router.add({"GET", "/heavy", Access::any_key(), blocking(in_heavy), {.heavy = true}});
        router.add({"GET", "/slow", Access::any_key(), blocking(in_slow)});
        router.add({"GET", "/quick", Access::any_key(), quick});
        router.add({"GET", "/probe", Access::any_key(), quick, {.on_io_thread = true}});
      },
      config, hooks);
  std::shared_ptr<void> release(nullptr, [&](void*) { go_on.count_down(); });
  RawClient heavy(server.address()), slow(server.address()), client(server.address());
  heavy.get("/heavy");
  in_heavy.wait();
  EXPECT_EQ(client.ask("/quick").body, "quick") << "beside a heavy one";
  slow.get("/slow");
  in_slow.wait();
  EXPECT_EQ(client.ask("/probe").body, "quick") << "no handler is free";
  release.reset();
  EXPECT_EQ(heavy.reply().body, "done");
  EXPECT_EQ(slow.reply().body, "done");
}

TEST(HttpServer, DoesNotStartWithAGuardedRouteAndNoGuard) {
  Router router;
  router.add({"GET", "/x", Access::scope("admin"),
              answering([](const HttpRequest&) { return text_reply(""); })});
  EXPECT_THROW(HttpServer(local_config(), std::move(router)), Error);
}

TEST(HttpServer, ServesManyClientsAtOnce) {
  TestServer server(add_plain_routes);
  std::vector<std::thread> threads;
  threads.reserve(8);
  std::atomic<int> good{0};
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      RawClient client(server.address());
      for (int i = 0; i < 50; ++i) {
        const std::string body(size_t(1 + t * 997 + i * 31), char('a' + t));
        client.post("/echo", body);
        if (client.reply().body == body) ++good;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 400);
}

TEST(CheckBind, RefusesAPublicAddressWithoutKeys) {
  for (const char* local :
       {"127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "localhost:80", "unix:/tmp/x"})
    EXPECT_NO_THROW(check_bind({parse_listen_address(local)}, false, false)) << local;
  for (const char* open :
       {"0.0.0.0:80", ":80", "[::]:80", "10.0.0.1:80", "host.example:80", "[::ffff:10.0.0.1]:80"}) {
    EXPECT_THROW(check_bind({parse_listen_address(open)}, false, false), Error) << open;
    EXPECT_NO_THROW(check_bind({parse_listen_address(open)}, true, false)) << open;
    EXPECT_NO_THROW(check_bind({parse_listen_address(open)}, false, true)) << open;
  }
}

TEST(ListenAddress, ReadsItsForms) {
  EXPECT_EQ(parse_listen_address("[::1]:8080").host, "::1");
  EXPECT_EQ(parse_listen_address("[::1]:8080").text(), "[::1]:8080");
  EXPECT_EQ(parse_listen_address(":8080").host, "");
  EXPECT_EQ(parse_listen_address("unix:/a/b").text(), "unix:/a/b");
  for (const char* bad : {"", "8080", "a:b", "a:99999", "::1:80", "[::1:80", "[x]:80", "unix:"})
    EXPECT_THROW(parse_listen_address(bad), Error) << bad;
}

}  // namespace
}  // namespace deepseek::serve
