// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/json.h"
#include "serve/api/chat_job.h"

namespace deepseek::serve {

/// A request to /api/chat or /api/generate, brought into the shape that every dialect shares.
struct OllamaRequest {
  ChatJob job;
  bool stream = true;
  bool shows_thinking = true;
  bool empty = false;  // asks for nothing but that the model be loaded
};

/// Of a body that has passed the schema of OllamaChatRequest. Throws RequestError 400 and 422
/// naming the field.
OllamaRequest ollama_chat_request(const ApiContext& context, const ModelHost& host,
                                  const HttpRequest& http, const nlohmann::json& body);
/// Of OllamaGenerateRequest.
OllamaRequest ollama_generate_request(const ApiContext& context, const ModelHost& host,
                                      const HttpRequest& http, const nlohmann::json& body);

/// The name without the tag that ollama's clients put behind it, ":latest".
std::string ollama_model(const nlohmann::json& body);

}  // namespace deepseek::serve
