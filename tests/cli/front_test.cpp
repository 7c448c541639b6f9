// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <tuple>

#include "cli/command.h"
#include "cli/messages.h"
#include "cli/progress_line.h"
#include "cli/setting.h"
#include "core/json.h"
#include "tests/cli/run_deepseek.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::cli {
namespace {

using deepseek::testing::Call;
using deepseek::testing::Outcome;
using deepseek::testing::run_deepseek;
using deepseek::testing::TemporaryFolder;
using nlohmann::json;

TEST(Messages, EveryVerbAndFlagIsDescribedInBothLanguages) {
  for (const Language language : {Language::en, Language::zh}) {
    for (const Command& command : commands()) {
      EXPECT_FALSE(message(language, concat("verb.", command.name)).empty());
      EXPECT_FALSE(message(language, concat("verb.", command.name, ".about")).empty());
      EXPECT_FALSE(command.examples.empty()) << command.name;
      for (const std::string& word : split_words(command.flags))
        EXPECT_NE(find_setting(word), nullptr) << command.name << " --" << word;
      for (const std::string_view name : flag_names(command))
        EXPECT_FALSE(message(language, concat("flag.", name)).empty());
    }
  }
}

TEST(Messages, BothLanguagesHaveTheSameGaps) {
  const auto gaps = [](std::string_view text) {
    size_t count = 0;
    for (size_t at = text.find("{}"); at != text.npos; at = text.find("{}", at + 2)) ++count;
    return count;
  };
  for (const auto table : {help_messages(), notice_messages()})
    for (const MessageRow& row : table) {
      EXPECT_EQ(gaps(row.en), gaps(row.zh)) << row.key;
      EXPECT_FALSE(row.en.empty() || row.zh.empty()) << row.key;
    }
}

TEST(Messages, ChineseHasOneWordForEachThing) {
  for (const auto table : {help_messages(), notice_messages()})
    for (const MessageRow& row : table)
      for (const std::string_view other : {"词元", "载入", "储存", "目录"})
        EXPECT_EQ(row.zh.find(other), row.zh.npos)
            << row.key << " says " << other << "; the words are token, 加载, 存储, 文件夹";
}

TEST(Front, HelpListsEveryVerbAndExamples) {
  const Outcome all = run_deepseek({{"help"}});
  EXPECT_EQ(all.exit_code, 0);
  for (const Command& command : commands()) {
    EXPECT_NE(all.out.find(command.name), std::string::npos) << command.name;
    const Outcome page = run_deepseek({{std::string(command.name), "--help"}});
    EXPECT_EQ(page.exit_code, 0) << command.name;
    EXPECT_EQ(page.error, "");
    EXPECT_NE(page.out.find("Examples:"), std::string::npos) << command.name;
    EXPECT_EQ(page.out, run_deepseek({{"help", std::string(command.name)}}).out);
  }
}

TEST(Front, AnAliasIsTheSameVerb) {
  const std::string page = run_deepseek({{"run", "--help"}}).out;
  EXPECT_EQ(run_deepseek({{"chat", "--help"}}).out, page);
  EXPECT_EQ(run_deepseek({{"help", "chat"}}).out, page);
  EXPECT_NE(page.find("'deepseek chat' is the same"), std::string::npos) << page;
  EXPECT_NE(run_deepseek({{"help"}}).out.find("run, chat"), std::string::npos);
  EXPECT_EQ(run_deepseek({{"chat", "/no/such"}, "Hi"}).exit_code, 4);
  EXPECT_NE(run_deepseek({{"chta"}}).error.find("did you mean chat?"), std::string::npos);
  for (const std::string shell : {"bash", "zsh", "fish"})
    EXPECT_NE(run_deepseek({{"completion", shell}}).out.find("chat"), std::string::npos) << shell;
}

TEST(Front, SpeaksChineseWhenAskedOrWhenTheLocaleSaysSo) {
  EXPECT_NE(run_deepseek({{"help"}, "", {{"DEEPSEEK_LANG", "zh"}}}).out.find("用法"),
            std::string::npos);
  EXPECT_NE(run_deepseek({{"help"}, "", {{"LANG", "zh_CN.UTF-8"}}}).out.find("用法"),
            std::string::npos);
  EXPECT_EQ(
      run_deepseek({{"help"}, "", {{"LANG", "zh_CN.UTF-8"}, {"LC_ALL", "C"}}}).out.find("用法"),
      std::string::npos);
  for (const char* english : {"en", "en_US", "en_GB.UTF-8"})
    EXPECT_EQ(run_deepseek({{"help"}, "", {{"LANG", "zh_CN.UTF-8"}, {"DEEPSEEK_LANG", english}}})
                  .out.find("用法"),
              std::string::npos)
        << english;
  for (const char* chinese : {"zh_CN", "zh_CN.UTF-8", "zh-Hans"}) {
    const std::map<std::string, std::string> environment{{"DEEPSEEK_LANG", chinese}};
    EXPECT_NE(run_deepseek({{"help"}, "", environment}).out.find("用法"), std::string::npos)
        << chinese;
    EXPECT_NE(run_deepseek({{"lsit"}, "", environment}).error.find("用法有误"), std::string::npos)
        << chinese;
  }
  const Outcome french = run_deepseek({{"help"}, "", {{"DEEPSEEK_LANG", "fr_FR"}}});
  EXPECT_EQ(french.exit_code, 2);
  EXPECT_EQ(french.error, "deepseek: DEEPSEEK_LANG: expected en or zh, got 'fr_FR'\n");
}

TEST(Front, AnErrorInChineseSaysItsKindAndKeepsTheDetail) {
  const testing::TemporaryFolder home;
  const std::map<std::string, std::string> environment{{"HOME", home.path().string()}};
  const Outcome outcome = run_deepseek({{"show", "/no/such", "--lang", "zh"}, "", environment});
  EXPECT_EQ(outcome.exit_code, 4);
  EXPECT_TRUE(outcome.error.starts_with("deepseek: 未找到：/no/such: ")) << outcome.error;
  const std::string english = run_deepseek({{"show", "/no/such"}, "", environment}).error;
  EXPECT_NE(outcome.error.find(english.substr(10, english.size() - 11)), std::string::npos);
  const Outcome usage = run_deepseek({{"lsit"}, "", {{"DEEPSEEK_LANG", "zh"}}});
  EXPECT_TRUE(usage.error.starts_with("deepseek: 用法有误：")) << usage.error;
  EXPECT_EQ(run_deepseek({{"show", "/no/such", "--lang", "zh", "--json"}, "", environment}).error,
            run_deepseek({{"show", "/no/such", "--json"}, "", environment}).error);
}

TEST(Front, AFlagOutOfPlaceIsExplained) {
  EXPECT_NE(run_deepseek({{"--json", "version"}}).error.find("expected a verb before --json"),
            std::string::npos);
  const Outcome late = run_deepseek({{"generate", "x", "--", "--prompt"}});
  EXPECT_EQ(late.exit_code, 2);
  EXPECT_NE(late.error.find("--prompt stands behind '--'"), std::string::npos) << late.error;
}

TEST(Front, ATypoNamesTheNearestVerbOrFlag) {
  const Outcome verb = run_deepseek({{"verison"}});
  EXPECT_EQ(verb.exit_code, 2);
  EXPECT_EQ(verb.out, "");
  EXPECT_NE(verb.error.find("did you mean version?"), std::string::npos) << verb.error;
  const Outcome flag = run_deepseek({{"config", "show", "--thread", "2"}});
  EXPECT_EQ(flag.exit_code, 2);
  EXPECT_NE(flag.error.find("did you mean --threads?"), std::string::npos) << flag.error;
}

TEST(Front, AnErrorIsOneLineOrAJsonObjectOnStandardError) {
  const Outcome plain = run_deepseek({{"config", "show", "--threads", "many\nlines"}});
  EXPECT_EQ(plain.exit_code, 2);
  EXPECT_EQ(plain.error, "deepseek: --threads: expected a whole number, got 'many\uFFFDlines'\n");
  const Outcome as_json = run_deepseek({{"config", "show", "--threads", "0", "--json"}});
  EXPECT_EQ(as_json.exit_code, 2);
  EXPECT_EQ(as_json.out, "");
  const json error = json::parse(as_json.error).at("error");
  EXPECT_EQ(error.at("kind"), "invalid_input");
  EXPECT_EQ(error.at("exit_code"), 2);
  EXPECT_EQ(error.at("message"), "--threads: expected a value from 1 to 1024, got '0'");
  Call by_variable{{"show", "org/none"}};
  by_variable.environment = {{"DEEPSEEK_JSON", "1"}, {"HOME", "/tmp"}};
  EXPECT_EQ(json::parse(run_deepseek(by_variable).error).at("error").at("kind"), "not_found");
}

TEST(Front, AFullDiskBehindStandardOutputIsExitCodeSix) {
  const Outcome full = run_deepseek({{"help"}, "", {}, "/dev/full"});
  EXPECT_EQ(full.exit_code, 6);
  EXPECT_NE(full.error.find("standard output"), std::string::npos) << full.error;
}

TEST(Front, CompletionKnowsEveryVerb) {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const Outcome script = run_deepseek({{"completion", shell}});
    EXPECT_EQ(script.exit_code, 0);
    for (const Command& command : commands())
      EXPECT_NE(script.out.find(command.name), std::string::npos) << shell << command.name;
  }
  EXPECT_EQ(run_deepseek({{"completion", "tcsh"}}).exit_code, 2);
}

