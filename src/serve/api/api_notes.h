// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "serve/api/timeouts.h"
#include "serve/http/schema_openapi.h"

namespace deepseek::serve {

/// What each route answers, for /openapi.json; `limits` are those of the server.
RouteNotes api_notes(const TimeLimits& limits);

}  // namespace deepseek::serve
