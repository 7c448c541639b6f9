// SPDX-License-Identifier: Apache-2.0
#include "serve/http/server.h"

#include <gtest/gtest.h>

#include "tests/serve/http/raw_client.h"

namespace deepseek::serve {
namespace {

using testing::RawClient;

TEST(HttpServer, AnswersAndKeepsTheConnection) {
  Router router;
  router.add({"GET", "/hello/{name}", Access::open(), answering([](const HttpRequest& request) {
                return text_reply("hello " + std::string(request.path_value("name")));
              })});
  HttpServer server({.listen = {{"127.0.0.1", 0}}}, std::move(router));
  server.start();
  RawClient client(server.addresses()[0]);
  for (const char* name : {"a", "b%20c"}) {
    const RawClient::Reply reply = client.ask(std::string("/hello/") + name);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, std::string("hello ") + (name[1] ? "b c" : "a"));
    EXPECT_TRUE(reply.has("x-request-id"));
  }
}

}  // namespace
}  // namespace deepseek::serve