json setting_of(const Outcome& outcome, const std::string& name) {
  const json page = json::parse(outcome.out);
  for (const json& row : page.at("settings"))
    if (row.at("name") == name) return row;
  return nullptr;
}

TEST(Config, FlagWinsOverEnvironmentOverFileOverDefault) {
  const TemporaryFolder folder;
  const std::string path =
      folder.write("config.yaml", "threads: 2\nseed: 5\ntop-p: 0.5\n").string();
  Call call{{"config", "show", "--json", "--threads", "4"},
            "",
            {{"DEEPSEEK_CONFIG", path}, {"DEEPSEEK_THREADS", "3"}, {"DEEPSEEK_SEED", "7"}}};
  const Outcome outcome = run_deepseek(call);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_EQ(setting_of(outcome, "threads").at("value"), "4");
  EXPECT_EQ(setting_of(outcome, "threads").at("origin"), "flag");
  EXPECT_EQ(setting_of(outcome, "seed").at("value"), "7");
  EXPECT_EQ(setting_of(outcome, "seed").at("place"), "DEEPSEEK_SEED");
  EXPECT_EQ(setting_of(outcome, "top-p").at("value"), "0.5");
  EXPECT_EQ(setting_of(outcome, "top-p").at("place"), path + ":3");
  EXPECT_EQ(setting_of(outcome, "min-p").at("origin"), "default");
}

