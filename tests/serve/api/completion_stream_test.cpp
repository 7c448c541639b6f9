// SPDX-License-Identifier: Apache-2.0
// Several prompts in one stream, read more slowly than they are answered.
#include <set>

#include "tests/serve/api/accounted_server.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using testing::RawClient;

using CompletionStream = testing::AccountedServer;

TEST_F(CompletionStream, APromptThatEndsLeavesNoOtherBehindThatWaitsForTheReader) {
  config.http.stream_buffer_bytes = 1 << 10;
  start();
  const json body = {
      {"prompt", {"he", "x", "y", "he he", "xy", "yx"}},
      {"max_tokens", 24},
      {"seed", 5},
      {"ignore_eos", true},
      {"stream", true},
  };
  for (int round = 0; round < 40; ++round) {
    const RawClient::Reply reply = post("/v1/completions", body, "");
    ASSERT_EQ(reply.status, 200) << reply.body;
    ASSERT_TRUE(reply.complete);
    EXPECT_TRUE(reply.body.ends_with("data: [DONE]\n\n")) << reply.body;
    std::set<int> ended;
    for (size_t at = 0; (at = reply.body.find("data: {", at)) != std::string::npos; ++at) {
      const size_t begin = at + std::string("data: ").size();
      const json page = json::parse(reply.body.substr(begin, reply.body.find('\n', at) - begin));
      const json& choice = page.at("choices").at(0);
      if (choice.at("finish_reason") == "length") ended.insert(choice.at("index").get<int>());
    }
    EXPECT_EQ(ended, (std::set{0, 1, 2, 3, 4, 5}));
  }
}

}  // namespace
}  // namespace deepseek::serve
