// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "serve/models/model_host.h"

namespace deepseek::serve {

/// The models of a server and which of them are in memory: loaded at the start as far as they fit,
/// else when they are asked for. Where memory is needed, idle ones go, the one that was used
/// longest ago first; one that is used never does. Thread-safe.
class ModelPool {
 public:
  struct Options {
    std::vector<std::shared_ptr<const ModelCard>> cards;  // at least one, names unlike
    TextModelOptions model;
    /// `disk` counts for all models together: each has a folder of its own there.
    SchedulerOptions scheduler;
    /// What models and their caches may take together. A model that is larger alone is loaded when
    /// no other is.
    int64_t memory_bytes = 0;
    std::chrono::seconds unload_after{0};  // unused; 0: only when memory is needed
    /// How long a request waits for models in use to leave room for its own.
    std::chrono::milliseconds patience{60'000};
    std::function<std::shared_ptr<SchedulerObserver>(const std::string& name)> observer;
    NoticeSink notice;
  };

  /// Throws invalid_input for options out of range. Loads nothing yet.
  explicit ModelPool(Options options);
  /// As stop(). A lease that is left keeps its model until it ends.
  ~ModelPool();
  ModelPool(const ModelPool&) = delete;
  ModelPool& operator=(const ModelPool&) = delete;

  const std::vector<std::shared_ptr<const ModelCard>>& cards() const;

  /// Loads in order what fits, in the caller's thread, and from then on whatever is asked for, in
  /// one of its own. Throws what loading throws; returns where stop() came before it was done.
  void start();
  /// Loads nothing more: all who wait are answered, a load under way is given up at its next
  /// tensor. Once it returns, the pool calls nobody any more. What is in memory stays; a second
  /// call does nothing. Not from what the pool calls.
  void stop();

  /// The model, which stays in memory while the lease is held; null when it is not there.
  std::shared_ptr<ModelHost> lease(const ModelCard& card);
  /// The same to look at it, which does not count as use.
  std::shared_ptr<ModelHost> peek(const ModelCard& card);
  /// Has the model loaded and calls `then` with nothing once it is, which may take its lease, or
  /// with why it could not be: busy when others left it no room in time, or when the pool is
  /// stopped; not after `until`. From the pool's thread or that of stop(), or at once after it.
  void when_loaded(const ModelCard& card, std::function<void(std::exception_ptr)> then,
                   std::optional<std::chrono::steady_clock::time_point> until = {});

  enum class State { absent, loading, loaded };
  struct Status {
    std::shared_ptr<const ModelCard> card;
    State state = State::absent;
    /// When it will be unloaded unless it is used; nothing: only when memory is needed.
    std::optional<std::chrono::system_clock::time_point> leaves_at = {};
  };
  std::vector<Status> status() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace deepseek::serve
