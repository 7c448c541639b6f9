// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/serve/api/accounted_server.h"
#include "tests/serve/http/test_server.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using Traces = testing::AccountedServer;

TEST_F(Traces, SampledRequestsReachTheCollector) {
  testing::Mailbox<std::string> bodies;
  testing::TestServer collector([&](Router& router) {
    router.add({"POST", "/v1/traces", Access::open(), answering([&](const HttpRequest& request) {
                  bodies.put(request.body);
                  return json_reply("{}");
                })});
  });
  config.otlp_endpoint = concat("http://127.0.0.1:", collector.address().port);
  start();
  EXPECT_EQ(post("/v1/chat/completions", chat(), "",
                 "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n")
                .status,
            200);
  const auto body = bodies.take();
  ASSERT_TRUE(body);
  const json span = json::parse(*body)["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
  EXPECT_EQ(span["traceId"], "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(span["name"], "POST /v1/chat/completions");
  EXPECT_NE(span["attributes"].dump().find("gen_ai.usage.output_tokens"), std::string::npos);
}

TEST_F(Traces, AnEndpointThatIsNoneIsRefused) {
  config.otlp_endpoint = "collector:4318";
  EXPECT_THROW(start(), Error);
}

}  // namespace
}  // namespace deepseek::serve
