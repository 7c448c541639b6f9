// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "serve/http/schema_validate.h"

namespace deepseek::serve {

/// Adds the schemas of every reply, for /openapi.json.
void add_reply_schemas(SchemaSet& schemas);

void add_messages_replies(SchemaSet& schemas);
void add_responses_replies(SchemaSet& schemas);
void add_ollama_replies(SchemaSet& schemas);
void add_page_replies(SchemaSet& schemas);

}  // namespace deepseek::serve
