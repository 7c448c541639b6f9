// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/json.h"
#include "serve/models/model_pool.h"

namespace deepseek::serve {

/// A model as /api/tags lists it.
nlohmann::ordered_json ollama_tag(const ModelCard& card);
/// As /api/ps lists it.
nlohmann::ordered_json ollama_running(const ModelPool::Status& status);
/// As /api/show describes it.
nlohmann::ordered_json ollama_details(const ModelCard& card);

}  // namespace deepseek::serve
