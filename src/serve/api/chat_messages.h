// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/json.h"

namespace deepseek::serve {

/// Messages as the chat API has them, of the schema Message, in the neutral shape: string contents,
/// known roles. Throws RequestError 400 and 422 naming the field.
nlohmann::ordered_json neutral_messages(const nlohmann::ordered_json& messages);

}  // namespace deepseek::serve
