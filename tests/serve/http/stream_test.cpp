// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <thread>

#include "tests/serve/http/test_server.h"

namespace deepseek::serve {
namespace {

using namespace deepseek::testing;
using Reply = RawClient::Reply;

/// GET /stream hands its stream to the test.
struct StreamServer {
  Mailbox<EventStream> streams;
  Mailbox<ClosedBecause> closed;
  TestServer server;

  explicit StreamServer(ServerConfig config = local_config(),
                        ErrorDialect dialect = ErrorDialect::openai, const StreamReply& reply = {})
      : server(
            [&, dialect, reply](Router& router) {
              add_plain_routes(router);
              router.add({"GET",
                          "/stream",
                          Access::open(),
                          [this, reply](const Exchange& given) {
                            Exchange exchange = given;
                            EventStream stream = exchange.stream(reply);
                            stream.on_closed([this](ClosedBecause why) { closed.put(why); });
                            streams.put(stream);
                          },
                          {.dialect = dialect}});
            },
            std::move(config)) {}
};

TEST(Stream, SendsEventsAsTheyCome) {
  StreamServer it;
  RawClient client(it.server.address());
  client.get("/stream");
  auto stream = it.streams.take();
  ASSERT_TRUE(stream);
  EXPECT_TRUE(stream->send(R"({"n":1})"));
  const Reply head = client.reply_head();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("Content-Type"), "text/event-stream; charset=utf-8");
  EXPECT_EQ(head.field("Cache-Control"), "no-store");
  EXPECT_TRUE(head.chunked);
  EXPECT_EQ(client.read_until("\n\n"), "data: {\"n\":1}\n\n");
  EXPECT_TRUE(stream->send({.data = "a\nb", .event = "delta", .id = "7"}));
  EXPECT_EQ(client.read_until("\n\n"), "event: delta\nid: 7\ndata: a\ndata: b\n\n");
  stream->done();
  EXPECT_FALSE(stream->send("after the end"));
  EXPECT_EQ(client.read_until("never"), "data: [DONE]\n\n");
  EXPECT_EQ(client.ask("/hello").body, "hello") << "the connection lives on";
  EXPECT_TRUE(it.closed.empty()) << "an end is not a loss";
  const auto record = it.server.record();
  EXPECT_TRUE(record->streamed);
}

TEST(Stream, SendsLines) {
  StreamServer it(local_config(), ErrorDialect::ollama, {.format = StreamReply::Format::lines});
  RawClient client(it.server.address());
  client.get("/stream");
  auto stream = it.streams.take();
  stream->line(R"({"a":1})");
  stream->fail(RequestError(503, "out of pages"));
  const Reply reply = client.reply();
  EXPECT_EQ(reply.field("Content-Type"), "application/x-ndjson");
  EXPECT_EQ(reply.body, "{\"a\":1}\n{\"error\":\"out of pages\"}\n");
}

TEST(Stream, AFailureBeforeTheFirstByteIsAPlainError) {
  StreamServer it;
  RawClient client(it.server.address());
  client.get("/stream");
  it.streams.take()->fail(RequestError(429, "the queue is full", {.retry_after_ms = 1500}));
  const Reply reply = client.reply();
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.field("Retry-After"), "2");
  EXPECT_EQ(reply.field("retry-after-ms"), "1500");
  EXPECT_EQ(reply.field("x-should-retry"), "true");
  EXPECT_NE(reply.body.find("\"type\":\"rate_limit_error\""), std::string::npos);
}

