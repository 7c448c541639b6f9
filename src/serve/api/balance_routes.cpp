// SPDX-License-Identifier: Apache-2.0
#include "serve/api/api.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;

/// As DeepSeek's API has it. Those whose money nobody counts can always go on.
HttpReply balance_page(const std::shared_ptr<ApiContext>& context, const HttpRequest& http) {
  const std::optional<store::Balance> balance = context->accounts->balance(http);
  ordered_json page = {{"is_available", true}, {"balance_infos", ordered_json::array()}};
  if (balance) {
    page["is_available"] = !balance->prepaid || balance->available_micro() > 0;
    page["balance_infos"].push_back(
        {{"currency", balance->currency},
         {"total_balance", store::money_text(balance->total_micro())},
         {"granted_balance", store::money_text(balance->granted_micro)},
         {"topped_up_balance", store::money_text(balance->topped_up_micro)}});
  }
  return json_reply(page.dump());
}

}  // namespace

void add_balance_routes(Router& router, const std::shared_ptr<ApiContext>& context) {
  router.add({"/user/balance", "/v1/user/balance"},
             Route("GET", "", Access::any_key(), answering([context](const HttpRequest& http) {
                     return balance_page(context, http);
                   }),
                   {.summary = "What the API key has left"}));
}

}  // namespace deepseek::serve
