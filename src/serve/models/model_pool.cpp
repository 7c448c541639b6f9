// SPDX-License-Identifier: Apache-2.0
#include "serve/models/model_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/error.h"

namespace deepseek::serve {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// A file name that tells models apart: what of the name is harmless, and a hash of all of it.
std::string folder_name(const std::string& model) {
  std::string name;
  for (const char c : model.substr(0, 64)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += plain || c == '-' ? c : '_';
  }
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : model) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return concat(name, "-", hash);
}

Error shutting_down(const ModelCard& card) {
  return {ErrorKind::busy,
          concat("the server is shutting down; '", card.name(), "' is not loaded any more")};
}

}  // namespace

struct ModelPool::Shared : std::enable_shared_from_this<ModelPool::Shared> {
  struct Waiter {
    std::function<void(std::exception_ptr)> then;
    SteadyClock::time_point since, until;
  };
  struct Entry {
    std::shared_ptr<const ModelCard> card;
    std::unique_ptr<ModelHost> host = nullptr;
    bool loading = false;
    int64_t leases = 0;
    SteadyClock::time_point used = {};
    std::vector<Waiter> waiters = {};

    bool idle() const { return host && leases == 0 && waiters.empty(); }
    void touch() { used = SteadyClock::now(); }
  };

  explicit Shared(Options given) : options(std::move(given)) {
    if (options.cards.empty())
      fail(ErrorKind::invalid_input, "models: expected at least one, got none");
    if (options.memory_bytes < 1)
      fail(ErrorKind::invalid_input, "memory-bytes: expected a size above 0, got ",
           options.memory_bytes);
    for (const auto& card : options.cards) {
      const auto same = [&](const Entry& entry) { return entry.card->name() == card->name(); };
      if (std::ranges::any_of(entries, same))
        fail(ErrorKind::invalid_input, "models: two are called '", card->name(),
             "'; give one another name, as in OTHER=", card->path().string());
      entries.push_back({.card = card});
    }
  }

  Entry& entry_of(const ModelCard& card) {
    const auto found = std::ranges::find(
        entries, &card, [](const Entry& entry) -> const ModelCard* { return entry.card.get(); });
    if (found == entries.end()) fail(ErrorKind::internal, "'", card.name(), "' is not in the pool");
    return *found;
  }

  SchedulerOptions scheduler_options(const ModelCard& card) const {
    SchedulerOptions scheduler = options.scheduler;
    if (options.observer) scheduler.observer = options.observer(card.name());
    if (scheduler.disk) {
      scheduler.disk->folder /= folder_name(card.name());
      scheduler.disk->max_bytes /= static_cast<int64_t>(entries.size());
    }
    return scheduler;
  }

  /// Gives up where the pool is stopped on the way.
  std::unique_ptr<ModelHost> load(const std::shared_ptr<const ModelCard>& card) const {
    TextModelOptions model = options.model;
    model.progress = [&](const Progress& progress) {
      if (options.model.progress) options.model.progress(progress);
      if (stopping) throw shutting_down(*card);
    };
    return std::make_unique<ModelHost>(card, model, scheduler_options(*card));
  }

  int64_t used_bytes() const {
    int64_t bytes = 0;
    for (const Entry& entry : entries)
      if (entry.host) bytes += entry.card->memory_bytes();
    return bytes;
  }

  /// Takes out the idle models that must go for `wanted` to fit; nothing when that is not enough.
  std::optional<std::vector<std::unique_ptr<ModelHost>>> make_room(const Entry& wanted) {
    std::vector<Entry*> idle;
    for (Entry& entry : entries)
      if (entry.idle()) idle.push_back(&entry);
    std::ranges::sort(idle, {}, &Entry::used);
    int64_t used = used_bytes();
    const auto fits = [&] {
      return used == 0 || used + wanted.card->memory_bytes() <= options.memory_bytes;
    };
    size_t leaving = 0;
    while (!fits() && leaving < idle.size()) used -= idle[leaving++]->card->memory_bytes();
    if (!fits()) return std::nullopt;
    std::vector<std::unique_ptr<ModelHost>> gone;
    gone.reserve(leaving);
    for (size_t i = 0; i < leaving; ++i) gone.push_back(std::move(idle[i]->host));
    return gone;
  }

  void say(const std::string& line) const {
    if (options.notice) options.notice(line);
  }

