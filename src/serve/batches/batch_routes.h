// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "serve/files/file_routes.h"
#include "serve/http/router.h"
#include "serve/http/schema_validate.h"
#include "serve/store/batches.h"

namespace deepseek::serve {

/// What batch routes work on beside files. Filled once the runner is there, before the first
/// request.
struct BatchDesk {
  store::Batches* batches = nullptr;  // null: each route answers 501
  std::function<bool(const std::string& endpoint)> serves;
  /// Throws RequestError 403 for who may not ask the endpoint, which is served, themselves.
  std::function<void(const HttpRequest& http, const std::string& endpoint)> check;
  std::function<void()> wake;  // the runner
};

/// /v1/batches: make, list, look up, cancel. `schemas` outlives the router.
void add_batch_routes(Router& router, const std::shared_ptr<BatchDesk>& desk,
                      const FileAccess& access, const SchemaSet& schemas);

/// Adds "BatchRequest".
void add_batch_schemas(SchemaSet& schemas);

}  // namespace deepseek::serve
