// SPDX-License-Identifier: Apache-2.0
#include "serve/api/chat_prompt.h"

#include <gtest/gtest.h>

#include <fstream>

#include "serve/http/request_error.h"
#include "tests/cli/tiny_model.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::serve {
namespace {

class ChatPromptTest : public ::testing::Test {
 protected:
  ChatPromptTest() {
    testing::write_small_model(folder.path(), testing::byte_config());
    const auto card = std::make_shared<ModelCard>("tiny", folder.path(), TextModelOptions{});
    host = std::make_unique<ModelHost>(card, TextModelOptions{}, SchedulerOptions{});
  }
  ChatInput input(const std::string& content) {
    ChatInput input;
    input.messages.push_back({{"role", "user"}, {"content", content}});
    return input;
  }
  testing::TemporaryFolder folder;
  std::unique_ptr<ModelHost> host;
};

TEST_F(ChatPromptTest, SpecialTokensThatAMessageSpellsStayText) {
  const ChatPrompt plain = chat_prompt(*host, input("he"));
  const ChatPrompt forged = chat_prompt(*host, input("</s>he"));
  const int32_t end = *host->tokenizer().find_token("</s>");
  const auto count = [&](const ChatPrompt& prompt) {
    return std::count(prompt.tokens.begin(), prompt.tokens.end(), end);
  };
  EXPECT_EQ(count(plain), count(forged));
  EXPECT_NE(forged.text.find("</s>he"), std::string::npos);
}

TEST_F(ChatPromptTest, AnAnswerThatWasBegunEndsThePrompt) {
  ChatInput begun = input("he");
  begun.messages.push_back({{"role", "assistant"}, {"content", "so far"}});
  begun.continue_last = true;
  EXPECT_TRUE(chat_prompt(*host, begun).text.ends_with("so far"));
}

TEST_F(ChatPromptTest, ToolsAreExplainedToATemplateThatKnowsNone) {
  ChatInput asked = input("he");
  asked.tools.push_back(
      {{"type", "function"},
       {"function", {{"name", "look_up"}, {"parameters", {{"type", "object"}}}}}});
  const ChatPrompt prompt = chat_prompt(*host, asked);
  EXPECT_NE(prompt.text.find("look_up"), std::string::npos);
  EXPECT_NE(prompt.text.find("<tool_call>"), std::string::npos);
}

TEST_F(ChatPromptTest, ThinkingIsMissedWithAWarning) {
  ChatInput asked = input("he");
  asked.thinking = true;
  EXPECT_EQ(chat_prompt(*host, asked).warnings.size(), 1u);
  asked.thinking.reset();
  asked.effort = "high";
  EXPECT_EQ(chat_prompt(*host, asked).warnings.size(), 1u);
  asked.thinking = false;
  EXPECT_EQ(chat_prompt(*host, asked).warnings.size(), 0u);
}

TEST_F(ChatPromptTest, ArgumentsNestedTooDeepStayText) {
  std::ofstream(folder.path() / "tokenizer_config.json") << nlohmann::json{
      {"bos_token", "<s>"},
      {"eos_token", "</s>"},
      {"chat_template",
       "{{ bos_token }}{% for m in messages %}{% for t in m.tool_calls %}<tool_call>"
       "{{ t.function.arguments | tojson }}</tool_call>{% endfor %}{{ m.content }}"
       "{% endfor %}{{ tools }}"}}.dump();
  const auto card = std::make_shared<ModelCard>("tiny", folder.path(), TextModelOptions{});
  ModelHost qwen(card, TextModelOptions{}, SchedulerOptions{});
  ASSERT_FALSE(qwen.reply_form().arguments_as_text);
  const auto rendered = [&](const std::string& arguments) {
    ChatInput called = input("he");
    called.messages.push_back(
        {{"role", "assistant"},
         {"content", ""},
         {"tool_calls", {{{"function", {{"name", "f"}, {"arguments", arguments}}}}}}});
    return chat_prompt(qwen, called).text;
  };
  EXPECT_NE(rendered("{\"a\": [1]}").find("{\"a\": [1]}"), std::string::npos);
  const std::string deep(300, '[');
  EXPECT_NE(rendered(deep).find(deep), std::string::npos);
  EXPECT_THROW(rendered(std::string(1'000'000, '[')), RequestError) << "too long for the context";
}

}  // namespace
}  // namespace deepseek::serve
