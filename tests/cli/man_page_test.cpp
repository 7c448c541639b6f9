// SPDX-License-Identifier: Apache-2.0
#include "cli/man_page.h"

#include <gtest/gtest.h>

#include "cli/help.h"
#include "cli/roff.h"
#include "tests/cli/run_deepseek.h"

namespace deepseek::cli {
namespace {

using deepseek::testing::Call;
using deepseek::testing::Outcome;
using deepseek::testing::run_deepseek;

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// Every page, by name.
std::vector<std::pair<std::string, std::string>> pages() {
  std::vector<std::pair<std::string, std::string>> all;
  for (const Language language : {Language::en, Language::zh}) {
    const std::string ending = language == Language::en ? "" : " (zh)";
    all.emplace_back("deepseek" + ending, program_man_page(language));
    for (const Command& command : commands())
      all.emplace_back(concat(command.name, ending), verb_man_page(command, language));
  }
  return all;
}

TEST(Roff, WhatTroffWouldReadOrReplaceIsEscaped) {
  EXPECT_EQ(roff_text(".TH is text"), "\\&.TH is text");
  EXPECT_EQ(roff_text("'s"), "\\(aqs");
  EXPECT_EQ(roff_text("a.b"), "a.b");
  EXPECT_EQ(roff_text("\\n\\fB"), "\\(rsn\\(rsfB");
  EXPECT_EQ(roff_text("--top-k"), "\\-\\-top\\-k");
  EXPECT_EQ(roff_text("'a' \"b\" `c` ^d ~e"), "\\(aqa\\(aq \\(dqb\\(dq \\(gac\\(ga \\(had \\(tie");
  EXPECT_EQ(roff_text(""), "");
}

TEST(Roff, ChineseMayBreakButNotBeforeWhatEndsAClause) {
  EXPECT_EQ(roff_paragraph("模型（量化）。"), "模\\:型\\:（量\\:化）。");
  EXPECT_EQ(roff_paragraph("用 JSON 写-"), "用 JSON 写\\:\\-");
  EXPECT_EQ(roff_text("用户命令"), "用户命令");
  EXPECT_EQ(roff_paragraph("“名称”，值"), "“名\\:称”，\\:值");
}

TEST(ManPage, EveryVerbHasAPageWithItsFlagsAndExamples) {
  for (const Language language : {Language::en, Language::zh})
    for (const Command& command : commands()) {
      const std::string page = verb_man_page(command, language);
      EXPECT_TRUE(holds(page, ".SH " + roff_text(message(language, "man.synopsis")))) << page;
      for (const std::string_view name : command_names(command))
        EXPECT_TRUE(holds(page, concat("\\fBdeepseek ", name, "\\fR"))) << page;
      for (const std::string_view name : flag_names(command)) {
        const Setting& setting = *find_setting(name);
        EXPECT_TRUE(holds(page, concat("\n.TP\n\\fB", roff_text(flag_of(setting)), "\\fR")))
            << name;
        EXPECT_TRUE(holds(page, "\n" + roff_paragraph(description_of(setting, language)) + "\n"))
            << name;
      }
      for (const std::string& example : lines_of(command.examples))
        EXPECT_TRUE(holds(page, "\n" + roff_text(example) + "\n")) << example;
    }
}

TEST(ManPage, TheProgramsPageNamesVerbsExitCodesAndVariables) {
  for (const Language language : {Language::en, Language::zh}) {
    const std::string page = program_man_page(language);
    for (const Command& command : commands())
      EXPECT_TRUE(holds(page, concat("\\fBdeepseek\\-", command.name, "\\fR(1)"))) << page;
    for (const ExitCode& code : exit_codes())
      EXPECT_TRUE(holds(page, concat("\n\\fB", code.code, "\\fR\n"))) << page;
    EXPECT_TRUE(holds(page, "\n\\fBDEEPSEEK_THREADS\\fR\n"));
    EXPECT_FALSE(holds(page, "DEEPSEEK_PROMPT")) << "only a flag";
  }
}

TEST(ManPage, HelpPrintsIt) {
  EXPECT_EQ(run_deepseek({{"help", "--man", "tokenize"}}).out,
            verb_man_page(find_command("tokenize"), Language::en));
  EXPECT_EQ(run_deepseek({{"help", "--man", "--lang", "zh"}}).out, program_man_page(Language::zh));
  EXPECT_EQ(run_deepseek({{"help", "--man", "chat"}}).out,
            verb_man_page(find_command("run"), Language::en));
  EXPECT_EQ(run_deepseek({{"help", "--man", "nothing"}}).exit_code, 2);
}

TEST(ManPage, GroffTakesThemWithoutAWarning) {
  Call call{{"--version"}};
  call.program = "groff";
  if (run_deepseek(call).exit_code != 0) GTEST_SKIP() << "groff is not installed";
  call.arguments = {"-z", "-man", "-Tutf8", "-ww", "-Kutf8"};
  for (const auto& [name, page] : pages()) {
    call.input = page;
    const Outcome outcome = run_deepseek(call);
    EXPECT_EQ(outcome.exit_code, 0) << name;
    EXPECT_EQ(outcome.error, "") << name;
  }
}

TEST(ManPage, WhatIsReadIsWhatWasWritten) {
  Call call{{"-man", "-Tutf8", "-Kutf8", "-P-cbou"},
            verb_man_page(find_command("run"), Language::en)};
  call.program = "groff";
  const Outcome outcome = run_deepseek(call);
  if (outcome.exit_code == 127) GTEST_SKIP() << "groff is not installed";
  for (const char* text : {"echo 'What is the capital of France?' | deepseek run starter",
                           "deepseek run MODEL --system 'Answer in Chinese.' --temperature 0.6",
                           "--top-k N", "deepseek chat [MODEL] [flags]"})
    EXPECT_TRUE(holds(outcome.out, text)) << text << "\n" << outcome.out;
}

}  // namespace
}  // namespace deepseek::cli
