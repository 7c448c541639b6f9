// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "serve/api/chat_session.h"

namespace deepseek::serve {

struct MessagesReplyOptions {
  std::string model;  // as the request names it
  bool stream = false;
  bool shows_thinking = false;
  std::vector<std::string> stop_sequences;
};

/// The answer as Anthropic's Messages API writes it: a `message`, or the events of one.
std::shared_ptr<ChatSession> messages_reply(const std::shared_ptr<Answer>& answer,
                                            const std::shared_ptr<ModelHost>& host,
                                            const MessagesReplyOptions& options,
                                            ChatAnswer& started,
                                            const std::shared_ptr<ApiContext>& context);

}  // namespace deepseek::serve
