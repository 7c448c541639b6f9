// SPDX-License-Identifier: Apache-2.0
#include "core/json.h"

#include <vector>

namespace nlohmann {

template class basic_json<>;
template class basic_json<ordered_map>;

namespace detail {

template class serializer<json>;
template class serializer<ordered_json>;
template class lexer<json, PointerInput>;
template class lexer<json, StringInput>;
template class lexer<ordered_json, PointerInput>;
template class lexer<ordered_json, StringInput>;
template class parser<json, PointerInput>;
template class parser<json, StringInput>;
template class parser<ordered_json, PointerInput>;
template class parser<ordered_json, StringInput>;

}  // namespace detail
}  // namespace nlohmann

namespace deepseek {

JsonShape json_shape(std::string_view text, const JsonLimits& limits) {
  std::vector<int64_t> keys;  // of each object or list that is open
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      keys.push_back(0);
      if (keys.size() > static_cast<size_t>(limits.depth)) return JsonShape::too_deep;
    } else if (c == '}' || c == ']') {
      if (!keys.empty()) keys.pop_back();
    } else if (c == ':' && !keys.empty() && ++keys.back() > limits.keys) {
      return JsonShape::too_many_keys;
    }
  }
  return JsonShape::fits;
}

}  // namespace deepseek
