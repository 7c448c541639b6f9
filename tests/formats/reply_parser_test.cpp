// SPDX-License-Identifier: Apache-2.0
#include "formats/reply/reply_parser.h"

#include <gtest/gtest.h>

#include "core/json.h"
#include "core/random.h"
#include "core/text.h"

namespace deepseek {
namespace {

using Kind = ReplyPart::Kind;

ReplyForm form(std::string_view tools, bool thinks = false) {
  ReplyForm form;
  form.tools = find_tool_form(tools);
  form.thinks = thinks;
  return form;
}

/// Parts that follow each other and are of one kind put together.
std::vector<ReplyPart> joined(const std::vector<ReplyPart>& parts) {
  std::vector<ReplyPart> out;
  for (const ReplyPart& part : parts)
    if (!out.empty() && out.back().kind == part.kind && out.back().call == part.call &&
        part.kind != Kind::call_begin)
      out.back().text += part.text;
    else
      out.push_back(part);
  return out;
}

std::vector<ReplyPart> parse(const ReplyForm& form, std::string_view text, bool inside = false,
                             bool calls = true) {
  const auto run = [&](const std::vector<size_t>& cuts) {
    ReplyParser parser(form, {.inside_reasoning = inside, .read_calls = calls});
    std::vector<ReplyPart> parts;
    size_t at = 0;
    const auto add = [&](std::vector<ReplyPart> more) {
      parts.insert(parts.end(), more.begin(), more.end());
    };
    for (const size_t cut : cuts) {
      add(parser.feed(text.substr(at, cut - at)));
      at = cut;
    }
    add(parser.feed(text.substr(at)));
    add(parser.finish(false));
    return joined(parts);
  };
  const std::vector<ReplyPart> whole = run({});
  std::vector<size_t> every;
  const auto begins_character = [&](size_t i) { return (text[i] & 0xC0) != 0x80; };
  for (size_t i = 1; i < text.size(); ++i)
    if (begins_character(i)) every.push_back(i);
  EXPECT_EQ(run(every), whole) << "character by character: " << text;

  for (uint64_t trial = 0; trial < 20; ++trial) {
    const CounterRandom random(7, trial);
    std::vector<size_t> some;
    for (const size_t cut : every)
      if (random.uniform(cut) < 0.2) some.push_back(cut);
    EXPECT_EQ(run(some), whole) << "in pieces: " << text;
  }
  return whole;
}

using Parts = std::vector<ReplyPart>;

Parts call(int index, const std::string& name, const std::string& arguments) {
  return {{Kind::call_begin, name, index},
          {Kind::call_arguments, arguments, index},
          {Kind::call_end, "", index}};
}

Parts operator+(Parts a, const Parts& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(ReplyParser, SplitsReasoningFromTheAnswer) {
  const Parts expected{{Kind::reasoning, "let me\n\nsee"}, {Kind::content, "It is 4.\n"}};
  EXPECT_EQ(parse(form("", true), "\nlet me\n\nsee\n</think>\n\nIt is 4.\n", true), expected);
  EXPECT_EQ(parse(form("", true), "<think>let me\n\nsee</think>It is 4.\n"), expected);
  EXPECT_EQ(parse(form("", true), "<think></think>It is 4.\n"),
            (Parts{{Kind::content, "It is 4.\n"}}));
  EXPECT_EQ(parse(form("", true), "4 < 5 <think> no"),
            (Parts{{Kind::content, "4 < 5 <think> no"}}));
  EXPECT_EQ(parse(form("", true), "cut off </thin", true),
            (Parts{{Kind::reasoning, "cut off </thin"}}));
  EXPECT_EQ(parse(form("", false), "<think>x"), (Parts{{Kind::content, "<think>x"}}));
}

TEST(ReplyParser, ReadsTheCallsOfEveryFamily) {
  const Parts two = call(0, "get_weather", R"({"city": "Bern", "days": 2})") + call(1, "now", "{}");
  const Parts text_first = Parts{{Kind::content, "Let me look."}};
  EXPECT_EQ(
      parse(form("deepseek-v3"),
            "Let me look.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>"
            "get_weather\n```json\n{\"city\": \"Bern\", \"days\": 2}\n```<｜tool▁call▁end｜>\n"
            "<｜tool▁call▁begin｜>function<｜tool▁sep｜>now\n```json\n{}\n```<｜tool▁call▁end｜>"
            "<｜tool▁calls▁end｜>"),
      text_first + two);
  EXPECT_EQ(parse(form("deepseek-v3.1"),
                  "Let me look.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>"
                  "{\"city\": \"Bern\", \"days\": 2}<｜tool▁call▁end｜><｜tool▁call▁begin｜>now"
                  "<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"),
            text_first + two);
  for (const char* family : {"deepseek-v3.2", "deepseek-v4"}) {
    const std::string block =
        family == std::string_view("deepseek-v4") ? "tool_calls" : "function_calls";
    EXPECT_EQ(
        parse(form(family),
              concat("Let me look.\n\n<｜DSML｜", block,
                     ">\n<｜DSML｜invoke name=\"get_weather\">\n"
                     "<｜DSML｜parameter name=\"city\" string=\"true\">Bern</｜DSML｜parameter>\n"
                     "<｜DSML｜parameter name=\"days\" string=\"false\">2</｜DSML｜parameter>\n"
                     "</｜DSML｜invoke>\n<｜DSML｜invoke name=\"now\">\n</｜DSML｜invoke>\n"
                     "</｜DSML｜",
                     block, ">")),
        text_first + two);
  }
  EXPECT_EQ(parse(form("qwen"),
                  "Let me look.\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": "
                  "{\"city\": \"Bern\", \"days\": 2}}\n</tool_call>\n<tool_call>\n"
                  "{\"name\": \"now\", \"arguments\": {}}\n</tool_call>"),
            text_first + two);
  EXPECT_EQ(parse(form("llama"), "{\"name\": \"now\", \"parameters\": {\"zone\": [1, null]}}"),
            call(0, "now", R"({"zone": [1, null]})"));
}

TEST(ReplyParser, ReasoningContentAndCallsTogether) {
  EXPECT_EQ(parse(form("deepseek-v3.1", true),
                  "I need the time</think>One moment<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>now"
                  "<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
                  true),
            (Parts{{Kind::reasoning, "I need the time"}, {Kind::content, "One moment"}}) +
                call(0, "now", "{}"));
}

TEST(ReplyParser, TextParametersBecomeJsonStrings) {
  const Parts parts = parse(form("deepseek-v3.2"),
                            "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"write\">\n"
                            "<｜DSML｜parameter name=\"a \\\"b\" string=\"true\">line \"1\"\n"
                            "\\ </｜DSML｜ é</｜DSML｜parameter>\n</｜DSML｜invoke>\n"
                            "</｜DSML｜function_calls>");
  // The name ends at its first quote: such a name cannot be written in this form.
  EXPECT_EQ(parts.front().kind, Kind::call_begin);
  const Parts text = parse(form("deepseek-v3.2"),
                           "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"write\">\n"
                           "<｜DSML｜parameter name=\"text\" string=\"true\">line \"1\"\n"
                           "\\ </｜DSML｜ é</｜DSML｜parameter>\n</｜DSML｜invoke>\n"
                           "</｜DSML｜function_calls>");
  ASSERT_EQ(text.size(), 3u);
  EXPECT_EQ(nlohmann::json::parse(text[1].text).at("text"), "line \"1\"\n\\ </｜DSML｜ é");
}

TEST(ReplyParser, WhatIsNoCallStaysContent) {
  for (const char* text : {"a <tool_call> is a tag", "<tool_call>\n{\"nme\": 1}\n</tool_call>",
                           "5 < 6 <tool", "<tool_call>", "tail blanks  \n"}) {
    std::string content;
    for (const ReplyPart& part : parse(form("qwen"), text)) {
      EXPECT_EQ(part.kind, Kind::content);
      content += part.text;
    }
    EXPECT_EQ(content, text);
  }
  EXPECT_EQ(parse(form("llama"), "see {\"name\": \"f\", \"parameters\": {}}").front().kind,
            Kind::content);
  const std::string block = "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>";
  EXPECT_EQ(parse(form("qwen"), block, false, false), (Parts{{Kind::content, block}}))
      << "no tools were declared";
}

TEST(ReplyParser, ALimitLeavesNothingOfAMarker) {
  const auto cut = [](const ReplyForm& form, std::string_view text, bool inside = false) {
    ReplyParser parser(form, {.inside_reasoning = inside, .read_calls = true});
    Parts parts = parser.feed(text);
    const Parts rest = parser.finish(true);
    parts.insert(parts.end(), rest.begin(), rest.end());
    return joined(parts);
  };
  const ReplyForm qwen = form("qwen");
  const std::string reply = "Let me look.\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}";
  for (size_t size = 12; size < reply.size() - 2; ++size) {
    const Parts parts = cut(qwen, reply.substr(0, size));
    ASSERT_FALSE(parts.empty());
    EXPECT_EQ(parts[0].text.substr(0, 12), "Let me look.");
    EXPECT_LE(parts[0].text.size(), 13U) << parts[0].text;
    EXPECT_TRUE(parts.size() == 1 || parts[1] == (ReplyPart{Kind::call_begin, "now", 0}));
  }
  // The arguments are whole: it is a call, whatever is missing of its end.
  const Parts whole = {{Kind::content, "Let me look."}};
  for (const char* end : {"", "}", "}\n", "}\n</tool_ca"})
    EXPECT_EQ(cut(qwen, reply + end), whole + call(0, "now", "{}")) << end;
  EXPECT_EQ(cut(form("", true), "so </thi", true), (Parts{{Kind::reasoning, "so"}}));
  EXPECT_EQ(cut(form("", true), "</think>so "), (Parts{{Kind::content, "</think>so "}}));
  EXPECT_TRUE(cut(form("llama"), "{\"name\": \"no").empty());
}

TEST(ReplyParser, WhatDoesNotBeginWithACallMayBeToldToHaveNone) {
  ReplyParser parser(form("qwen"), {.read_calls = true, .calls_first = true});
  const std::string text = R"({"a": "<tool_call>\n{\"name\": \"now\""})";
  Parts parts = parser.feed(text);
  const Parts rest = parser.finish(false);
  parts.insert(parts.end(), rest.begin(), rest.end());
  EXPECT_EQ(joined(parts), (Parts{{Kind::content, text}}));
}

TEST(ReplyParser, ACallThatBreaksOffHasNoEnd) {
  const auto ends = [](const Parts& parts) {
    return std::ranges::count(parts, Kind::call_end, &ReplyPart::kind);
  };
  EXPECT_EQ(ends(parse(form("qwen"), "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": ")), 0);
  const Parts wrong =
      parse(form("qwen"), "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": oops}}");
  EXPECT_EQ(ends(wrong), 0);
  EXPECT_EQ(wrong.back(), (ReplyPart{Kind::content, "oops}}"}));
}

TEST(JsonExtent, EndsWithTheValue) {
  const auto extent = [](std::string_view text) -> std::pair<size_t, JsonExtent::State> {
    JsonExtent extent;
    const size_t size = extent.feed(text);
    if (size == text.size()) extent.end();
    return {size, extent.state()};
  };
  using State = JsonExtent::State;
  for (const char* text : {R"({"a": [1, -2.5e+7, true, "x\"\u00e9", {}], "b": null})", "[]", "\"\"",
                           "0", "-0.5", "12e3"})
    EXPECT_EQ(extent(text), std::pair(std::string_view(text).size(), State::complete)) << text;
  EXPECT_EQ(extent("{} x").first, 2u);
  EXPECT_EQ(extent("12,").first, 2u);
  for (const char* text : {"01", "1.", "[1,]", "{\"a\"}", "{a: 1}", "tru", "\"\n\"", "\"\\x\"",
                           "+1", "[1 2]", "{\"a\":1,}", "nul!", "-", "\"open"})
    EXPECT_EQ(extent(text).second == State::complete &&
                  extent(text).first == std::string_view(text).size(),
              false)
        << text;
}

}  // namespace
}  // namespace deepseek
