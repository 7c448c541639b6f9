// SPDX-License-Identifier: Apache-2.0
#include "serve/http/replay.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "serve/http/trace_context.h"

namespace deepseek::serve {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t id_digits = 32;

}  // namespace

/// Events of one stream, each with the bytes it is sent as, and who reads them. The reader's own
/// stream is only touched without the lock: it may call back.
class ReplayJournal : public std::enable_shared_from_this<ReplayJournal> {
 public:
  ReplayJournal(std::string id, std::string owner, const ReplayConfig& config,
                std::shared_ptr<std::atomic<int64_t>> all_bytes)
      : id_(std::move(id)),
        owner_(std::move(owner)),
        config_(config),
        all_bytes_(std::move(all_bytes)),
        alone_since_(Clock::now()) {}
  ~ReplayJournal() { all_bytes_->fetch_sub(bytes_); }
  ReplayJournal(const ReplayJournal&) = delete;
  ReplayJournal& operator=(const ReplayJournal&) = delete;

  const std::string& id() const { return id_; }
  const std::string& owner() const { return owner_; }

  bool send(std::string_view data, std::string_view event) {
    {
      const std::lock_guard lock(mutex_);
      if (ended_ || abandoned_) return false;
      const std::string id = id_ + "." + std::to_string(first_ + int64_t(events_.size()));
      append_locked(event_text({.data = data, .event = event, .id = id}));
    }
    pump();
    return true;
  }

  /// `last` may be empty: no further event.
  void end(std::string_view last) {
    std::function<void()> dropped, dropped_too;
    {
      const std::lock_guard lock(mutex_);
      if (ended_) return;
      if (!last.empty()) {
        const std::string id = id_ + "." + std::to_string(first_ + int64_t(events_.size()));
        append_locked("id: " + id + "\n" + std::string(last));
      }
      ended_ = true;
      if (!reader_) alone_since_ = Clock::now();
      dropped = std::move(on_abandoned_);
      dropped_too = std::move(on_writable_);
    }
    pump();
  }

  void follow(EventStream stream, int64_t after) {
    std::optional<EventStream> former;
    int64_t generation = 0;
    {
      const std::lock_guard lock(mutex_);
      if (after < 0 || after >= first_ + int64_t(events_.size()))
        throw RequestError(400, "Last-Event-ID: there is no such event yet");
      if (after + 1 < first_ || abandoned_)
        throw RequestError(410, "Last-Event-ID: what followed it is forgotten; ask again");
      former = std::exchange(reader_, stream);
      next_ = after + 1;
      generation = ++generation_;
    }
    if (former) former->finish();
    stream.on_closed([weak = weak_from_this(), generation](ClosedBecause) {
      if (const auto self = weak.lock()) self->let_go(generation);
    });
    pump();
  }

  bool writable() const {
    const std::lock_guard lock(mutex_);
    return writable_locked();
  }

  void on_writable(std::function<void()> call) {
    {
      const std::lock_guard lock(mutex_);
      if (ended_ || abandoned_) return;
      if (!writable_locked()) {
        std::swap(on_writable_, call);
        return;
      }
    }
    call();
  }

  bool abandoned() const {
    const std::lock_guard lock(mutex_);
    return abandoned_;
  }

  void on_abandoned(std::function<void()> call) {
    {
      const std::lock_guard lock(mutex_);
      if (!abandoned_) {
        if (!ended_) std::swap(on_abandoned_, call);
        return;
      }
    }
    call();
  }

  /// True when the store may forget it. A live one without a reader for too long is abandoned.
  bool sweep(Clock::time_point now) {
    std::function<void()> call;
    bool forget = false;
    {
      const std::lock_guard lock(mutex_);
      const bool late = !reader_ && now - alone_since_ >= std::chrono::milliseconds(config_.ttl_ms);
      if (late && !ended_ && !abandoned_) {
        abandoned_ = true;
        call = std::move(on_abandoned_);
        on_abandoned_ = nullptr;
      }
      forget = late;
    }
    if (call) call();
    return forget;
  }

  /// Since when it is of no use but to come back to; nothing while it lives or is read.
  std::optional<Clock::time_point> idle_since() const {
    const std::lock_guard lock(mutex_);
    if (!ended_ || reader_) return std::nullopt;
    return alone_since_;
  }

