// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

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
