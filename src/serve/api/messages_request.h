// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/json.h"
#include "serve/api/chat_job.h"

namespace deepseek::serve {

/// A request to the Messages API, brought into the shape that every dialect shares.
struct MessagesRequest {
  ChatJob job;
  bool shows_thinking = false;  // the client asked to see reasoning
};

/// The conversation of a body that has passed the schema of CountTokensRequest: all that its prompt
/// depends on. Throws RequestError 400 and 422 naming the field.
MessagesRequest messages_conversation(const ApiContext& context, const HttpRequest& http);

/// The whole request, of a body that has passed the schema of MessagesRequest.
MessagesRequest messages_request(const ApiContext& context, const ModelHost& host,
                                 const HttpRequest& http, const nlohmann::json& body);

/// What a thinking block is signed with: a digest that tells text which was changed or cut.
std::string thinking_signature(const std::string& thinking);

}  // namespace deepseek::serve
