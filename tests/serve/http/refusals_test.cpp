// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <tuple>

#include "core/json.h"
#include "serve/http/admission.h"
#include "tests/serve/http/test_server.h"

namespace deepseek::serve {
namespace {

using namespace deepseek::testing;
using Reply = RawClient::Reply;

ServerConfig small_config() {
  ServerConfig config = local_config();
  config.header_bytes = 2048;
  config.header_count = 10;
  config.uri_bytes = 256;
  config.body_bytes = 100;
  config.all_bodies_bytes = 1000;
  return config;
}

/// The same, which waits for nobody.
ServerConfig hasty_config() {
  ServerConfig config = small_config();
  config.header_timeout_ms = 100;
  config.body_timeout_ms = 100;
  return config;
}

struct Case {
  const char* name;
  std::string bytes;
  int status;
  bool closes;
};

std::string request(const std::string& line, const std::string& fields,
                    const std::string& body = "") {
  return line + " HTTP/1.1\r\n" + fields + "\r\n" + body;
}

std::vector<Case> cases() {
  const std::string host = "Host: localhost\r\n";
  const std::string post = "POST /echo";
  std::string many = host;
  for (int i = 0; i < 10; ++i) many += "A: b\r\n";
  return {
      {"no such path", request("GET /nowhere", host), 404, false},
      {"no such method", request("DELETE /hello", host), 405, false},
      {"long URI", request("GET /" + std::string(300, 'a'), host), 414, true},
      {"long URI that never ends", "GET /" + std::string(400, 'a'), 414, true},
      {"long header", request("GET /hello", host + "A: " + std::string(3000, 'a') + "\r\n"), 431,
       true},
      {"many fields", request("GET /hello", many), 431, true},
      {"large body", request(post, host + "Content-Length: 101\r\n"), 413, true},
      {"large chunked body",
       request(post, host + "Transfer-Encoding: chunked\r\n",
               "65\r\n" + std::string(101, 'x') + "\r\n0\r\n\r\n"),
       413, true},
      {"absurd length", request(post, host + "Content-Length: 99999999999999999999\r\n"), 400,
       true},
      {"negative length", request(post, host + "Content-Length: -1\r\n"), 400, true},
      {"signed length", request(post, host + "Content-Length: +1\r\n", "x"), 400, true},
      {"list of lengths", request(post, host + "Content-Length: 1, 1\r\n", "x"), 400, true},
      {"two lengths", request(post, host + "Content-Length: 1\r\nContent-Length: 1\r\n", "x"), 400,
       true},
      {"length and chunked",
       request(post, host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       400, true},
      {"chunked and length",
       request(post, host + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
       400, true},
      {"two encodings",
       request(post, host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400,
       true},
      {"foreign encoding", request(post, host + "Transfer-Encoding: gzip, chunked\r\n"), 501, true},
      {"bad chunk", request(post, host + "Transfer-Encoding: chunked\r\n", "zz\r\n"), 400, true},
      {"folded field", request("GET /hello", host + "A: b\r\n c\r\n"), 400, true},
      {"blank before colon", request("GET /hello", host + "A : b\r\n"), 400, true},
      {"control character", request("GET /hello", host + "A: b\x01\r\n"), 400, true},
      {"bare line feed", "GET /hello HTTP/1.1\nHost: localhost\n\n", 400, true},
      {"no HTTP", std::string("\x16\x03\x01\x02", 4), 400, true},
      {"old protocol", "GET /hello\r\n\r\n", 400, true},
      {"future protocol", "GET /hello HTTP/2.0\r\n\r\n", 400, true},
      {"no Host", request("GET /hello", ""), 400, true},
      {"two Hosts", request("GET /hello", host + host), 400, true},
      {"foreign Host", request("GET /hello", "Host: evil.example\r\n"), 403, false},
      {"foreign Host with our port", request("GET /hello", "Host: evil.example:8080\r\n"), 403,
       false},
      {"malformed Host", request("GET /hello", "Host: a:b\r\n"), 400, true},
      {"URI against Host", request("GET http://evil.example/hello", host), 400, true},
      {"foreign origin", request("GET /hello", host + "Origin: https://evil.example\r\n"), 403,
       false},
      {"origin null", request("GET /hello", host + "Origin: null\r\n"), 403, false},
      {"compressed body",
       request(post, host + "Content-Encoding: gzip\r\nContent-Length: 1\r\n", "x"), 415, true},
      {"strange expectation", request(post, host + "Expect: a-pony\r\nContent-Length: 1\r\n", "x"),
       417, true},
      {"path upwards", request("GET /../hello", host), 400, true},
      {"encoded path upwards", request("GET /%2e%2e/hello", host), 400, true},
      {"encoded zero", request("GET /hello%00", host), 400, true},
      {"broken escape", request("GET /hello%4", host), 400, true},
      {"broken query", request("GET /hello?a=%zz", host), 400, true},
      {"fragment", request("GET /hello#x", host), 400, true},
      {"slow header", "GET /hello HTTP/1.1\r\nHost: loc", 408, true},
      {"slow body", request(post, host + "Content-Length: 5\r\n", "abc"), 408, true},
      {"slow chunk", request(post, host + "Transfer-Encoding: chunked\r\n", "5\r\nab"), 408, true},
  };
}

TEST(Refusals, AreTheTable) {
  TestServer patient(add_plain_routes, small_config()), hasty(add_plain_routes, hasty_config());
  for (const Case& test : cases()) {
    SCOPED_TRACE(test.name);
    TestServer& server = test.status == 408 ? hasty : patient;
    RawClient client(server.address());
    client.send(test.bytes);
    const Reply reply = client.reply();
    EXPECT_EQ(reply.status, test.status);
    EXPECT_TRUE(reply.complete);
    EXPECT_TRUE(reply.has("x-request-id"));
    EXPECT_EQ(reply.field("x-should-retry"), test.status == 408 ? "true" : "false");
    const auto body = nlohmann::json::parse(reply.body);
    for (const char* name : {"message", "type", "param", "code"})
      EXPECT_TRUE(body["error"].contains(name)) << reply.body;
    EXPECT_EQ(reply.field("Connection") == "close", test.closes);
    const auto record = server.record();
    ASSERT_TRUE(record);
    EXPECT_EQ(record->status, test.status);
    if (test.closes) {
      EXPECT_TRUE(client.closed_by_peer());
    } else {
      EXPECT_EQ(client.ask("/hello").status, 200);
      EXPECT_EQ(server.record()->status, 200);
    }
  }
  for (TestServer* server : {&patient, &hasty})
    EXPECT_TRUE(eventually([&] { return server->server().counts().requests == 0; }));
}

TEST(Refusals, NamesTheMethodsOfAPath) {
  TestServer server(add_plain_routes);
  RawClient client(server.address());
  client.send(request("POST /hello", "Host: localhost\r\n"));
  EXPECT_EQ(client.reply().field("Allow"), "GET, HEAD");
  client.send(request("OPTIONS /echo", "Host: localhost\r\n"));
  const Reply options = client.reply();
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.field("Allow"), "POST, OPTIONS");
  client.send(request("OPTIONS *", "Host: localhost\r\n"));
  EXPECT_EQ(client.reply().status, 204);
}

TEST(Refusals, BodiesOfAllConnectionsTogetherAreBounded) {
  ServerConfig config = local_config();
  config.body_bytes = 1000;
  config.all_bodies_bytes = 1000;
  TestServer server(add_plain_routes, config);
  RawClient holder(server.address());
  holder.send(
      request("POST /echo", "Host: localhost\r\nContent-Length: 901\r\n", std::string(900, 'x')));
  RawClient client(server.address());
  Reply reply;
  // The first request's bytes count once they have been read.
  EXPECT_TRUE(eventually([&] {
    RawClient second(server.address());
    second.post("/echo", std::string(200, 'y'));
    reply = second.reply();
    return reply.status == 503;
  }));
  EXPECT_TRUE(reply.has("Retry-After"));
  EXPECT_TRUE(reply.has("retry-after-ms"));
  holder.send("z");
  EXPECT_EQ(holder.reply().body.size(), 901U);
  EXPECT_TRUE(eventually([&] {
    RawClient third(server.address());
    third.post("/echo", std::string(200, 'y'));
    return third.reply().status == 200;
  }));
}

TEST(Refusals, OriginsOnAListMayCall) {
  ServerConfig config = local_config();
  config.cors_origins = {"https://chat.example"};
  TestServer server(add_plain_routes, config);
  RawClient client(server.address());
  const Reply reply = client.ask("/hello", "Origin: https://chat.example\r\n");
  EXPECT_EQ(reply.field("Access-Control-Allow-Origin"), "https://chat.example");
  EXPECT_EQ(reply.field("Vary"), "Origin");
  EXPECT_FALSE(reply.has("Access-Control-Allow-Credentials"));
  EXPECT_EQ(client.ask("/hello", "Origin: http://localhost\r\n").status, 200) << "its own page";
  client.send(request("OPTIONS /echo",
                      "Host: localhost\r\nOrigin: https://chat.example\r\n"
                      "Access-Control-Request-Method: POST\r\n"));
  const Reply preflight = client.reply();
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight.field("Access-Control-Allow-Methods"), "POST, OPTIONS");
  EXPECT_EQ(client.ask("/nowhere", "Origin: https://chat.example\r\n")
                .field("Access-Control-Allow-Origin"),
            "https://chat.example")
      << "a page reads its errors as well";
}

TEST(Refusals, APreflightIsAnsweredWithTheNamesItAsksFor) {
  ServerConfig config = local_config();
  config.header_bytes = 16 << 10;
  config.cors_origins = {"https://chat.example"};
  TestServer server(add_plain_routes, config);
  RawClient client(server.address());
  const auto allowed = [&](const std::string& asked) {
    client.send(request("OPTIONS /echo",
                        "Host: localhost\r\nOrigin: https://chat.example\r\n"
                        "Access-Control-Request-Method: POST\r\n"
                        "Access-Control-Request-Headers: " +
                            asked + "\r\n"));
    const Reply preflight = client.reply();
    EXPECT_EQ(preflight.status, 204);
    return preflight.field("Access-Control-Allow-Headers");
  };
  const std::string names = "authorization,content-type, x-stainless-os,x-stainless-retry-count";
  EXPECT_EQ(allowed(names), names);
  for (const std::string& no_list : {std::string("a b"), std::string("a,,b"), std::string("a;b"),
                                     std::string("a,"), std::string(5000, 'a')})
    EXPECT_TRUE(allowed(no_list).starts_with("authorization, content-type, x-api-key"))
        << no_list.substr(0, 20);
  const std::string seen = client.ask("/hello", "Origin: https://chat.example\r\n")
                               .field("Access-Control-Expose-Headers");
  for (const char* name : {" request-id,", " warning,"})
    EXPECT_NE(seen.find(name), std::string::npos) << seen;
}

TEST(Refusals, SpeakTheDialectOfThePath) {
  ServerConfig config = local_config();
  config.url_prefix = "/llm";
  TestServer server(
      [](Router& router) {
        const auto answer = answering([](const HttpRequest&) { return text_reply("x"); });
        router.add(
            {"POST", "/messages", Access::open(), answer, {.dialect = ErrorDialect::anthropic}});
        router.add({"POST", "/chat", Access::open(), answer, {.dialect = ErrorDialect::ollama}});
      },
      config);
  const auto refusal = [&](const std::string& line, const std::string& fields) {
    RawClient client(server.address());
    client.send(request(line, fields));
    return client.reply();
  };
  const std::string host = "Host: localhost\r\n", foreign = "Host: evil.example\r\n";
  for (const auto& [line, fields, status] :
       {std::tuple("GET /llm/messages", host, 405), std::tuple("POST /llm/messages", foreign, 403),
        std::tuple("GET http://localhost/llm/messages?a=b", host, 405),
        std::tuple("POST /llm/messages?a=%zz", host, 400),
        std::tuple("POST /llm/messages", host + host, 400)}) {
    const Reply reply = refusal(line, fields);
    EXPECT_EQ(reply.status, status) << line;
    const auto body = nlohmann::json::parse(reply.body);
    EXPECT_EQ(body["type"], "error") << line << reply.body;
    EXPECT_EQ(reply.field("request-id"), body["request_id"].get<std::string>()) << line;
  }
  const auto ollama = nlohmann::json::parse(refusal("GET /llm/chat", host).body);
  EXPECT_TRUE(ollama["error"].is_string()) << ollama;
  for (const char* line : {"GET /llm/nowhere", "GET /messages", "GET *", "GET /llm/%"}) {
    const Reply reply = refusal(line, host);
    EXPECT_TRUE(nlohmann::json::parse(reply.body)["error"].contains("param")) << line << reply.body;
    EXPECT_FALSE(reply.has("request-id")) << line;
  }
}

TEST(Refusals, NameTheFlagThatListsOriginsAndHosts) {
  TestServer server(add_plain_routes);
  RawClient client(server.address());
  EXPECT_NE(client.ask("/hello", "Origin: https://a.example\r\n").body.find("--cors-origin lists"),
            std::string::npos);
  client.send(request("GET /hello", "Host: a.example\r\n"));
  EXPECT_NE(client.reply().body.find("--allowed-host lists"), std::string::npos);
}

TEST(Refusals, AnyOriginStillHasNoCredentials) {
  ServerConfig config = local_config();
  config.cors_origins = {"*"};
  TestServer server(add_plain_routes, config);
  RawClient client(server.address());
  const Reply reply = client.ask("/hello", "Origin: https://any.example\r\n");
  EXPECT_EQ(reply.field("Access-Control-Allow-Origin"), "*");
  EXPECT_FALSE(reply.has("Access-Control-Allow-Credentials"));
}

TEST(Refusals, HostsThatAreOurs) {
  for (const char* own : {"localhost", "LOCALHOST:8080", "127.0.0.1", "192.168.1.5:80", "[::1]",
                          "[fe80::1]:8080", "chat.localhost", "box.example", "box.example:99"})
    EXPECT_TRUE(host_is_ours(own, {"box.example"})) << own;
  for (const char* foreign :
       {"evil.example", "localhost.evil.example", "notlocalhost", "127.0.0.1.evil.example", "1.2.3",
        "", ":80", "[::1", "[evil]", "a:b", ".localhost"})
    EXPECT_FALSE(host_is_ours(foreign, {"box.example"})) << foreign;
}

TEST(Refusals, NoHeaderOfAReplyBreaksOut) {
  TestServer server([](Router& router) {
    router.add({"GET", "/x", Access::open(), answering([](const HttpRequest& request) {
                  HttpReply reply = text_reply("");
                  reply.headers.set("X-Echo", *request.query_value("v") + "\r\nSet-Cookie: a=b");
                  return reply;
                })});
  });
  RawClient client(server.address());
  const Reply reply = client.ask("/x?v=1");
  EXPECT_FALSE(reply.has("Set-Cookie"));
  EXPECT_EQ(reply.field("X-Echo"), "1  Set-Cookie: a=b");
}

TEST(Refusals, TrailersAreNoHeaders) {
  Mailbox<std::string> seen;
  TestServer server([&](Router& router) {
    router.add({"POST", "/x", Access::open(), answering([&](const HttpRequest& request) {
                  seen.put(std::string(request.header("Authorization")));
                  return text_reply("");
                })});
  });
  RawClient client(server.address());
  client.send(request("POST /x", "Host: localhost\r\nTransfer-Encoding: chunked\r\n",
                      "1\r\na\r\n0\r\nAuthorization: Bearer forged\r\n\r\n"));
  EXPECT_EQ(client.reply().status, 200);
  EXPECT_EQ(seen.take(), "");
}

TEST(Refusals, LoadingServersSayWhenToComeBack) {
  std::atomic<bool> ready{false};
  ServerHooks hooks;
  hooks.admission = [&] { return Readiness{ready, "loading: 40%", 2500}; };
  TestServer server(
      [](Router& router) {
        add_plain_routes(router);
        router.add({"GET",
                    "/always",
                    Access::open(),
                    answering([](const HttpRequest&) { return text_reply("here"); }),
                    {.on_io_thread = true, .always = true}});
      },
      local_config(), hooks);
  RawClient client(server.address());
  const Reply reply = client.ask("/hello");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.field("Retry-After"), "3");
  EXPECT_EQ(reply.field("retry-after-ms"), "2500");
  EXPECT_EQ(reply.field("x-should-retry"), "true");
  EXPECT_EQ(client.ask("/always").body, "here");
  ready = true;
  EXPECT_EQ(client.ask("/hello").status, 200);
}

}  // namespace
}  // namespace deepseek::serve