  /// Loads what somebody waits for longest and there is room for. False when there is no such.
  bool load_next(std::unique_lock<std::mutex>& lock) {
    std::vector<Entry*> wanted;
    for (Entry& entry : entries)
      if (!entry.waiters.empty()) wanted.push_back(&entry);
    std::ranges::sort(wanted, {}, [](const Entry* entry) { return entry->waiters.front().since; });
    for (Entry* const entry : wanted) {
      std::optional<std::vector<std::unique_ptr<ModelHost>>> leaving;
      if (!entry->host) {
        leaving = make_room(*entry);
        if (!leaving) continue;
      }
      entry->loading = !entry->host;
      lock.unlock();
      std::exception_ptr failure;
      std::unique_ptr<ModelHost> host;
      if (leaving) {
        for (const auto& gone : *leaving)
          say(concat("model '", gone->name(), "' is unloaded: its memory is needed"));
        leaving->clear();
        try {
          host = load(entry->card);
          say(concat("model '", entry->card->name(), "' is loaded"));
        } catch (const std::exception& error) {
          failure = std::current_exception();
          say(concat("model '", entry->card->name(), "' could not be loaded: ", error.what()));
        }
      }
      lock.lock();
      if (host) entry->host = std::move(host);
      entry->loading = false;
      answer(*entry, std::exchange(entry->waiters, {}), failure, lock);
      return true;
    }
    return false;
  }

  /// The model stays while those who waited for it begin to use it, and is used from before they
  /// hear of it: what they use next is used later.
  void answer(Entry& entry, std::vector<Waiter> waiters, const std::exception_ptr& failure,
              std::unique_lock<std::mutex>& lock) {
    if (waiters.empty()) return;
    ++entry.leases;
    entry.touch();
    lock.unlock();
    for (const Waiter& waiter : waiters) waiter.then(failure);
    waiters.clear();  // what they hold may hold leases
    lock.lock();
    --entry.leases;
  }

  void expire(std::unique_lock<std::mutex>& lock) {
    const SteadyClock::time_point now = SteadyClock::now();
    for (Entry& entry : entries) {
      std::vector<Waiter> late;
      std::erase_if(entry.waiters, [&](Waiter& waiter) {
        if (waiter.until > now) return false;
        late.push_back(std::move(waiter));
        return true;
      });
      if (late.empty()) continue;
      const auto failure = std::make_exception_ptr(
          Error(ErrorKind::busy, concat("the models in use leave no room for '", entry.card->name(),
                                        "'; ask again later")));
      answer(entry, std::move(late), failure, lock);
    }
  }

  void unload_idle(std::unique_lock<std::mutex>& lock) {
    if (options.unload_after.count() == 0) return;
    std::vector<std::unique_ptr<ModelHost>> gone;
    for (Entry& entry : entries)
      if (entry.idle() && SteadyClock::now() - entry.used >= options.unload_after)
        gone.push_back(std::move(entry.host));
    if (gone.empty()) return;
    lock.unlock();
    for (const auto& host : gone)
      say(concat("model '", host->name(), "' is unloaded: nobody asked for it"));
    gone.clear();
    lock.lock();
  }

  std::shared_ptr<ModelHost> hold(Entry& entry, bool use) {
    if (!entry.host) return nullptr;
    ++entry.leases;
    if (use) entry.touch();
    return {entry.host.get(), [shared = shared_from_this(), &entry, use](ModelHost*) {
              shared->release(entry, use);
            }};
  }

  void release(Entry& entry, bool use) {
    std::unique_ptr<ModelHost> gone;  // ends after the lock: its requests may hold leases, too
    const std::lock_guard lock(mutex);
    --entry.leases;
    if (use) entry.touch();
    if (entry.leases > 0) return;
    if (ended) gone = std::move(entry.host);
    wake();
  }

  /// When the thread is to look again though nobody calls it.
  std::optional<SteadyClock::time_point> next_look() const {
    std::optional<SteadyClock::time_point> next;
    const auto at = [&](SteadyClock::time_point time) {
      next = next ? std::min(*next, time) : time;
    };
    for (const Entry& entry : entries) {
      for (const Waiter& waiter : entry.waiters) at(waiter.until);
      if (entry.idle() && options.unload_after.count() > 0) at(entry.used + options.unload_after);
    }
    return next;
  }

