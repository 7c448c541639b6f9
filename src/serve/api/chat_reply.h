// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "core/json.h"
#include "serve/api/chat_session.h"

namespace deepseek::serve {

/// The answer as OpenAI's and DeepSeek's chat API write it: `chat.completion`, or a stream of
/// `chat.completion.chunk`. `body`: the request.
std::shared_ptr<ChatSession> chat_reply(const std::shared_ptr<Answer>& answer,
                                        const std::shared_ptr<ModelHost>& host,
                                        const nlohmann::json& body, ChatAnswer& started,
                                        const std::shared_ptr<ApiContext>& context);

}  // namespace deepseek::serve
