// SPDX-License-Identifier: Apache-2.0
#include "serve/api/model_waits.h"

namespace deepseek::serve {
namespace {

/// Busy and out of memory are for the client to know; why a file cannot be read is for the log.
std::exception_ptr for_client(const std::exception_ptr& failure, const std::string& model) {
  std::exception_ptr withheld = std::make_exception_ptr(
      RequestError(500, concat("the model '", model, "' could not be loaded")));
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::busy && error.kind() != ErrorKind::out_of_memory)
      return withheld;
    return std::make_exception_ptr(RequestError(503, error.what(), {.retry_after_ms = 5000}));
  } catch (...) {
    return withheld;
  }
}

void run(const std::shared_ptr<const Handler>& handler, const std::shared_ptr<ModelPool>& models,
         Exchange exchange) {
  try {
    (*handler)(exchange);
  } catch (const ModelAbsent& absent) {
    const auto then = [handler, weak = std::weak_ptr(models), exchange,
                       name = absent.card().name()](const std::exception_ptr& failure) mutable {
      if (exchange.closed()) return;
      if (failure) return exchange.fail(for_client(failure, name));
      const std::shared_ptr<ModelPool> pool = weak.lock();
      if (!pool) return;
      try {
        run(handler, pool, exchange);
      } catch (...) {
        exchange.fail(std::current_exception());
      }
    };
    models->when_loaded(absent.card(), then);
  }
}

}  // namespace

ModelAbsent::ModelAbsent(std::shared_ptr<const ModelCard> card)
    : RequestError(503, concat("the model '", card->name(), "' is being loaded"),
                   {.retry_after_ms = 1000}),
      card_(std::move(card)) {}

Router with_model_waits(const Router& router, const std::shared_ptr<ModelPool>& models) {
  Router waiting;
  for (const Route& route : router.routes()) {
    Route copy = route;
    const auto handler = std::make_shared<const Handler>(route.handler);
    copy.handler = [handler, models](const Exchange& exchange) { run(handler, models, exchange); };
    waiting.add(std::move(copy));
  }
  return waiting;
}

}  // namespace deepseek::serve
