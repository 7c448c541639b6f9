// SPDX-License-Identifier: Apache-2.0
#include "core/json.h"

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