TEST(Config, TimeLimitsAreSecondsOfAnyOrigin) {
  const TemporaryFolder folder;
  const std::string path = folder.write("config.yaml", "queue-timeout: 2.5\n").string();
  Call call{{"config", "show", "--json"},
            "",
            {{"DEEPSEEK_CONFIG", path}, {"DEEPSEEK_TOTAL_TIMEOUT", "30"}}};
  const Outcome outcome = run_deepseek(call);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_EQ(setting_of(outcome, "queue-timeout").at("value"), "2.5");
  EXPECT_EQ(setting_of(outcome, "total-timeout").at("value"), "30");
  EXPECT_EQ(setting_of(outcome, "first-token-timeout").at("value"), "0");
  EXPECT_EQ(setting_of(outcome, "idle-timeout").at("value"), "75");
  EXPECT_EQ(setting_of(outcome, "keep-alive-seconds").at("value"), "15");
  for (const char* flag : {"--queue-timeout", "--first-token-timeout", "--total-timeout",
                           "--idle-timeout", "--keep-alive-seconds"})
    EXPECT_EQ(run_deepseek({{"serve", "--port", "0", flag, "-1"}}).exit_code, 2) << flag;
}

TEST(Front, HelpOfASwitchSaysWhatItsSpellingDoes) {
  for (const auto& [lang, flag, about] :
       {std::tuple("en", "--no-strict-replay", "take calls"),
        std::tuple("zh", "--no-strict-replay", "接受"),
        std::tuple("en", "--no-prefix-cache", "compute the beginning of every prompt"),
        std::tuple("zh", "--no-prefix-cache", "不使用缓存")}) {
    const std::string help = run_deepseek({{"help", "serve", "--lang", lang}}).out;
    const size_t at = help.find(flag);
    ASSERT_NE(at, std::string::npos) << flag;
    const std::string line = help.substr(at, help.find('\n', at) - at);
    EXPECT_NE(line.find(about), std::string::npos) << line;
  }
}