 private:
  void append_locked(std::string text) {
    const auto size = int64_t(text.size());
    events_.push_back(std::move(text));
    bytes_ += size;
    all_bytes_->fetch_add(size);
    while (bytes_ > config_.stream_bytes && events_.size() > 1) {
      const auto oldest = int64_t(events_.front().size());
      events_.pop_front();
      ++first_;
      bytes_ -= oldest;
      all_bytes_->fetch_sub(oldest);
    }
  }

  /// Half of the ring may wait unread, so that what a reader has not seen is still there.
  bool writable_locked() const {
    if (ended_ || abandoned_) return false;
    if (!reader_) return true;  // nobody to hold back for; the ring forgets
    int64_t unread = 0;
    for (auto i = size_t(std::max<int64_t>(next_ - first_, 0)); i < events_.size(); ++i)
      unread += int64_t(events_[i].size());
    return unread * 2 <= config_.stream_bytes;
  }

  /// Hands events to the reader while it takes them. One thread pumps at a time, which keeps them
  /// in order; others leave it a note.
  void pump() {
    std::unique_lock lock(mutex_);
    if (std::exchange(pump_again_, true)) return;
    if (pumping_) return;
    pumping_ = true;
    while (std::exchange(pump_again_, false)) {
      while (reader_) {
        EventStream reader = *reader_;
        const int64_t generation = generation_;
        if (next_ < first_) {
          reader_.reset();
          alone_since_ = Clock::now();
          lock.unlock();
          reader.fail(RequestError(503, "the client reads too slowly: events were forgotten"));
          lock.lock();
          break;
        }
        const auto index = size_t(next_ - first_);
        if (index == events_.size()) {
          if (!ended_) break;
          reader_.reset();
          alone_since_ = Clock::now();
          lock.unlock();
          reader.finish();
          lock.lock();
          break;
        }
        std::string text = events_[index];
        ++next_;
        lock.unlock();
        const bool writable = reader.writable();
        bool sent = false;
        if (writable) sent = reader.write(text);
        lock.lock();
        if (sent || generation != generation_) continue;
        --next_;
        if (writable || reader.closed()) {
          reader_.reset();
          alone_since_ = Clock::now();
          break;
        }
        lock.unlock();
        reader.on_writable([weak = weak_from_this()] {
          if (const auto self = weak.lock()) self->pump();
        });
        lock.lock();
        break;
      }
    }
    pumping_ = false;
    std::function<void()> call;
    if (on_writable_ && writable_locked()) call = std::exchange(on_writable_, nullptr);
    lock.unlock();
    if (call) call();
  }

  void let_go(int64_t generation) {
    std::optional<EventStream> dropped;
    std::function<void()> call;
    {
      const std::lock_guard lock(mutex_);
      if (generation != generation_ || !reader_) return;
      dropped = std::exchange(reader_, std::nullopt);
      alone_since_ = Clock::now();
      if (on_writable_ && writable_locked()) call = std::exchange(on_writable_, nullptr);
    }
    if (call) call();
  }

  const std::string id_, owner_;
  const ReplayConfig config_;
  const std::shared_ptr<std::atomic<int64_t>> all_bytes_;

  mutable std::mutex mutex_;
  std::deque<std::string> events_;
  int64_t first_ = 1;  // number of the oldest event kept
  int64_t bytes_ = 0;
  bool ended_ = false, abandoned_ = false;
  std::optional<EventStream> reader_;
  int64_t next_ = 1;  // number of the event the reader gets next
  int64_t generation_ = 0;
  bool pumping_ = false, pump_again_ = false;
  Clock::time_point alone_since_;
  std::function<void()> on_writable_, on_abandoned_;
};

bool ReplayStream::send(std::string_view data, std::string_view event) {
  return journal_->send(data, event);
}
void ReplayStream::done() { journal_->end("data: [DONE]\n\n"); }
void ReplayStream::finish() { journal_->end(""); }
void ReplayStream::fail(const RequestError& error, ErrorDialect dialect,
                        std::string_view request_id) {
  journal_->end(error_event(error, dialect, request_id, false));
}
void ReplayStream::follow(EventStream stream, int64_t after) {
  journal_->follow(std::move(stream), after);
}
bool ReplayStream::writable() const { return journal_->writable(); }
void ReplayStream::on_writable(std::function<void()> call) {
  journal_->on_writable(std::move(call));
}
bool ReplayStream::abandoned() const { return journal_->abandoned(); }
void ReplayStream::on_abandoned(std::function<void()> call) {
  journal_->on_abandoned(std::move(call));
}
const std::string& ReplayStream::id() const { return journal_->id(); }

