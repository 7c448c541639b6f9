// SPDX-License-Identifier: Apache-2.0
#include "serve/models/model_pool.h"

#include <algorithm>
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

}  // namespace

struct ModelPool::Shared : std::enable_shared_from_this<ModelPool::Shared> {
  struct Waiter {
    std::function<void(std::exception_ptr)> then;
    SteadyClock::time_point until;
  };
  struct Entry {
    std::shared_ptr<const ModelCard> card;
    std::shared_ptr<ModelHost> host = nullptr;
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

  std::shared_ptr<ModelHost> load(const std::shared_ptr<const ModelCard>& card) const {
    return std::make_shared<ModelHost>(card, options.model, scheduler_options(*card));
  }

  int64_t used_bytes() const {
    int64_t bytes = 0;
    for (const Entry& entry : entries)
      if (entry.host) bytes += entry.card->memory_bytes();
    return bytes;
  }

  /// Takes out the idle models that must go for `wanted` to fit; nothing when that is not enough.
  std::optional<std::vector<std::shared_ptr<ModelHost>>> make_room(const Entry& wanted) {
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
    std::vector<std::shared_ptr<ModelHost>> gone;
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
    std::ranges::sort(wanted, {}, [](const Entry* entry) { return entry->waiters.front().until; });
    for (Entry* const entry : wanted) {
      std::optional<std::vector<std::shared_ptr<ModelHost>>> leaving;
      if (!entry->host) {
        leaving = make_room(*entry);
        if (!leaving) continue;
      }
      entry->loading = !entry->host;
      lock.unlock();
      std::exception_ptr failure;
      std::shared_ptr<ModelHost> host;
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

  /// The model stays while those who waited for it begin to use it.
  void answer(Entry& entry, const std::vector<Waiter>& waiters, const std::exception_ptr& failure,
              std::unique_lock<std::mutex>& lock) {
    if (waiters.empty()) return;
    ++entry.leases;
    lock.unlock();
    for (const Waiter& waiter : waiters) waiter.then(failure);
    lock.lock();
    --entry.leases;
    entry.touch();
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
      answer(entry, late, failure, lock);
    }
  }

  void unload_idle(std::unique_lock<std::mutex>& lock) {
    if (options.unload_after.count() == 0) return;
    std::vector<std::shared_ptr<ModelHost>> gone;
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
    return {entry.host.get(),
            [shared = shared_from_this(), &entry, host = entry.host, use](ModelHost*) mutable {
              const std::lock_guard lock(shared->mutex);
              host.reset();  // not the last while the pool lives: the entry has it, too
              --entry.leases;
              if (use) entry.touch();
              if (entry.leases == 0) shared->wake();
            }};
  }

  /// When the thread is to look again though nobody calls it.
  std::optional<SteadyClock::time_point> next_look() const {
    std::optional<SteadyClock::time_point> next;
    const auto at = [&](SteadyClock::time_point time) {
      next = next ? std::min(*next, time) : time;
    };
    for (const Entry& entry : entries) {
      if (!entry.waiters.empty()) at(entry.waiters.front().until);
      if (entry.idle() && options.unload_after.count() > 0) at(entry.used + options.unload_after);
    }
    return next;
  }

  void run() {
    std::unique_lock lock(mutex);
    while (!stop) {
      changed_since = false;
      if (load_next(lock)) continue;
      expire(lock);
      unload_idle(lock);
      const auto woken = [&] { return stop || changed_since; };
      if (const auto next = next_look())
        changed.wait_until(lock, *next, woken);
      else
        changed.wait(lock, woken);
    }
  }

  void wake() {
    changed_since = true;
    changed.notify_all();
  }

  Options options;
  mutable std::mutex mutex;
  std::condition_variable changed;
  bool stop = false, changed_since = false;
  std::vector<Entry> entries;
  std::thread thread;
};

ModelPool::ModelPool(Options options) : shared_(std::make_shared<Shared>(std::move(options))) {}

ModelPool::~ModelPool() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stop = true;
    shared_->wake();
  }
  if (shared_->thread.joinable()) shared_->thread.join();
  for (Shared::Entry& entry : shared_->entries) entry.host.reset();
}

const std::vector<std::shared_ptr<const ModelCard>>& ModelPool::cards() const {
  return shared_->options.cards;
}

void ModelPool::start() {
  for (Shared::Entry& entry : shared_->entries) {
    {
      const std::lock_guard lock(shared_->mutex);
      const int64_t used = shared_->used_bytes();
      if (used > 0 && used + entry.card->memory_bytes() > shared_->options.memory_bytes) {
        shared_->say(concat("model '", entry.card->name(), "' is loaded when it is asked for"));
        continue;
      }
      entry.loading = true;
    }
    std::shared_ptr<ModelHost> host = shared_->load(entry.card);
    const std::lock_guard lock(shared_->mutex);
    entry.host = std::move(host);
    entry.loading = false;
    entry.touch();
  }
  shared_->thread = std::thread([shared = shared_] { shared->run(); });
}

std::shared_ptr<ModelHost> ModelPool::lease(const ModelCard& card) {
  const std::lock_guard lock(shared_->mutex);
  return shared_->hold(shared_->entry_of(card), true);
}

std::shared_ptr<ModelHost> ModelPool::peek(const ModelCard& card) {
  const std::lock_guard lock(shared_->mutex);
  return shared_->hold(shared_->entry_of(card), false);
}

void ModelPool::when_loaded(const ModelCard& card, std::function<void(std::exception_ptr)> then) {
  const std::lock_guard lock(shared_->mutex);
  Shared::Entry& entry = shared_->entry_of(card);
  entry.waiters.push_back({std::move(then), SteadyClock::now() + shared_->options.patience});
  shared_->wake();
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