TEST(Config, TheUsualFileIsFoundInTheHomeFolder) {
  const TemporaryFolder home;
  home.write(".config/deepseek/config.yaml", "ctx: 512\n");
  const Outcome outcome =
      run_deepseek({{"config", "show", "--json"}, "", {{"HOME", home.path().string()}}});
  EXPECT_EQ(setting_of(outcome, "ctx").at("value"), "512");
}

TEST(Config, AWrongFileIsRefusedWithItsLine) {
  struct Case {
    const char* content;
    const char* expected;
  };
  for (const Case& c :
       {Case{"lang: en\ntreads: 2\n", ":2: unknown setting 'treads'; did you mean threads?"},
        Case{"threads: two\n", ":1: threads: expected a whole number, got 'two'"},
        Case{"threads: 1\nthreads: 2\n", ":2: threads was already set on line 1"},
        Case{"threads: [1]\n", ":1: threads: expected one value"},
        Case{"threads: 1\n  - x: [\n", "not YAML"}, Case{"- 1\n", "expected a map"}}) {
    const TemporaryFolder folder;
    const std::string path = folder.write("c.yaml", c.content).string();
    const Outcome outcome = run_deepseek({{"config", "show", "--config", path}});
    EXPECT_EQ(outcome.exit_code, 3) << c.content;
    EXPECT_NE(outcome.error.find(c.expected), std::string::npos) << outcome.error;
  }
  EXPECT_EQ(run_deepseek({{"config", "show", "--config", "/nowhere/c.yaml"}}).exit_code, 4);
}

TEST(Config, AnUnknownVariableIsIgnoredWithANotice) {
  const Outcome outcome = run_deepseek({{"config", "show"}, "", {{"DEEPSEEK_API_KEY", "k"}}});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_NE(outcome.error.find("DEEPSEEK_API_KEY"), std::string::npos);
  EXPECT_EQ(run_deepseek({{"version"}, "", {{"DEEPSEEK_API_KEY", "k"}}}).error, "");
}

TEST(Settings, SizesAcceptUnits) {
  EXPECT_EQ(parse_size("4096", "x"), 4096);
  EXPECT_EQ(parse_size("1.5G", "x"), int64_t{3} << 29);
  EXPECT_EQ(parse_size("512MiB", "x"), int64_t{512} << 20);
  EXPECT_EQ(parse_size("8k", "x"), 8192);
  EXPECT_ANY_THROW(parse_size("-1", "x"));
  EXPECT_ANY_THROW(parse_size("5 apples", "x"));
  EXPECT_ANY_THROW(parse_size("9e18T", "x"));
}

TEST(ProgressLine, TellsRateAndTimeLeft) {
  EXPECT_EQ(progress_text(Language::en, {"downloading", 1 << 20, 4 << 20, "bytes"}, 2),
            "downloading: 1.00 MiB of 4.00 MiB (25%), 512.0 KiB/s, 0:06 left");
  EXPECT_EQ(progress_text(Language::en, {"reading", 300, 0, "tokens"}, 2),
            "reading: 300 tokens, 150 tokens/s");
}

}  // namespace
}  // namespace deepseek::cli
