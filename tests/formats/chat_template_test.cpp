// SPDX-License-Identifier: Apache-2.0
#include "formats/chat_template.h"

#include <gtest/gtest.h>

#include <map>

#include "core/json.h"
#include "tests/formats/refusal.h"
#include "tests/support/shared_data.h"

namespace deepseek {
namespace {

TEST(ChatTemplate, RendersEveryPublishedTemplateAsTheReferenceDoes) {
  DEEPSEEK_SHARED_OR_SKIP(folder, "data/chat_templates");
  std::map<std::string, ChatTemplate> templates;
  int checked = 0;
  for (const std::string& line :
       testing::split_lines(testing::read_data(folder / "goldens.jsonl.zst"))) {
    const auto row = nlohmann::ordered_json::parse(line);
    const std::string name = row.at("template");
    SCOPED_TRACE(name + " " + row.at("case").get<std::string>());
    auto found = templates.find(name);
    if (found == templates.end())
      found = templates.emplace(name, ChatTemplate::parse(testing::read_data(folder / name), name))
                  .first;
    ++checked;
    if (row.contains("expected_error")) {
      testing::expect_refusal([&] { found->second.render(row.at("context")); },
                              ErrorKind::invalid_input,
                              {row.at("expected_error").get_ref<const std::string&>()});
      continue;
    }
    const std::string expected = row.at("rendered");
    try {
      EXPECT_EQ(found->second.render(row.at("context")), expected);
      EXPECT_EQ(found->second.render_json(row.at("context").dump()).text, expected);
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
  EXPECT_EQ(checked, 563);
}

std::string render(std::string_view text) {
  return ChatTemplate::parse(text, "t.jinja").render({{"messages", {}}});
}

TEST(ChatTemplate, NumbersAtTheEdgesAreTakenAsTheyAre) {
  constexpr std::string_view lowest = "{% set low = -9223372036854775807 - 1 %}";
  const std::pair<const char*, const char*> table[] = {
      {"{{ 'a b c'.split(none, 9223372036854775807) }}", "['a', 'b', 'c']"},
      {"{{ 'a b c'.rsplit(none, 9223372036854775807) }}", "['a', 'b', 'c']"},
      {"{{ 'abc'.center(low) }}{{ 'abc'.zfill(low) }}{{ 'abc'.ljust(low) }}", "abcabcabc"},
      {"{{ 'abc' | center(low) }}", "abc"},
      {"{{ 1.5 | round(low) }}", "0.0"},
  };
  for (const auto& [text, want] : table) EXPECT_EQ(render(concat(lowest, text)), want) << text;
}

TEST(ChatTemplate, FiltersTakeWhatHasNoListOfItsOwn) {
  const std::pair<const char*, const char*> table[] = {
      {"{{ 'cab' | sort }}", "['a', 'b', 'c']"},
      {"{{ {'b': 1, 'a': 2} | sort }}", "['a', 'b']"},
      {"{{ {'b': 1, 'a': 2} | min }}{{ 'cab' | max }}", "ac"},
      {"{{ 'abac' | unique | join }}", "abc"},
      {"{{ {1: 'a', 3: 'b'} | sum }}", "4"},
  };
  for (const auto& [text, want] : table) EXPECT_EQ(render(text), want) << text;
  testing::expect_refusal([&] { render("{{ dict('ab') }}"); }, ErrorKind::invalid_input,
                          {"t.jinja:1: "});
}

TEST(ChatTemplate, TemplatesOverABudgetAreRefused) {
  const std::string shared =
      "{% set ns = namespace(a=(1,), b=(1,)) %}{% for i in range(60) %}"
      "{% set ns.a = (ns.a, ns.a) %}{% set ns.b = (ns.b, ns.b) %}{% endfor %}";
  const std::string large = "{% set s = 'a' * 1000000 %}{% set p = 'a' * 500000 ~ 'b' %}";
  struct Case {
    std::string text, message;
    ErrorKind kind = ErrorKind::bad_file;
  };
  const std::vector<Case> cases{
      {"{{ 'a\\tb'.expandtabs(9223372036854775807) }}", "bytes made"},
      {"{{ 'ab' | center(9223372036854775807) }}", "bytes made"},
      {shared + "{{ {ns.a: 1, ns.b: 2} }}", "more than 100 parts", ErrorKind::invalid_input},
      {large + "{{ s.rfind(p) }}", "steps"},
      {large + "{{ s.rsplit(p) }}", "steps"},
      {large + "{{ s.rpartition(p) }}", "steps"},
      {large + "{{ s.strip(p) }}", "steps"},
      {large + "{{ s | trim(p) }}", "steps"},
  };
  for (const Case& test : cases)
    testing::expect_refusal([&] { render(test.text); }, test.kind, {"t.jinja:1: ", test.message});
}

TEST(ChatTemplate, SearchesForVariablesCountAgainstTheBudget) {
  std::string names, sets, arguments;
  for (int i = 0; i < 30'000; ++i) {
    sets += concat("{% set v", i, "=1 %}");
    names += concat(i == 0 ? "" : ",", "p", i);
    arguments += concat(i == 0 ? "" : ",", "p", i, "=1");
  }
  const std::string macro =
      concat("{% macro m(", names, ") %}{% endmacro %}{{ m(", arguments, ") }}");
  for (const std::string& text : {sets, macro}) {
    const ChatTemplate parsed = ChatTemplate::parse(text, "many.jinja");
    testing::expect_refusal(
        [&] {
          parsed.render({{"messages", {}}});
        },
        ErrorKind::bad_file, {"many.jinja:1: ", "over its budget of 5000000 steps"});
  }
}

TEST(ChatTemplate, OneThatWouldFillMemoryStopsFirst) {
  const auto context = nlohmann::ordered_json::parse(R"({"messages": []})");
  for (const char* hostile :
       {"{{ ('a' * 400000000)|upper|lower|length }}",
        "{% set ns = namespace(t='abcdefgh') %}{% for i in range(100) %}"
        "{% set ns.t = ns.t + ns.t %}{% endfor %}",
        "{% set ns = namespace(l=[]) %}{% for i in range(10000) %}"
        "{% set ns.l = ns.l + [range(10000)|map('string')|list] %}{% endfor %}",
        "{% for i in range(100000) %}{% for j in range(100000) %}{{ 'abcdefgh' * 8 }}{% endfor %}"
        "{% endfor %}"})
    testing::expect_refusal([&] { ChatTemplate::parse(hostile, "t").render(context); },
                            ErrorKind::bad_file, {"over its budget of"});
}

TEST(ChatTemplate, ALongConversationIsNoReasonToStop) {
  nlohmann::ordered_json context;
  for (int i = 0; i < 200; ++i)
    context["messages"].push_back({{"role", "user"}, {"content", std::string(50'000, 'x')}});
  // Many templates put the whole together in a variable, message by message.
  const std::string prompt =
      ChatTemplate::parse(
          "{% set ns = namespace(t='') %}{% for m in messages %}"
          "{% set ns.t = m.content|trim if loop.index % 20 == 0 else ns.t + m.content|trim %}"
          "{% endfor %}{{ ns.t }}",
          "t")
          .render(context);
  EXPECT_EQ(prompt.size(), 50'000u);
}

}  // namespace
}  // namespace deepseek
