// SPDX-License-Identifier: Apache-2.0
// The files of the web page.
#include <gtest/gtest.h>

#include <regex>

#include "serve/http/server.h"
#include "serve/web/asset.h"
#include "serve/web/web_page.h"
#include "tests/serve/http/raw_client.h"

namespace deepseek::serve {
namespace {

using testing::RawClient;

class PageFiles : public ::testing::Test {
 protected:
  PageFiles() : server({.listen = {{"127.0.0.1", 0}}}, routes()) { server.start(); }
  static Router routes() {
    Router router;
    add_web_routes(router);
    return router;
  }
  RawClient::Reply get(const std::string& path, const std::string& more = "") {
    RawClient client(server.addresses().front());
    return client.ask(path, more);
  }
  HttpServer server;
};

TEST_F(PageFiles, ThePageNamesFilesThatAreThere) {
  const RawClient::Reply page = get("/");
  ASSERT_EQ(page.status, 200);
  EXPECT_EQ(page.field("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.field("Cache-Control"), "no-cache");
  const std::regex named(R"re((?:src|href)="([^"]+)")re");
  int files = 0;
  for (std::sregex_iterator at(page.body.begin(), page.body.end(), named), end; at != end; ++at) {
    const RawClient::Reply file = get("/" + at->str(1));
    EXPECT_EQ(file.status, 200) << at->str(1);
    EXPECT_EQ(file.field("Cache-Control"), "public, max-age=31536000, immutable");
    EXPECT_FALSE(file.body.empty());
    ++files;
  }
  EXPECT_GE(files, 4);
}

TEST_F(PageFiles, NothingInlineRunsAndNothingElseIsReached) {
  const RawClient::Reply page = get("/");
  const std::string policy = page.field("Content-Security-Policy");
  EXPECT_TRUE(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
  EXPECT_EQ(policy.find("unsafe"), policy.npos);
  EXPECT_NE(policy.find("frame-ancestors 'none'"), policy.npos);
  EXPECT_EQ(page.field("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(page.field("Referrer-Policy"), "no-referrer");
  EXPECT_EQ(page.body.find("<style"), page.body.npos);
  EXPECT_FALSE(
      std::regex_search(page.body, std::regex("<script(?![^>]*src=)|\\son\\w+=|\\sstyle=")));
}

TEST_F(PageFiles, ACopyThatIsCurrentIsNotSentAgain) {
  const std::string tag = get("/").field("ETag");
  ASSERT_FALSE(tag.empty());
  for (const std::string& sent : {tag, "W/" + tag, "\"other\", " + tag, std::string("*")}) {
    const RawClient::Reply again = get("/", "If-None-Match: " + sent + "\r\n");
    EXPECT_EQ(again.status, 304) << sent;
    EXPECT_TRUE(again.body.empty());
    EXPECT_EQ(again.field("ETag"), tag);
  }
  EXPECT_EQ(get("/", "If-None-Match: \"other\"\r\n").status, 200);
}

TEST_F(PageFiles, ArePackedForWhoTakesThat) {
  for (const WebAsset& asset : web_assets()) {
    if (!asset.name.starts_with("main-") || !asset.name.ends_with(".js")) continue;
    const std::string path = "/assets/" + std::string(asset.name);
    const RawClient::Reply packed = get(path, "Accept-Encoding: br, gzip;q=0.5\r\n");
    EXPECT_EQ(packed.field("Content-Encoding"), "gzip");
    EXPECT_EQ(packed.field("Vary"), "Accept-Encoding");
    EXPECT_LT(packed.body.size() * 2, asset.plain.text().size());
    const RawClient::Reply plain = get(path, "Accept-Encoding: gzip;q=0\r\n");
    EXPECT_FALSE(plain.has("Content-Encoding"));
    EXPECT_EQ(plain.body, asset.plain.text());
    EXPECT_NE(plain.field("ETag"), packed.field("ETag"));
    return;
  }
  FAIL() << "there is no main-….js";
}

TEST_F(PageFiles, OthersAreRefused) {
  EXPECT_EQ(get("/assets/nothing.js").status, 404);
  EXPECT_EQ(get("/assets/index.html").status, 404);
  EXPECT_EQ(get("/assets/..%2fetc%2fpasswd").status, 404);
  EXPECT_EQ(get("/assets/../x").status, 400);
}

}  // namespace
}  // namespace deepseek::serve
