// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/json.h"
#include "serve/api/model_host.h"

namespace deepseek::serve {

/// A model as /api/tags lists it.
nlohmann::ordered_json ollama_tag(const ModelHost& host);
/// As /api/ps lists it.
nlohmann::ordered_json ollama_running(const ModelHost& host);
/// As /api/show describes it.
nlohmann::ordered_json ollama_details(const ModelHost& host);

}  // namespace deepseek::serve
