// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "serve/api/chat_session.h"

namespace deepseek::serve {

struct OllamaReplyOptions {
  std::string model;   // as the request names it
  bool chat = true;    // /api/chat; else /api/generate
  bool stream = true;  // lines of JSON; else one object
  bool shows_thinking = true;
};

/// The answer as ollama's API writes it.
std::shared_ptr<ChatSession> ollama_reply(const std::shared_ptr<Answer>& answer,
                                          const std::shared_ptr<ModelHost>& host,
                                          const OllamaReplyOptions& options, ChatAnswer& started,
                                          const std::shared_ptr<ApiContext>& context);

/// The answer to a request that only wants the model loaded.
nlohmann::ordered_json ollama_loaded(const std::string& model, bool chat);

}  // namespace deepseek::serve