TEST(Stream, AFailureAfterTheFirstByteIsAnEventOfTheDialect) {
  const auto body = [](ErrorDialect dialect) {
    StreamServer it(local_config(), dialect);
    RawClient client(it.server.address());
    client.get("/stream", "x-request-id: r1\r\n");
    auto stream = it.streams.take();
    stream->send("x");
    stream->fail(std::make_exception_ptr(std::runtime_error("secret")));
    const Reply reply = client.reply();
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(it.server.record()->error, "secret");
    return reply.body.substr(std::string("data: x\n\n").size());
  };
  const std::string told = "the server failed; its log has the reason under this request id";
  EXPECT_EQ(body(ErrorDialect::openai),
            "data: {\"error\":{\"message\":\"" + told +
                "\",\"type\":\"server_error\",\"param\":null,\"code\":\"internal_error\"}}\n\n");
  EXPECT_EQ(body(ErrorDialect::anthropic),
            "event: error\ndata: "
            "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"" +
                told + "\"},\"request_id\":\"r1\"}\n\n");
  EXPECT_EQ(body(ErrorDialect::responses),
            "event: error\ndata: {\"type\":\"error\",\"code\":\"internal_error\",\"message\":\"" +
                told + "\",\"param\":null}\n\n");
}

TEST(Stream, ADroppedStreamFails) {
  StreamServer it;
  RawClient client(it.server.address());
  client.get("/stream");
  it.streams.take()->send("x");
  EXPECT_NE(client.reply().body.find("internal_error"), std::string::npos);
}

TEST(Stream, NoticesADepartureWhileNothingIsSent) {
  StreamServer it;
  RawClient client(it.server.address());
  client.get("/stream");
  auto stream = it.streams.take();
  stream->send("x");
  client.reply_head();
  client.close();
  EXPECT_EQ(it.closed.take(), ClosedBecause::client_left);
  EXPECT_TRUE(stream->closed());
  EXPECT_FALSE(stream->send("y"));
  EXPECT_EQ(it.server.record()->status, 499);
  Mailbox<ClosedBecause> late;
  stream->on_closed([&](ClosedBecause why) { late.put(why); });
  EXPECT_EQ(late.take(), ClosedBecause::client_left) << "who asks late is told at once";
}

TEST(Stream, HoldsTheProducerBackAndLetsItGoOn) {
  ServerConfig config = local_config();
  config.stream_buffer_bytes = 48 << 20;
  StreamServer it(config);
  RawClient client(it.server.address());
  client.get("/stream");
  auto stream = it.streams.take();
  const std::string more_than_sockets_hold(32 << 20, 'x'), data = "y";
  ASSERT_TRUE(stream->send(more_than_sockets_hold));
  EXPECT_FALSE(stream->writable());
  Mailbox<bool> again;
  stream->on_writable([&] { again.put(true); });
  EXPECT_TRUE(again.empty());
  std::thread reader([&] {
    const Reply reply = client.reply();
    EXPECT_TRUE(reply.complete);
    EXPECT_EQ(reply.body.size(), more_than_sockets_hold.size() + data.size() + 2 * 8);
  });
  EXPECT_TRUE(again.take());
  EXPECT_TRUE(stream->writable());
  EXPECT_TRUE(stream->send(data));
  stream->finish();
  reader.join();
}

TEST(Stream, LosesAProducerThatIgnoresASlowReader) {
  ServerConfig config = local_config();
  config.stream_buffer_bytes = 64 << 10;
  StreamServer it(config);
  RawClient client(it.server.address());
  client.small_receive_buffer();
  client.get("/stream");
  auto stream = it.streams.take();
  const std::string data(8 << 10, 'x');
  int64_t sent = 0;
  while (stream->send(data) && sent < 4096) ++sent;
  EXPECT_LT(sent, 4096) << "memory is bounded";
  EXPECT_EQ(it.closed.take(), ClosedBecause::slow_reader);
}

TEST(Stream, LosesASlowReaderAlsoWhileAWriteStalls) {
  ServerConfig config = local_config();
  config.stream_buffer_bytes = 48 << 20;
  config.write_timeout_ms = 3'600'000;  // not what ends it
  StreamServer it(config);
  RawClient client(it.server.address());
  client.small_receive_buffer();
  client.get("/stream");
  auto stream = it.streams.take();
  const std::string more_than_sockets_hold(32 << 20, 'x');
  ASSERT_TRUE(stream->send(more_than_sockets_hold));
  // The head leaves with the first bytes: their write has begun, and cannot end.
  ASSERT_EQ(client.reply_head().status, 200);
  while (stream->send(std::string(1 << 20, 'x'))) std::this_thread::yield();
  EXPECT_EQ(it.closed.take(), ClosedBecause::slow_reader);
}

