// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/json.h"
#include "serve/http/router.h"
#include "serve/http/schema_validate.h"

namespace deepseek::serve {

struct ApiInfo {
  std::string title, version, description;
  std::string url_prefix;
};

/// A body that a route answers with.
struct ReplyNote {
  std::string schema = {};                 // its name; empty: any bytes, or any text of a text type
  std::string media = "application/json";  // empty: no body
  int status = 200;
  /// Of text/event-stream, where `schema` is that of an event's data: the last event is "[DONE]".
  bool ends_with_done = false;
};

/// Of text in paths and queries: no control characters.
inline constexpr const char* plain_text_pattern = "^[^\\x00-\\x1f\\x7f]*$";

/// A parameter, which may be left out.
struct ParameterNote {
  std::string name, description;
  nlohmann::json schema;
  const char* place = "query";  // or "header"
};

/// What a route's own options do not say of it.
struct RouteNote {
  std::vector<ReplyNote> replies;
  /// Beside those that every route has: 400, 403, 408, 413, 415, 431, 500, 503; with a scope 401;
  /// with a body 422.
  std::vector<int> failures = {};
  std::vector<ParameterNote> parameters = {};
  std::string form = {};  // the schema of its multipart/form-data body
};

/// The note of a route; null: there is none.
using RouteNotes = std::function<const RouteNote*(const Route&)>;

/// The schema of an object with these fields, each of them always there but for the optional ones.
nlohmann::json record_schema(nlohmann::json fields,
                             const nlohmann::json& optional = nlohmann::json::object());

/// The OpenAPI 3.1 document of a table of routes. Throws internal for a route without a note, or
/// with a schema that is not there.
nlohmann::json openapi_document(const Router& router, const SchemaSet& schemas,
                                const RouteNotes& notes, const ApiInfo& info);

}  // namespace deepseek::serve
