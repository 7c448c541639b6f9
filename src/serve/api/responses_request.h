// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "core/json.h"
#include "serve/api/chat_job.h"

namespace deepseek::serve {

/// A request to the Responses API, brought into the shape that every dialect shares.
struct ResponsesRequest {
  ChatJob job;
  nlohmann::ordered_json input = nlohmann::ordered_json::array();  // this turn's items, with ids
  /// What of the request the `response` object repeats.
  nlohmann::ordered_json echo = nlohmann::ordered_json::object();
  std::optional<std::string> previous_id;
  bool store = false;
  bool stream = false;
};

/// The conversation of a body that has passed the schema of ResponsesRequest, after that of
/// `previous_response_id`: all that its prompt depends on. Throws RequestError 400 and 422 naming
/// the field.
ResponsesRequest responses_conversation(const ApiContext& context, const ModelHost& host,
                                        const HttpRequest& http);

/// The whole request.
ResponsesRequest responses_request(const ApiContext& context, const ModelHost& host,
                                   const HttpRequest& http, const nlohmann::json& body);

}  // namespace deepseek::serve