struct ReplayStore::Impl {
  ReplayConfig config;
  std::shared_ptr<std::atomic<int64_t>> all_bytes = std::make_shared<std::atomic<int64_t>>(0);
  std::mutex mutex;
  std::condition_variable changed;
  std::unordered_map<std::string, std::shared_ptr<ReplayJournal>> journals;
  bool stopping = false;
  std::thread thread;

  /// Of the ended streams that nobody reads, the one that ended first; null when all are in use.
  std::shared_ptr<ReplayJournal> forget_one_locked() {
    auto oldest = journals.end();
    std::optional<Clock::time_point> since;
    for (auto it = journals.begin(); it != journals.end(); ++it) {
      const auto own = it->second->idle_since();
      if (own && (!since || *own < *since)) {
        since = own;
        oldest = it;
      }
    }
    if (oldest == journals.end()) return nullptr;
    auto forgotten = std::move(oldest->second);
    journals.erase(oldest);
    return forgotten;
  }
};

ReplayStore::ReplayStore(ReplayConfig config) : impl_(std::make_unique<Impl>()) {
  impl_->config = config;
  impl_->thread = std::thread([this] {
    const auto pause = std::chrono::milliseconds(std::max<int64_t>(impl_->config.ttl_ms / 4, 10));
    std::unique_lock lock(impl_->mutex);
    while (!impl_->changed.wait_for(lock, pause, [&] { return impl_->stopping; })) {
      lock.unlock();
      sweep(Clock::now());
      lock.lock();
    }
  });
}

ReplayStore::~ReplayStore() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  impl_->thread.join();
}

ReplayStream ReplayStore::open(std::string owner) {
  auto journal = std::make_shared<ReplayJournal>(random_hex(id_digits), std::move(owner),
                                                 impl_->config, impl_->all_bytes);
  std::vector<std::shared_ptr<ReplayJournal>> forgotten;  // destroyed after the lock is let go
  const std::lock_guard lock(impl_->mutex);
  while (int64_t(impl_->journals.size()) >= impl_->config.streams ||
         *impl_->all_bytes >= impl_->config.all_bytes) {
    auto one = impl_->forget_one_locked();
    if (!one) throw RequestError(503, "too many streams are live", {.retry_after_ms = 1000});
    const bool last = one.use_count() == 1;
    forgotten.push_back(std::move(one));
    if (last) forgotten.pop_back();  // its bytes count no more
  }
  impl_->journals.emplace(journal->id(), journal);
  return ReplayStream(std::move(journal));
}

ReplayStore::Position ReplayStore::find(std::string_view last_event_id, std::string_view owner) {
  const size_t dot = last_event_id.find('.');
  const std::string_view number =
      dot == last_event_id.npos ? std::string_view() : last_event_id.substr(dot + 1);
  if (dot != id_digits || number.empty() || number.size() > 18 ||
      number.find_first_not_of("0123456789") != number.npos)
    throw RequestError(400, "Last-Event-ID is none of this server's");
  const std::lock_guard lock(impl_->mutex);
  const auto found = impl_->journals.find(std::string(last_event_id.substr(0, dot)));
  // Another owner's stream and none at all look the same.
  if (found == impl_->journals.end() || found->second->owner() != owner)
    throw RequestError(404, "Last-Event-ID: the stream is forgotten; ask again");
  return {ReplayStream(found->second), std::stoll(std::string(number))};
}

int64_t ReplayStore::bytes() const { return *impl_->all_bytes; }

int64_t ReplayStore::streams() const {
  const std::lock_guard lock(impl_->mutex);
  return int64_t(impl_->journals.size());
}

void ReplayStore::sweep(std::chrono::steady_clock::time_point now) {
  std::vector<std::shared_ptr<ReplayJournal>> all;
  {
    const std::lock_guard lock(impl_->mutex);
    for (const auto& [id, journal] : impl_->journals) all.push_back(journal);
  }
  for (const auto& journal : all) {
    if (!journal->sweep(now)) continue;
    const std::lock_guard lock(impl_->mutex);
    impl_->journals.erase(journal->id());
  }
}

}  // namespace deepseek::serve
