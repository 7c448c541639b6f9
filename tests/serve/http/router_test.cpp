// SPDX-License-Identifier: Apache-2.0
#include "serve/http/router.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "core/error.h"
#include "serve/http/trace_context.h"

namespace deepseek::serve {
namespace {

Handler nothing() {
  return answering([](const HttpRequest&) { return HttpReply{}; });
}

// A route without declared access does not compile.
static_assert(!std::is_default_constructible_v<Access>);
static_assert(!std::is_constructible_v<Route, std::string, std::string, Handler>);

TEST(Router, MostLiteralPatternWins) {
  Router router;
  for (const char* pattern : {"/v1/models", "/v1/models/{model*}", "/v1/models/{model}/files",
                              "/v1/models/mine/files", "/{file*}"})
    router.add({"GET", pattern, Access::open(), nothing()});
  router.add({"POST", "/v1/chat", Access::scope("inference"), nothing()});
  const auto pattern = [&](std::string_view path) {
    const Router::Match match = router.match("GET", path);
    return match.route ? match.route->pattern : std::string();
  };
  EXPECT_EQ(pattern("/v1/models"), "/v1/models");
  EXPECT_EQ(pattern("/v1/models/a"), "/v1/models/{model*}");
  EXPECT_EQ(pattern("/v1/models/a/files"), "/v1/models/{model}/files");
  EXPECT_EQ(pattern("/v1/models/mine/files"), "/v1/models/mine/files");
  EXPECT_EQ(pattern("/"), "/{file*}");
  EXPECT_EQ(pattern("/a/b.js"), "/{file*}");
  EXPECT_EQ(pattern("/v1/chat"), "") << "a catch-all does not hide a wrong method";
  EXPECT_EQ(router.match("GET", "/v1/chat").allowed, std::vector<std::string>{"POST"});
  EXPECT_EQ(router.match("GET", "/v1/models/deepseek-ai/V3").path_values.at("model"),
            "deepseek-ai/V3");
  EXPECT_EQ(router.match("GET", "/v1/models/a%2Fb/files").path_values.at("model"), "a/b");
  EXPECT_EQ(router.match("HEAD", "/v1/models").route, &router.routes()[0]);
}

TEST(Router, RefusesBadPatternsAndTwins) {
  Router router;
  router.add({"GET", "/a/{x}", Access::open(), nothing()});
  EXPECT_THROW(router.add({"GET", "/a/{y}", Access::open(), nothing()}), Error);
  EXPECT_NO_THROW(router.add({"POST", "/a/{y}", Access::open(), nothing()}));
  for (const char* bad : {"", "a", "/{", "/{}", "/a{x}", "/{x*}/b", "/{*}"})
    EXPECT_THROW(router.add({"GET", bad, Access::open(), nothing()}), Error) << bad;
  EXPECT_THROW(router.add({"GET", "/b", Access::open(), Handler()}), Error);
  EXPECT_THROW(Access::scope(""), Error);
}

TEST(Router, IsATableOfRoutesAndTheirAccess) {
  Router router;
  router.add({"/chat/completions", "/v1/chat/completions"},
             {"POST", "", Access::scope("inference"), nothing()});
  router.add({"GET", "/health", Access::open(), nothing()});
  ASSERT_EQ(router.routes().size(), 3U);
  EXPECT_EQ(router.routes()[1].pattern, "/v1/chat/completions");
  EXPECT_EQ(router.routes()[1].access.scope(), "inference");
  EXPECT_TRUE(router.routes()[2].access.is_open());
}

TEST(Router, DecodesPercents) {
  EXPECT_EQ(percent_decode("a%41+%e7%8c%ab"), "aA+猫");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  for (const char* bad : {"%", "%4", "%zz", "%00", "%0a", "%ff", "\x01"})
    EXPECT_FALSE(percent_decode(bad)) << bad;
}

TEST(TraceContext, FollowsItsStandard) {
  const std::string good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const TraceContext context = trace_of_request(good);
  EXPECT_EQ(context.trace_id, "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(context.parent_id, "b7ad6b7169203331");
  EXPECT_TRUE(context.sampled);
  EXPECT_NE(context.span_id, context.parent_id);
  EXPECT_EQ(context.traceparent(),
            "00-0af7651916cd43dd8448eb211c80319c-" + context.span_id + "-01");
  EXPECT_TRUE(parse_traceparent("cc" + good.substr(2) + "-what"));
  for (const std::string& bad :
       {std::string(), "ff" + good.substr(2), good + "-x",
        "00-" + std::string(32, '0') + good.substr(35),
        good.substr(0, 36) + std::string(16, '0') + "-01", good.substr(0, 54),
        std::string("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01")})
    EXPECT_FALSE(parse_traceparent(bad)) << bad;
  const TraceContext fresh = trace_of_request("nonsense");
  EXPECT_EQ(fresh.trace_id.size(), 32U);
  EXPECT_TRUE(fresh.parent_id.empty());
}

TEST(RequestId, IsTheClientsWhenItIsHarmless) {
  EXPECT_EQ(request_id_of("a.b_c:d-1"), "a.b_c:d-1");
  for (const std::string& bad : {std::string(), std::string(129, 'a'), std::string("a b"),
                                 std::string("a\"b"), std::string("猫")})
    EXPECT_EQ(request_id_of(bad).substr(0, 4), "req-");
  EXPECT_NE(request_id_of(""), request_id_of(""));
}

}  // namespace
}  // namespace deepseek::serve
