// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "serve/http/exchange_state.h"
#include "serve/http/router.h"

namespace deepseek::serve {

/// A request that came over no connection, such as a line of a batch, and its plain reply.
class LocalExchange {
 public:
  /// Runs the route's handler. `ready` is called once the reply can be taken, from any thread and
  /// under a lock: it may only tell another thread so.
  static std::shared_ptr<LocalExchange> begin(const Route& route, HttpRequest request,
                                              std::function<void()> ready);

  /// After `ready`. A handler that streams gives 500: there is nobody to stream to.
  HttpReply take_reply();
  /// Nobody waits for the reply any more; `ready` may still be called.
  void abandon();

 private:
  explicit LocalExchange(std::shared_ptr<ExchangeState> state) : state_(std::move(state)) {}
  std::shared_ptr<ExchangeState> state_;
};

}  // namespace deepseek::serve
