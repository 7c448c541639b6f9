// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "serve/api/chat_session.h"
#include "serve/api/responses_request.h"

namespace deepseek::serve {

/// The answer as OpenAI's Responses API writes it: a `response`, or the events of one; kept in the
/// store when the request says so.
std::shared_ptr<ChatSession> responses_reply(const std::shared_ptr<Answer>& answer,
                                             const std::shared_ptr<ModelHost>& host,
                                             const ResponsesRequest& request, ChatAnswer& started,
                                             const std::shared_ptr<ApiContext>& context);

}  // namespace deepseek::serve
