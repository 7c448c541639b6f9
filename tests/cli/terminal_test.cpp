// SPDX-License-Identifier: Apache-2.0
// The chat of `deepseek run`, typed at a terminal. The model is tiny; a bias makes it say "he" over
// and over, so that what to wait for is known.
#include "tests/cli/terminal.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <regex>

#include "core/file.h"
#include "core/json.h"
#include "tests/cli/tiny_model.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::cli {
namespace {

using namespace deepseek::testing;
using nlohmann::json;

// The terminal is asked to mark pastes before a prompt, not when a line is drawn again.
constexpr const char* prompt = "\x1b[?2004h> ";
constexpr const char* more_prompt = "\x1b[?2004h. ";
constexpr const char* left = "\x1b[D";
constexpr const char* up = "\x1b[A";
constexpr const char* ctrl_c = "\x03";
constexpr const char* ctrl_d = "\x04";

class AtTerminal : public ::testing::Test {
 protected:
  AtTerminal() : model((folder.path() / "model").string()) { write_model(4096); }

  void write_model(int64_t context) {
    json config = small_config();
    config["max_position_embeddings"] = context;
    write_small_model(model, config);
    // Characters that the tiny vocabulary lacks may be typed.
    json tokenizer = json::parse(small_tokenizer());
    tokenizer["model"]["unk_token"] = "!";
    folder.write("model/tokenizer.json", tokenizer.dump());
  }
  /// A model that talks for longer than any test waits.
  void write_long_model() { write_model(200'000); }

  Call chat(std::vector<std::string> more = {"--max-tokens", "4"},
            std::map<std::string, std::string> environment = {}) const {
    Call call{{"run", model, "--logit-bias", "95=1000"}};
    call.arguments.insert(call.arguments.end(), more.begin(), more.end());
    call.environment = std::move(environment);
    return call;
  }

  std::string file(const char* name) const { return (folder.path() / name).string(); }

  /// What the chat takes for its messages, the user's ones only.
  std::vector<std::string> questions(Terminal& terminal) {
    const std::string path = file("questions.json");
    terminal.type("/save " + path + "\r");
    EXPECT_TRUE(terminal.see("messages written to")) << terminal.shown();
    EXPECT_TRUE(terminal.see(prompt)) << terminal.shown();
    std::vector<std::string> texts;
    const json page = json::parse(read_text_file(path));
    for (const json& message : page.at("messages"))
      if (message.at("role") == "user") texts.push_back(message.at("content"));
    return texts;
  }

  TemporaryFolder folder;
  std::string model;
};

#define EXPECT_SEEN(terminal, text) EXPECT_TRUE((terminal).see(text)) << (terminal).shown()
#define ASSERT_SEEN(terminal, text) ASSERT_TRUE((terminal).see(text)) << (terminal).shown()

TEST_F(AtTerminal, AnswersUntilCtrlD) {
  Terminal terminal(chat());
  ASSERT_SEEN(terminal, "is ready. /help lists commands, Ctrl-D leaves.");
  ASSERT_SEEN(terminal, prompt);
  terminal.type("hello\r");
  ASSERT_SEEN(terminal, "hehehehe\r\n");
  EXPECT_SEEN(terminal, "the answer ended at the length limit");
  EXPECT_SEEN(terminal, "4 tokens, ");
  EXPECT_SEEN(terminal, "tokens/s");
  ASSERT_SEEN(terminal, prompt);
  terminal.type("again\r");
  ASSERT_SEEN(terminal, "hehehehe\r\n");
  ASSERT_SEEN(terminal, prompt);
  EXPECT_EQ(questions(terminal), (std::vector<std::string>{"hello", "again"}));
  terminal.type(ctrl_d);
  EXPECT_EQ(terminal.end(), 0);
}

TEST_F(AtTerminal, LinesAreEdited) {
  Terminal terminal(chat());
  ASSERT_SEEN(terminal, prompt);
  const auto ask = [&](const std::string& keys) {
    terminal.type(keys + "\r");
    EXPECT_SEEN(terminal, "hehehehe");
    EXPECT_SEEN(terminal, "tokens/s");
    EXPECT_SEEN(terminal, prompt);
  };
  ask(std::string("helo") + left + "l");
  ask("abx\x7f"
      "c");                     // backspace
  ask("world\x01hello \x05!");  // to the beginning, to the end
  ask("keep this\x1b"
      "b\x0b");  // a word back, erase to the end
  ask("你好吗\x7f\x7f们");
  ask(up);
  ask(std::string(300, 'w'));  // longer than the screen is wide
  const std::vector<std::string> expected{"hello", "abc",  "hello world!",       "keep ",
                                          "你们",  "你们", std::string(300, 'w')};
  EXPECT_EQ(questions(terminal), expected);
}

TEST_F(AtTerminal, AMessageMayHaveSeveralLines) {
  Terminal terminal(chat());
  ASSERT_SEEN(terminal, prompt);
  terminal.type("one\\\r");
  ASSERT_SEEN(terminal, more_prompt);
  terminal.type("two\r");
  ASSERT_SEEN(terminal, "hehehehe");
  ASSERT_SEEN(terminal, prompt);
  terminal.type("\"\"\"a\r");
  ASSERT_SEEN(terminal, more_prompt);
  terminal.type("b\\\r");
  ASSERT_SEEN(terminal, more_prompt);
  terminal.type("\"\"\"\r");
  ASSERT_SEEN(terminal, "hehehehe");
  ASSERT_SEEN(terminal, prompt);
  // Alt-Enter.
  terminal.type("x\x1b\ry\r");
  ASSERT_SEEN(terminal, "hehehehe");
  ASSERT_SEEN(terminal, prompt);
  // A paste is marked by the terminal; its first line looks like a command, and is none.
  terminal.type("\x1b[200~// comment\rint\tx;\x1b[31m\r\x1b[201~done\r");
  ASSERT_SEEN(terminal, "hehehehe");
  ASSERT_SEEN(terminal, prompt);
  terminal.type(std::string(up) + "\r");
  ASSERT_SEEN(terminal, "hehehehe");
  ASSERT_SEEN(terminal, prompt);
  const std::string pasted = "// comment\nint\tx;[31m\ndone";
  const std::vector<std::string> expected{"one\ntwo", "a\nb\\\n", "x\ny", pasted, pasted};
  EXPECT_EQ(questions(terminal), expected);
}

TEST_F(AtTerminal, CtrlCStopsAnAnswerAndTheChatGoesOn) {
  write_long_model();
  Terminal terminal(chat({}));
  ASSERT_SEEN(terminal, prompt);
  for (int i = 0; i < 3; ++i) {
    terminal.type("hi\r");
    ASSERT_SEEN(terminal, "hehehehe");
    terminal.type(ctrl_c);
    ASSERT_SEEN(terminal, "stopped\r\n");
    EXPECT_SEEN(terminal, "tokens/s");
    ASSERT_SEEN(terminal, prompt);
  }
  EXPECT_EQ(questions(terminal), (std::vector<std::string>{"hi", "hi", "hi"}));
  terminal.type(ctrl_d);
  EXPECT_EQ(terminal.end(), 0);
}

TEST_F(AtTerminal, CtrlCAsAnAnswerEndsDoesNotSwallowTheNextMessage) {
  Terminal terminal(chat());
  ASSERT_SEEN(terminal, prompt);
  for (int i = 0; i < 5; ++i) {
    // It may come before the answer has ended, before the prompt is there, or later.
    terminal.type("hi\r");
    ASSERT_SEEN(terminal, "hehehehe");
    terminal.type(ctrl_c);
    ASSERT_SEEN(terminal, prompt);
  }
  EXPECT_EQ(questions(terminal).size(), 5u);
}

TEST_F(AtTerminal, CtrlCStopsTheReadingOfALongMessage) {
  write_long_model();
  Terminal terminal(chat({}));
  ASSERT_SEEN(terminal, prompt);
  std::string text;
  for (int i = 0; i < 4000; ++i) text += "line\r";
  terminal.type("\x1b[200~" + text + "\x1b[201~");
  terminal.type("\r");
  ASSERT_SEEN(terminal, "\x1b[?2004l");
  terminal.type(ctrl_c);
  ASSERT_SEEN(terminal, "stopped");
  ASSERT_SEEN(terminal, prompt);
  terminal.type(ctrl_d);
  EXPECT_EQ(terminal.end(), 0);
}

TEST_F(AtTerminal, CtrlCAtThePromptSaysHowToLeave) {
  Terminal terminal(chat());
  ASSERT_SEEN(terminal, prompt);
  terminal.type(ctrl_c);
  ASSERT_SEEN(terminal, "Ctrl-C once more, Ctrl-D or /bye leaves");
  ASSERT_SEEN(terminal, prompt);
  terminal.type("half a line");
  ASSERT_SEEN(terminal, "half a line");
  terminal.type(ctrl_c);
  ASSERT_SEEN(terminal, prompt);
  EXPECT_EQ(terminal.before().find("once more"), std::string::npos) << "it only drops the line";
  terminal.type("half a message\\\r");
  ASSERT_SEEN(terminal, more_prompt);
  terminal.type(ctrl_c);
  ASSERT_SEEN(terminal, prompt);
  EXPECT_EQ(questions(terminal), std::vector<std::string>{});
  terminal.type(ctrl_c);
  ASSERT_SEEN(terminal, "once more");
  ASSERT_SEEN(terminal, prompt);
  terminal.type(ctrl_c);
  EXPECT_EQ(terminal.end(), 130);
}

TEST_F(AtTerminal, CommandsAnswerAndErrorsNameTheRemedy) {
  Terminal terminal(chat());
  ASSERT_SEEN(terminal, prompt);
  const auto says = [&](const std::string& command, const std::string& text) {
    terminal.type(command + "\r");
    EXPECT_SEEN(terminal, text) << command;
    EXPECT_SEEN(terminal, prompt) << command;
  };
  says("/help", "/save FILE");
  says("/hlep", "/hlep: unknown command; did you mean /help?");
  says("/xyzzy", "/help lists them");
  says("/set temprature 1", "did you mean temperature?");
  says("/set color red", "expected one of temperature, top-k");
  says("/set temperature warm", "/set temperature: expected a number");
  says("/set temperature", "/set temperature: expected one value, got 0");
  says("/set temperature -1", "/set temperature: expected");
  says("/set temperature 0.5", "temperature 0.5\r\n");
  says("/set", "temperature 0.5\r\n");
  says("/think on", "reasoning on");
  says("/think perhaps", "/think: expected");
  says("/system Be brief.", "system message set");
  says("/system", "no system message");
  says("/load", "/load: expected a file name");
  says("/load " + file("none.json"), "none.json: ");
  says("/load " + folder.write("broken.json", "{\"messages\": [").string(), "not JSON");
  says("/load " + folder.write("other.json", "{\"a\": 1}").string(), "expected a list 'messages'");
  says("/load " + folder.write("odd.json", R"({"messages": [{"role": 1}]})").string(), "message 0");
  says("/save " + file("no/such/folder.json"), "folder.json");
  says("/save " + folder.write("notes.txt", "mine").string(), "is no saved conversation");
  EXPECT_EQ(read_text_file(file("notes.txt")), "mine");
  says("/stats", "0 messages");
  terminal.type("/bye\r");
  EXPECT_EQ(terminal.end(), 0);
}

TEST_F(AtTerminal, ASavedConversationGoesOn) {
  const std::string path = file("talk.json");
  {
    Terminal terminal(chat());
    ASSERT_SEEN(terminal, prompt);
    terminal.type("/system Be brief.\r");
    ASSERT_SEEN(terminal, prompt);
    terminal.type("first\r");
    ASSERT_SEEN(terminal, "hehehehe");
    ASSERT_SEEN(terminal, prompt);
    terminal.type("/save " + path + "\r");
    ASSERT_SEEN(terminal, "2 messages written to");
  }
  Terminal terminal(chat());
  ASSERT_SEEN(terminal, prompt);
  terminal.type("/load " + path + "\r");
  ASSERT_SEEN(terminal, "2 messages loaded");
  ASSERT_SEEN(terminal, prompt);
  terminal.type("second\r");
  ASSERT_SEEN(terminal, "hehehehe");
  ASSERT_SEEN(terminal, prompt);
  EXPECT_EQ(questions(terminal), (std::vector<std::string>{"first", "second"}));
  EXPECT_EQ(json::parse(read_text_file(file("questions.json"))).at("system"), "Be brief.");
  terminal.type("/clear\r");
  ASSERT_SEEN(terminal, "the conversation begins anew");
  ASSERT_SEEN(terminal, prompt);
  EXPECT_EQ(questions(terminal), std::vector<std::string>{});
}

TEST_F(AtTerminal, AFullContextIsSaidAndNothingIsDropped) {
  Terminal terminal(chat({"--ctx", "64"}));
  ASSERT_SEEN(terminal, prompt);
  terminal.type("hello\r");
  ASSERT_SEEN(terminal, "the answer was cut off: the context is full; /clear begins anew, --ctx");
  ASSERT_SEEN(terminal, prompt);
  terminal.type("more\r");
  ASSERT_SEEN(terminal, "the context holds 64");
  ASSERT_SEEN(terminal, "the message was not added to the conversation; /clear begins a new one");
  ASSERT_SEEN(terminal, prompt);
  EXPECT_EQ(questions(terminal), std::vector<std::string>{"hello"});
  terminal.type("/clear\r");
  ASSERT_SEEN(terminal, prompt);
  terminal.type("hello\r");
  EXPECT_SEEN(terminal, "hehehehe");
}

TEST_F(AtTerminal, ReasoningIsDimmedWhereColourIsWanted) {
  // The template leaves the model inside its reasoning.
  const std::string settings = read_text_file(model + "/tokenizer_config.json");
  json config = json::parse(settings);
  config["chat_template"] = config.at("chat_template").get<std::string>() + "<think>\n";
  folder.write("model/tokenizer_config.json", config.dump());
  const auto shown = [&](std::map<std::string, std::string> environment) {
    Terminal terminal(chat({"--max-tokens", "4"}, std::move(environment)));
    EXPECT_SEEN(terminal, "> ");
    terminal.type("hello\r");
    EXPECT_SEEN(terminal, "tokens/s");
    EXPECT_SEEN(terminal, "> ");
    terminal.type(ctrl_d);
    EXPECT_EQ(terminal.end(), 0);
    return terminal.shown();
  };
  const std::regex colour("\x1b\\[[0-9;]*m");
  EXPECT_NE(shown({}).find("\x1b[2mhehehehe\x1b[0m"), std::string::npos);
  EXPECT_FALSE(std::regex_search(shown({{"NO_COLOR", "1"}}), colour));
  const std::string dumb = shown({{"TERM", "dumb"}});
  EXPECT_EQ(dumb.find('\x1b'), std::string::npos) << dumb;
  EXPECT_NE(dumb.find("hehehehe\r\n"), std::string::npos) << dumb;
}

TEST_F(AtTerminal, SpeaksChinese) {
  Terminal terminal(chat({"--max-tokens", "4"}, {{"DEEPSEEK_LANG", "zh"}, {"LC_ALL", "C"}}));
  ASSERT_SEEN(terminal, "已就绪");
  ASSERT_SEEN(terminal, prompt);
  terminal.type("hello\r");
  ASSERT_SEEN(terminal, "hehehehe");
  EXPECT_SEEN(terminal, "token/秒");
  ASSERT_SEEN(terminal, prompt);
  terminal.type("/save " + file("你好") + "\r");
  EXPECT_SEEN(terminal, "条消息写入");
  EXPECT_TRUE(std::filesystem::exists(file("你好")));
  ASSERT_SEEN(terminal, prompt);
  terminal.type("/help\r");
  EXPECT_SEEN(terminal, "开始新对话");
  ASSERT_SEEN(terminal, prompt);
  terminal.type(ctrl_d);
  EXPECT_EQ(terminal.end(), 0);
}

TEST_F(AtTerminal, HistoryOutlivesTheChatAndIsItsOwnersAlone) {
  const std::string state = file("state");
  const Call call = chat({"--max-tokens", "4"}, {{"XDG_STATE_HOME", state}});
  {
    Terminal terminal(call);
    ASSERT_SEEN(terminal, prompt);
    terminal.type("remember me\\\r");
    ASSERT_SEEN(terminal, more_prompt);
    terminal.type("well\r");
    ASSERT_SEEN(terminal, "hehehehe");
    ASSERT_SEEN(terminal, prompt);
    terminal.type(ctrl_d);
    EXPECT_EQ(terminal.end(), 0);
  }
  const auto permissions = std::filesystem::status(state + "/deepseek/history").permissions();
  EXPECT_EQ(permissions, std::filesystem::perms(0600));
  Terminal terminal(call);
  ASSERT_SEEN(terminal, prompt);
  terminal.type(std::string(up) + "\r");
  ASSERT_SEEN(terminal, "hehehehe");
  ASSERT_SEEN(terminal, prompt);
  EXPECT_EQ(questions(terminal), std::vector<std::string>{"remember me\nwell"});
}

TEST_F(AtTerminal, LinesSurviveAResizedWindow) {
  Terminal terminal(chat());
  ASSERT_SEEN(terminal, prompt);
  terminal.type("hello");
  ASSERT_SEEN(terminal, "hello");
  terminal.resize(10, 30);
  terminal.type(" world\r");
  ASSERT_SEEN(terminal, "hehehehe");
  ASSERT_SEEN(terminal, prompt);
  EXPECT_EQ(questions(terminal), std::vector<std::string>{"hello world"});
}

TEST_F(AtTerminal, TerminationGivesTheTerminalBack) {
  Terminal terminal(chat());
  ASSERT_SEEN(terminal, prompt);
  terminal.signal(SIGTERM);
  EXPECT_SEEN(terminal, "\x1b[?2004l");
  EXPECT_EQ(terminal.end(), -SIGTERM);
}

}  // namespace
}  // namespace deepseek::cli
