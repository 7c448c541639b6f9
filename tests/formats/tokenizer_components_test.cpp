// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "core/json.h"
#include "core/utf8.h"
#include "formats/tokenizer.h"
#include "tests/support/shared_data.h"

namespace deepseek {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

const std::filesystem::path folder =
    std::filesystem::path(DEEPSEEK_SOURCE_DIR) / "tests/data/tokenizer";

// What Hugging Face tokenizers gave, see make.py there.
TEST(TokenizerComponents, WorkAsInHuggingFaceTokenizers) {
  const json base = json::parse(testing::read_data(folder / "tiny.json"));
  int cases = 0;
  for (const json& one : json::parse(testing::read_data(folder / "components.json"))) {
    json file = base;
    file.merge_patch({{"model", one["parts"].value("model", json::object())}});
    for (const auto& [key, value] : one["parts"].items())
      if (key != "model") file[key] = value;
    const std::string name = one["name"];
    const Tokenizer tokenizer = Tokenizer::from_tokenizer_json(file.dump(), name);
    for (const json& row : one["rows"]) {
      SCOPED_TRACE(name + ": " + row["text"].dump());
      const std::string text = row["text"];
      const Ids ids = row["ids"];
      EXPECT_EQ(tokenizer.encode(text), ids);
      EXPECT_EQ(tokenizer.decode(ids), row["decoded"].get<std::string>());
      if (row.contains("special_ids")) {
        EXPECT_EQ(tokenizer.encode(text, {.add_special = true}), row["special_ids"].get<Ids>());
      }
      if (row.contains("plain_ids")) {
        EXPECT_EQ(tokenizer.encode(text, {.parse_special = false}), row["plain_ids"].get<Ids>());
      }
    }
    ++cases;
  }
  EXPECT_GE(cases, 35);
}

}  // namespace
}  // namespace deepseek
