// SPDX-License-Identifier: Apache-2.0
#include "formats/chat_template.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

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

}  // namespace
}  // namespace deepseek
