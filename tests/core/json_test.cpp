// SPDX-License-Identifier: Apache-2.0
#include "core/json.h"

#include <gtest/gtest.h>

namespace deepseek {
namespace {

TEST(JsonShape, CountsLevelsAndKeysWithoutBuildingAnything) {
  const JsonLimits limits{.depth = 2, .keys = 2};
  const auto shape = [&](std::string_view text) { return json_shape(text, limits); };
  EXPECT_EQ(shape(""), JsonShape::fits);
  EXPECT_EQ(shape(R"({"a": {"b": 1, "c": 2}, "d": [1, 2, 3]})"), JsonShape::fits);
  EXPECT_EQ(shape(R"({"a": {"b": [1]}})"), JsonShape::too_deep);
  EXPECT_EQ(shape(R"([{"a": 1, "b": 2, "c": 3}])"), JsonShape::too_many_keys);
  EXPECT_EQ(shape(R"([{"a": 1, "b": 2}, {"a": 1, "b": 2}])"), JsonShape::fits);
  EXPECT_EQ(shape(R"({"a": ":::{{{[[[", "b\\": "\":{"})"), JsonShape::fits);
  EXPECT_EQ(shape("]]]}}}:::"), JsonShape::fits) << "what is no JSON is for the parser";
  EXPECT_EQ(shape(std::string(1'000'000, '[')), JsonShape::too_deep);
}

}  // namespace
}  // namespace deepseek
