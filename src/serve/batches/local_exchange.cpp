// SPDX-License-Identifier: Apache-2.0
#include "serve/batches/local_exchange.h"

#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

constexpr int64_t buffer_bytes = 64 << 10;  // of a stream, which is not taken

}  // namespace

std::shared_ptr<LocalExchange> LocalExchange::begin(const Route& route, HttpRequest request,
                                                    std::function<void()> ready) {
  auto state = std::make_shared<ExchangeState>(std::move(request), route.options.dialect,
                                               buffer_bytes, std::move(ready), nullptr);
  std::shared_ptr<LocalExchange> exchange(new LocalExchange(state));
  const Exchange handle = hand_out(state);
  try {
    route.handler(handle);
  } catch (...) {
    state->fail(std::current_exception());
  }
  return exchange;
}

HttpReply LocalExchange::take_reply() {
  ExchangeState::Taken taken = state_->take();
  if (taken.reply) return std::move(*taken.reply);
  abandon();
  return error_reply(RequestError(500, "the answer came as a stream"), state_->dialect(),
                     state_->request().request_id);
}

void LocalExchange::abandon() { state_->close(ClosedBecause::server_stopped); }

}  // namespace deepseek::serve
