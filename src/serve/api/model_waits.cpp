// SPDX-License-Identifier: Apache-2.0
#include "serve/api/model_waits.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

namespace deepseek::serve {
namespace {

using Clock = std::chrono::steady_clock;

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

/// An exchange that several may want to end, of whom the first gets it.
class WaitingExchange {
 public:
  explicit WaitingExchange(Exchange exchange) : exchange_(std::move(exchange)) {}

  std::optional<Exchange> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(exchange_, std::nullopt);
  }

 private:
  std::mutex mutex_;
  std::optional<Exchange> exchange_;
};

/// Ends what waits for a model when its time is over.
class WaitClock {
 public:
  WaitClock() : thread_([this] { run(); }) {}
  ~WaitClock() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  WaitClock(const WaitClock&) = delete;
  WaitClock& operator=(const WaitClock&) = delete;

  void add(Clock::time_point end, std::weak_ptr<WaitingExchange> waiting) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.emplace(end, std::move(waiting));
    }
    changed_.notify_all();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      if (waiting_.empty()) {
        changed_.wait(lock);
      } else if (const auto first = waiting_.begin(); first->first > Clock::now()) {
        changed_.wait_until(lock, first->first);
      } else {
        const std::shared_ptr<WaitingExchange> late = first->second.lock();
        waiting_.erase(first);
        lock.unlock();
        if (auto exchange = late ? late->take() : std::nullopt)
          exchange->fail(too_late(LateIn::queue, false));
        lock.lock();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Clock::time_point, std::weak_ptr<WaitingExchange>> waiting_;
  bool stop_ = false;
  std::thread thread_;
};

/// What all routes share.
struct Waits {
  Waits(std::weak_ptr<ModelPool> pool, const TimeLimits& allowed)
      : models(std::move(pool)), limits(allowed) {}

  const std::weak_ptr<ModelPool> models;
  const TimeLimits limits;
  WaitClock clock;
};

void run(const std::shared_ptr<const Handler>& handler, const std::shared_ptr<Waits>& waits,
         const Exchange& exchange) {
  try {
    (*handler)(exchange);
  } catch (const ModelAbsent& absent) {
    // Whatever its class: what it asks for is read once its model is there.
    const auto end = latest_start(exchange.request(), limits_of(exchange.request(), waits->limits,
                                                                RequestClass::interactive));
    const std::shared_ptr<ModelPool> models = waits->models.lock();
    if (!models) return;
    const auto waiting = std::make_shared<WaitingExchange>(exchange);
    const auto then = [handler, waiting, end, weak = std::weak_ptr(waits),
                       name = absent.card().name()](const std::exception_ptr& failure) {
      std::optional<Exchange> again = waiting->take();
      if (!again || again->closed()) return;
      if (failure && end && Clock::now() >= *end)
        return again->fail(std::make_exception_ptr(too_late(LateIn::queue, false)));
      if (failure) return again->fail(for_client(failure, name));
      const std::shared_ptr<Waits> still = weak.lock();
      if (!still) return;
      try {
        run(handler, still, *again);
      } catch (...) {
        again->fail(std::current_exception());
      }
    };
    if (end) waits->clock.add(*end, waiting);
    models->when_loaded(absent.card(), then, end);
  }
}

}  // namespace

ModelAbsent::ModelAbsent(std::shared_ptr<const ModelCard> card)
    : RequestError(503, concat("the model '", card->name(), "' is being loaded"),
                   {.retry_after_ms = 1000}),
      card_(std::move(card)) {}

Router with_model_waits(const Router& router, const std::shared_ptr<ModelPool>& models,
                        const TimeLimits& limits) {
  const auto waits = std::make_shared<Waits>(models, limits);
  Router waiting;
  for (const Route& route : router.routes()) {
    Route copy = route;
    const auto handler = std::make_shared<const Handler>(route.handler);
    copy.handler = [handler, waits](const Exchange& exchange) { run(handler, waits, exchange); };
    waiting.add(std::move(copy));
  }
  return waiting;
}

}  // namespace deepseek::serve