  void run() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      changed_since = false;
      if (load_next(lock)) continue;
      expire(lock);
      unload_idle(lock);
      const auto woken = [&] { return stopping || changed_since; };
      if (const auto next = next_look())
        changed.wait_until(lock, *next, woken);
      else
        changed.wait(lock, woken);
    }
  }

  /// Loads in order what fits.
  void load_what_fits() {
    for (Entry& entry : entries) {
      std::unique_lock lock(mutex);
      const int64_t used = used_bytes();
      if (used > 0 && used + entry.card->memory_bytes() > options.memory_bytes) {
        lock.unlock();
        say(concat("model '", entry.card->name(), "' is loaded when it is asked for"));
        continue;
      }
      entry.loading = true;
      lock.unlock();
      std::unique_ptr<ModelHost> host;
      std::exception_ptr failure;
      try {
        host = load(entry.card);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      entry.loading = false;
      if (host) entry.host = std::move(host);
      entry.touch();
      if (stopping) return;
      if (failure) std::rethrow_exception(failure);
    }
  }

  void start() {
    {
      const std::lock_guard lock(mutex);
      if (stopping) return;
      starting = true;
    }
    std::exception_ptr failure;
    try {
      load_what_fits();
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    starting = false;
    changed.notify_all();
    if (failure) std::rethrow_exception(failure);
    if (!stopping) thread = std::thread([shared = shared_from_this()] { shared->run(); });
  }

  void stop() {
    const std::lock_guard one_at_a_time(stop_mutex);
    std::vector<std::pair<std::vector<Waiter>, std::exception_ptr>> left;
    {
      const std::lock_guard lock(mutex);
      stopping = true;
      for (Entry& entry : entries)
        left.emplace_back(std::exchange(entry.waiters, {}),
                          std::make_exception_ptr(shutting_down(*entry.card)));
      wake();
    }
    for (const auto& [waiters, failure] : left)
      for (const Waiter& waiter : waiters) waiter.then(failure);
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return !starting; });
    lock.unlock();
    if (thread.joinable()) thread.join();
  }

  void wake() {
    changed_since = true;
    changed.notify_all();
  }

  Options options;
  mutable std::mutex mutex;
  std::mutex stop_mutex;
  std::condition_variable changed;
  std::atomic<bool> stopping{false};  // set under the lock
  bool starting = false, changed_since = false;
  bool ended = false;  // a model goes with its last lease
  std::vector<Entry> entries;
  std::thread thread;
};

ModelPool::ModelPool(Options options) : shared_(std::make_shared<Shared>(std::move(options))) {}

ModelPool::~ModelPool() {
  stop();
  std::vector<std::unique_ptr<ModelHost>> gone;  // end after the lock, as in release()
  const std::lock_guard lock(shared_->mutex);
  shared_->ended = true;
  for (Shared::Entry& entry : shared_->entries)
    if (entry.leases == 0) gone.push_back(std::move(entry.host));
}

const std::vector<std::shared_ptr<const ModelCard>>& ModelPool::cards() const {
  return shared_->options.cards;
}

void ModelPool::start() { shared_->start(); }
void ModelPool::stop() { shared_->stop(); }

std::shared_ptr<ModelHost> ModelPool::lease(const ModelCard& card) {
  const std::lock_guard lock(shared_->mutex);
  return shared_->hold(shared_->entry_of(card), true);
}

std::shared_ptr<ModelHost> ModelPool::peek(const ModelCard& card) {
  const std::lock_guard lock(shared_->mutex);
  return shared_->hold(shared_->entry_of(card), false);
}

void ModelPool::when_loaded(const ModelCard& card, std::function<void(std::exception_ptr)> then,
                            std::optional<SteadyClock::time_point> until) {
  {
    const std::lock_guard lock(shared_->mutex);
    Shared::Entry& entry = shared_->entry_of(card);
    if (!shared_->stopping) {
      const SteadyClock::time_point now = SteadyClock::now();
      const SteadyClock::time_point patient = now + shared_->options.patience;
      entry.waiters.push_back({std::move(then), now, std::min(patient, until.value_or(patient))});
      return shared_->wake();
    }
  }
  then(std::make_exception_ptr(shutting_down(card)));
}

std::vector<ModelPool::Status> ModelPool::status() const {
  const std::lock_guard lock(shared_->mutex);
  std::vector<Status> all;
  for (const Shared::Entry& entry : shared_->entries) {
    Status status{.card = entry.card,
                  .state = entry.host      ? State::loaded
                           : entry.loading ? State::loading
                                           : State::absent};
    if (entry.idle() && shared_->options.unload_after.count() > 0)
      status.leaves_at = std::chrono::system_clock::now() + shared_->options.unload_after -
                         (SteadyClock::now() - entry.used);
    all.push_back(std::move(status));
  }
  return all;
}

}  // namespace deepseek::serve
