// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "serve/http/schema_openapi.h"

namespace deepseek::serve {

/// What each route answers, for /openapi.json.
RouteNotes api_notes();

}  // namespace deepseek::serve
