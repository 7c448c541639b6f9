// SPDX-License-Identifier: Apache-2.0
#include "serve/http/replay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "tests/serve/http/test_server.h"

namespace deepseek::serve {
namespace {

using namespace deepseek::testing;

/// GET /stream begins one or, with Last-Event-ID, goes on with it.
struct ReplayServer {
  ReplayStore store;
  Mailbox<ReplayStream> begun;
  Mailbox<bool> followed;
  TestServer server;

  explicit ReplayServer(ReplayConfig config = {},
                        const ServerConfig& server_config = local_config())
      : store(config),
        server(
            [this](Router& router) {
              router.add({"GET", "/stream", Access::open(), [this](Exchange exchange) {
                            const std::string_view last =
                                exchange.request().header("Last-Event-ID");
                            if (last.empty()) {
                              ReplayStream stream = store.open("owner");
                              stream.follow(exchange.stream());
                              begun.put(stream);
                              return;
                            }
                            auto position = store.find(last, "owner");
                            position.stream.follow(exchange.stream(), position.after);
                            followed.put(true);
                          }});
            },
            server_config) {}
};

std::string last_id(const std::string& body) {
  const size_t at = body.rfind("id: ");
  return body.substr(at + 4, body.find('\n', at) - at - 4);
}

TEST(Replay, ACutStreamGoesOnByteForByte) {
  ReplayServer it;
  RawClient whole(it.server.address());
  whole.get("/stream");
  auto stream = it.begun.take();
  ASSERT_TRUE(stream);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(stream->send("event " + std::to_string(i)));
  whole.reply_head();
  const std::string before = whole.read_until("event 4\n\n");
  whole.close();
  // Goes on while nobody reads.
  EXPECT_TRUE(eventually([&] { return it.server.server().counts().connections == 0; }));
  EXPECT_TRUE(stream->send("event 5"));

  RawClient again(it.server.address());
  again.get("/stream", "Last-Event-ID: " + last_id(before) + "\r\n");
  ASSERT_TRUE(it.followed.take());
  EXPECT_TRUE(stream->send("event 6"));
  stream->done();
  const std::string after = again.reply().body;

  // An uncut reading of the same stream.
  RawClient uncut(it.server.address());
  uncut.get("/stream", "Last-Event-ID: " + stream->id() + ".0\r\n");
  EXPECT_EQ(uncut.reply().body, before + after);
  EXPECT_NE(after.find("event 5"), std::string::npos);
  EXPECT_EQ(after.find("event 4"), std::string::npos);
  EXPECT_NE(after.find(stream->id() + ".8\ndata: [DONE]\n\n"), std::string::npos);
}

TEST(Replay, TheNewReaderReplacesTheOld) {
  ReplayServer it;
  RawClient first(it.server.address()), second(it.server.address());
  first.get("/stream");
  auto stream = it.begun.take();
  stream->send("a");
  first.reply_head();
  first.read_until("a\n\n");
  second.get("/stream", "Last-Event-ID: " + stream->id() + ".1\r\n");
  ASSERT_TRUE(it.followed.take());
  EXPECT_EQ(first.read_until("never"), "") << "let go, in order";
  stream->send("b");
  stream->finish();
  EXPECT_NE(second.reply().body.find("data: b"), std::string::npos);
}

TEST(Replay, RefusesWhatItCannotGoOnWith) {
  ReplayServer it({.stream_bytes = 2000});
  RawClient client(it.server.address());
  client.get("/stream");
  auto stream = it.begun.take();
  for (int i = 0; i < 100; ++i) {
    stream->send(std::string(100, 'x'));
    if (i == 0) client.reply_head();
    client.read_until("\n\n");
  }
  stream->finish();
  const auto ask = [&](const std::string& id) {
    RawClient other(it.server.address());
    return other.ask("/stream", "Last-Event-ID: " + id + "\r\n").status;
  };
  EXPECT_EQ(ask(stream->id() + ".1"), 410) << "forgotten";
  EXPECT_EQ(ask(stream->id() + ".500"), 400) << "not there yet";
  EXPECT_EQ(ask(std::string(32, '0') + ".1"), 404);
  EXPECT_EQ(ask("nonsense"), 400);
  EXPECT_EQ(ask(stream->id() + ".99999999999999999999"), 400);
  EXPECT_EQ(ask(stream->id() + ".100"), 200);
  EXPECT_THROW(it.store.find(stream->id() + ".1", "another"), RequestError);
  EXPECT_LE(it.store.bytes(), 2200);
}

TEST(Replay, IsForgottenAfterItsTime) {
  ReplayStore store({.ttl_ms = 100'000});
  ReplayStream stream = store.open("owner");
  Mailbox<bool> told;
  stream.on_abandoned([&] { told.put(true); });
  stream.send("x");
  const auto now = std::chrono::steady_clock::now();
  store.sweep(now);
  EXPECT_EQ(store.streams(), 1);
  EXPECT_TRUE(told.empty());
  store.sweep(now + std::chrono::seconds(101));
  EXPECT_TRUE(told.take()) << "its producer may stop";
  EXPECT_FALSE(stream.send("y"));
  EXPECT_EQ(store.streams(), 0);
}

TEST(Replay, IsBoundedInStreams) {
  ReplayStore store({.streams = 2});
  ReplayStream a = store.open("o"), b = store.open("o");
  EXPECT_THROW(store.open("o"), RequestError);
  a.finish();
  const ReplayStream c = store.open("o");
  EXPECT_THROW(store.find(a.id() + ".0", "o"), RequestError) << "the ended one gave way";
  EXPECT_NO_THROW(store.find(b.id() + ".0", "o"));
}

TEST(Replay, HoldsTheProducerBackForAReader) {
  ServerConfig config = local_config();
  config.stream_buffer_bytes = 16 << 10;
  ReplayServer it({.stream_bytes = 64 << 10}, config);
  RawClient client(it.server.address());
  client.small_receive_buffer();
  client.get("/stream");
  auto stream = it.begun.take();
  int64_t sent = 0;
  const std::string data(1000, 'x');
  while (stream->writable()) {
    ASSERT_TRUE(stream->send(data));
    ASSERT_LT(++sent, 100'000);
  }
  Mailbox<bool> writable;
  stream->on_writable([&] { writable.put(true); });
  std::string body;
  std::thread reader([&] { body = client.reply().body; });
  EXPECT_TRUE(writable.take());
  stream->finish();
  reader.join();
  EXPECT_EQ(std::count(body.begin(), body.end(), 'x'), sent * 1000) << "nothing was skipped";
}

}  // namespace
}  // namespace deepseek::serve
