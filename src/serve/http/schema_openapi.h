// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/json.h"
#include "serve/http/router.h"
#include "serve/http/schema_validate.h"

namespace deepseek::serve {

struct ApiInfo {
  std::string title, version, description;
  std::string url_prefix;
};

/// The OpenAPI 3.1 document of a table of routes. Throws internal for a route whose schema is not
/// there.
nlohmann::json openapi_document(const Router& router, const SchemaSet& schemas,
                                const ApiInfo& info);

}  // namespace deepseek::serve
