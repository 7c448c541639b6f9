// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

// What nlohmann/json generates for its two value types is compiled once, in json.cpp: in every file
// that reads or writes JSON it took a third to a half of the time.
namespace nlohmann {

extern template class basic_json<>;
extern template class basic_json<ordered_map>;

namespace detail {

using PointerInput = iterator_input_adapter<const char*>;
using StringInput = iterator_input_adapter<std::string::const_iterator>;

extern template class serializer<json>;
extern template class serializer<ordered_json>;
extern template class lexer<json, PointerInput>;
extern template class lexer<json, StringInput>;
extern template class lexer<ordered_json, PointerInput>;
extern template class lexer<ordered_json, StringInput>;
extern template class parser<json, PointerInput>;
extern template class parser<json, StringInput>;
extern template class parser<ordered_json, PointerInput>;
extern template class parser<ordered_json, StringInput>;

}  // namespace detail
}  // namespace nlohmann

namespace deepseek {

/// What must hold of JSON of unknown origin before anything is built of it: walks over it are
/// recursive, and an ordered_json looks for each key among all before it.
struct JsonLimits {
  int depth = 200;
  int64_t keys = 4096;  // of one object
};

enum class JsonShape { fits, too_deep, too_many_keys };

/// By brackets and colons alone, in one pass; of a text that is no JSON it says nothing.
JsonShape json_shape(std::string_view text, const JsonLimits& limits);

}  // namespace deepseek
