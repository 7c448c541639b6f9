// SPDX-License-Identifier: Apache-2.0
// What a stream with return_progress tells before its first token.
#include "tests/serve/api/accounted_server.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using testing::RawClient;

class ReturnProgress : public testing::AccountedServer {
 protected:
  ReturnProgress() { one_at_a_time(); }

  static json completion(const json& more = json::object()) {
    json body = {{"prompt", "he he"}, {"max_tokens", 4}, {"stream", true}};
    body["return_progress"] = true;
    body.update(more);
    return body;
  }
  static json conversation() { return chat({{"stream", true}, {"return_progress", true}}); }
};

TEST_F(ReturnProgress, WhoWaitsIsToldTheirPlaceAndAgainWhenOneBeforeLeaves) {
  start();
  auto occupant = occupy();
  auto first = ask("/v1/chat/completions", conversation());
  EXPECT_EQ(first->reply_head().status, 200);
  EXPECT_NE(first->read_until("\n\n").find("\"choices\":[],\"queue_position\":1}"),
            std::string::npos);
  const auto second = ask("/v1/completions", completion());
  EXPECT_EQ(second->reply_head().status, 200);
  EXPECT_NE(second->read_until("\n\n").find("\"choices\":[],\"queue_position\":2}"),
            std::string::npos);
  const auto third = ask("/v1/chat/completions", conversation());
  EXPECT_EQ(third->reply_head().status, 200);
  EXPECT_NE(third->read_until("\n\n").find("\"queue_position\":3}"), std::string::npos);

  first.reset();
  EXPECT_NE(second->read_until("\n\n").find("\"queue_position\":1}"), std::string::npos);
  EXPECT_NE(third->read_until("\n\n").find("\"queue_position\":2}"), std::string::npos);
  occupant.reset();
  for (const auto* client : {&second, &third}) {
    const std::string rest = (*client)->read_until("[DONE]");
    const size_t progress = rest.find("\"prompt_progress\":{\"total\":");
    EXPECT_NE(progress, std::string::npos) << rest;
    EXPECT_LT(progress, rest.find("\"index\":0"));
  }
}

TEST_F(ReturnProgress, IsToldByWhoAsksAlone) {
  start();
  for (const char* path : {"/v1/chat/completions", "/v1/completions"}) {
    json body = path == std::string("/v1/completions") ? completion() : conversation();
    EXPECT_NE(post(path, body, "").body.find("\"prompt_progress\""), std::string::npos);
    body["stream"] = false;
    EXPECT_EQ(post(path, body, "").body.find("progress"), std::string::npos);
    body.update({{"stream", true}, {"return_progress", false}});
    EXPECT_EQ(post(path, body, "").body.find("progress"), std::string::npos);
  }
}

TEST_F(ReturnProgress, NamesThePromptWhereThereAreSeveral) {
  start();
  const std::string one = post("/v1/completions", completion(), "").body;
  EXPECT_EQ(one.find("prompt_index"), std::string::npos);
  const std::string two =
      post("/v1/completions", completion({{"prompt", {"he", "x"}}, {"n", 2}}), "").body;
  for (const char* index : {"\"prompt_index\":0", "\"prompt_index\":1"})
    EXPECT_NE(two.find(index), std::string::npos) << two;
  EXPECT_EQ(two.find("\"prompt_index\":2"), std::string::npos);
}

}  // namespace
}  // namespace deepseek::serve
