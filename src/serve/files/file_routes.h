// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "serve/http/router.h"
#include "serve/http/schema_validate.h"
#include "serve/store/files.h"

namespace deepseek::serve {

/// What file and batch routes ask of the rest of the server.
struct FileAccess {
  store::Files* files = nullptr;  // null: each route answers 501 and says what the server lacks
  int64_t limit_bytes = 0;        // of all files together
  /// Whose files a request sees.
  std::function<std::string(const HttpRequest&)> owner;
};

/// /v1/files: upload (multipart/form-data), list, look up, content, delete.
void add_file_routes(Router& router, const FileAccess& access);

/// Adds "FileUpload", the fields of an upload's form.
void add_file_schemas(SchemaSet& schemas);

/// The page of a list that a query asks for: `limit` items, newest first, after the id `after`.
struct ListQuery {
  std::string after;
  int64_t limit;
};
/// Throws RequestError 422 for a limit that is none, and for any order but desc.
ListQuery list_query(const HttpRequest& http);
/// `items` has one more than the limit when there are more.
nlohmann::ordered_json list_page(const ListQuery& query, std::vector<nlohmann::ordered_json> items);

/// Throws RequestError 404 with `param`.
[[noreturn]] void refuse_unknown(const char* what, const std::string& param, std::string_view id);
/// Throws RequestError 501.
[[noreturn]] void refuse_without_store();

}  // namespace deepseek::serve
