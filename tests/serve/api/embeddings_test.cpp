// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstring>

#include "core/base64.h"
#include "tests/serve/api/dialect_server.h"
#include "tests/serve/http/test_server.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using testing::DialectServer;
using testing::eventually;

class Embeddings : public DialectServer {
 protected:
  static constexpr const char* path = "/v1/embeddings";
  json vectors(const json& body) {
    json out = json::array();
    const json page = answer(path, body);
    for (const json& one : page["data"]) {
      EXPECT_EQ(one["index"], out.size());
      out.push_back(one["embedding"]);
    }
    return out;
  }
};

TEST_F(Embeddings, HaveTheSameBitsAloneAndInABatch) {
  start();
  for (const char* pooling : {"mean", "last"}) {
    json texts = json::array();
    for (int i = 0; i < 40; ++i) texts.push_back(std::string(1 + 7 * i, char('a' + i % 26)));
    const json together = vectors({{"input", texts}, {"pooling", pooling}});
    ASSERT_EQ(together.size(), texts.size());
    for (const size_t i : {0, 7, 39})
      EXPECT_EQ(vectors({{"input", texts[i]}, {"pooling", pooling}})[0], together[i]);
  }
}

TEST_F(Embeddings, AreAsWideAsTheModelAndOfUnitLength) {
  start();
  const json page = answer(path, {{"input", "he he"}, {"model", "tiny"}});
  EXPECT_EQ(page["object"], "list");
  EXPECT_EQ(page["model"], "tiny");
  EXPECT_EQ(page["pooling"], "mean");
  EXPECT_EQ(page["usage"]["prompt_tokens"], page["usage"]["total_tokens"]);
  const json& vector = page["data"][0]["embedding"];
  ASSERT_EQ(vector.size(), 64U);
  double square = 0;
  for (const json& value : vector) square += value.get<double>() * value.get<double>();
  EXPECT_NEAR(square, 1, 1e-5);
  const json raw = vectors({{"input", "he he"}, {"normalize", false}})[0];
  EXPECT_NE(raw, vector);
  EXPECT_NE(vectors({{"input", "he he"}, {"pooling", "last"}})[0], vector);
}

TEST_F(Embeddings, TakeTokenIdsAndGiveBase64) {
  start();
  const json ids = answer("/tokenize", {{"prompt", "he he"}, {"parse_special", false}})["tokens"];
  const json text = vectors({{"input", "he he"}})[0];
  EXPECT_EQ(vectors({{"input", ids}})[0], text);
  EXPECT_EQ(vectors({{"input", {ids, ids}}})[1], text);
  const json packed = vectors({{"input", "he he"}, {"encoding_format", "base64"}})[0];
  std::string bytes;
  for (const json& value : text) {
    const auto one = value.get<float>();
    char raw[sizeof(one)];
    std::memcpy(raw, &one, sizeof(one));
    bytes.append(raw, sizeof(one));
  }
  EXPECT_EQ(packed, to_base64(bytes));
}

TEST_F(Embeddings, ArePaidFor) {
  const std::string secret = key_with(1'000).secret;
  start(
      "currency: USD\nzone: UTC\nmodels:\n"
      "  tiny: [{from: 2020-01-01, hit: 1, miss: 2, output: 4}]\n");
  const auto reply = post(path, {{"input", {"he he", "x"}}}, secret);
  ASSERT_EQ(reply.status, 200) << reply.body;
  ASSERT_EQ(charges().size(), 1U);
  EXPECT_EQ(charges()[0].tokens.miss, json::parse(reply.body)["usage"]["prompt_tokens"]);
  EXPECT_EQ(charges()[0].outcome, "complete");
  EXPECT_EQ(post(path, {{"input", std::string(1500, 'x')}}, secret).status, 402);
}

TEST_F(Embeddings, EndWhenTheClientLeaves) {
  const store::NewKey key = key_with(100'000'000);
  start(
      "currency: USD\nzone: UTC\nmodels:\n"
      "  tiny: [{from: 2020-01-01, hit: 1, miss: 2, output: 4}]\n");
  const json texts(2000, std::string(1500, 'x'));
  {
    testing::RawClient client(address());
    client.post(path, json{{"input", texts}}.dump(),
                "Content-Type: application/json\r\n" + sent(key.secret));
    // Who leaves before anything was computed pays nothing.
    ASSERT_TRUE(
        eventually([&] { return json::parse(get("/props", key.secret).body)["running"] > 0; }));
    client.close();
  }
  ASSERT_TRUE(eventually([&] { return charges().size() == 1; }));
  EXPECT_EQ(charges()[0].outcome, "aborted");
  EXPECT_LT(charges()[0].tokens.miss, 2000 * 1500);
}

TEST_F(Embeddings, RefuseWhatTheyCannotDo) {
  start();
  expect_refused(path, {{"input", "x"}, {"dimensions", 32}}, 422, {"\"dimensions\"", "64"});
  EXPECT_EQ(vectors({{"input", "x"}, {"dimensions", 64}}).size(), 1U);
  expect_refused(path, {{"input", json::array()}}, 422, {"\"input\""});
  expect_refused(path, {{"input", {1, 5000}}}, 422, {"\"input\"", "5000"});
  expect_refused(path, {{"input", 3}}, 400, {"\"input\""});
  const json many(2049, "x");
  expect_refused(path, {{"input", many}}, 422, {"\"input\"", "at most 2048 items, got 2049"});
  expect_refused("/v1/completions", {{"prompt", many}}, 422, {"at most 2048 items, got 2049"});
  expect_refused(path, {{"model", "tiny"}}, 400, {"\"input\""});
  expect_refused(path, {{"input", "x"}, {"encoding_format", "hex"}}, 422, {"encoding_format"});
  expect_refused(path, {{"input", std::string(5000, 'x')}}, 400,
                 {"context_length_exceeded", "\"input\""});
}

}  // namespace
}  // namespace deepseek::serve