TEST(Stream, LosesAReaderThatTakesNothing) {
  ServerConfig config = local_config();
  config.stream_buffer_bytes = 64 << 10;
  config.write_timeout_ms = 100;
  StreamServer it(config);
  RawClient client(it.server.address());
  client.small_receive_buffer();
  client.get("/stream");
  auto stream = it.streams.take();
  const std::string data(8 << 10, 'x');
  // Sending on as the kernel takes it, until it takes no more.
  while (!stream->closed())
    if (!stream->writable() || !stream->send(data)) std::this_thread::yield();
  EXPECT_EQ(it.closed.take(), ClosedBecause::slow_reader);
}

TEST(Stream, KeepsAQuietConnectionAlive) {
  ServerConfig config = local_config();
  config.keep_alive_ms = 20;
  StreamServer it(config);
  RawClient client(it.server.address());
  client.get("/stream");
  auto stream = it.streams.take();
  EXPECT_EQ(client.reply_head().status, 200) << "the first comment carries the status out";
  EXPECT_EQ(client.read_until("\n\n"), ": keep-alive\n\n");
  stream->send("x");
  EXPECT_NE(client.read_until("data: x\n\n").find("data: x\n\n"), std::string::npos);
  stream->finish();
}

TEST(Stream, KeepAlivesCanBeTurnedOff) {
  ServerConfig config = local_config();
  config.keep_alive_ms = 0;
  StreamServer it(config);
  RawClient client(it.server.address());
  client.get("/stream");
  auto stream = it.streams.take();
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  stream->send("x");
  stream->finish();
  EXPECT_EQ(client.reply().body, "data: x\n\n");
}

TEST(Stream, BlankLinesComeBeforeAJsonBodyThatTakesLong) {
  ServerConfig config = local_config();
  config.keep_alive_ms = 20;
  Mailbox<Exchange> waiting;
  TestServer server(
      [&](Router& router) {
        router.add({"POST",
                    "/slow",
                    Access::open(),
                    [&](const Exchange& exchange) { waiting.put(exchange); },
                    {.blank_keep_alive = true}});
      },
      config);
  RawClient client(server.address());
  client.post("/slow", "{}");
  auto exchange = waiting.take();
  const Reply head = client.reply_head();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("Content-Type"), "application/json");
  EXPECT_EQ(client.read_until("\n").substr(0, 1), "\n");
  exchange->fail(RequestError(503, "too late"));
  const std::string rest = client.read_until("never");
  EXPECT_NE(rest.find("{\"error\":{\"message\":\"too late\""), std::string::npos);
  EXPECT_EQ(server.record()->status, 503) << "the log has the real outcome";
  client.post("/slow", "{}");
  waiting.take()->reply(json_reply("{}"));
  EXPECT_EQ(client.reply().status, 200) << "the connection lives on";
}

TEST(Stream, ToHttp10EndsWithTheConnection) {
  StreamServer it;
  RawClient client(it.server.address());
  client.send("GET /stream HTTP/1.0\r\n\r\n");
  auto stream = it.streams.take();
  stream->send("x");
  stream->done();
  const Reply reply = client.reply();
  EXPECT_FALSE(reply.chunked);
  EXPECT_EQ(reply.body, "data: x\n\ndata: [DONE]\n\n");
}

TEST(Stream, ManyProducersKeepTheirBytesWhole) {
  StreamServer it;
  RawClient client(it.server.address());
  client.get("/stream");
  auto stream = it.streams.take();
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 250; ++i) EXPECT_TRUE(stream->send(std::string(10, char('a' + t))));
    });
  for (auto& thread : threads) thread.join();
  stream->finish();
  const Reply reply = client.reply();
  EXPECT_EQ(reply.body.size(), 1000U * 18);
  for (size_t at = 0; at < reply.body.size(); at += 18)
    ASSERT_EQ(reply.body.substr(at + 6, 10), std::string(10, reply.body[at + 6]));
}

}  // namespace
}  // namespace deepseek::serve
