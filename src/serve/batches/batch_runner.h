// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "serve/batches/batch_input.h"
#include "serve/batches/local_exchange.h"
#include "serve/http/router.h"
#include "serve/store/batches.h"
#include "serve/store/files.h"

namespace deepseek::serve {

/// Answers the lines of batches through the server's own routes, a few at a time and batch by batch
/// in turns, each as a request of the key that made the batch with `service_tier: batch`. It goes
/// on after a crash or restart, and with what another server that died had begun: a line's answer
/// is in the store before the line counts, and a line carries an Idempotency-Key, so that asking
/// for it again costs nothing twice.
class BatchRunner {
 public:
  struct Options {
    std::vector<Route> routes;  // of the endpoints that batches may name, without path values
    size_t parallel = 8;        // lines in work at once
    size_t open = 16;           // batches at once; more wait for their turn in the store
    int64_t open_of_a_key = 4;
    /// Whom an owner's requests belong to, as they are sent. Throws RequestError for one who may
    /// not send them any more.
    std::function<std::shared_ptr<const Principal>(const std::string& owner, const Access& access)>
        principal;
    std::function<bool()> paused;  // while the model loads, and while the server drains
    std::function<void(const std::string&)> notice;
  };
  /// `batches` and `files` outlive this.
  BatchRunner(Options options, store::Batches& batches, store::Files& files);
  /// Lines in work are abandoned; the next runner asks for them again.
  ~BatchRunner();
  BatchRunner(const BatchRunner&) = delete;
  BatchRunner& operator=(const BatchRunner&) = delete;

  /// Null where batches may not name the endpoint.
  const Route* route_of(const std::string& endpoint) const;
  /// There is a new batch, or one is being cancelled.
  void wake();

 private:
  struct Running {
    store::Batch batch;
    BatchInput input;
    std::deque<store::BatchLine> left;  // a page of them
    int64_t last_read = -1;             // the last line that was ever in `left`
    bool all_read = false;
    size_t in_work = 0;
    bool expired = false;
    std::chrono::steady_clock::time_point not_before = {};  // where the server was too busy
    bool done() const { return left.empty() && all_read && in_work == 0; }
  };
  /// A batch of this process's that could not be opened.
  struct SetAside {
    store::Batch batch;
    std::chrono::steady_clock::time_point not_before;
  };
  struct Line {
    std::string batch_id;
    store::BatchLine line;
    std::string request_id;
    std::shared_ptr<LocalExchange> exchange;
  };
  /// What exchanges tell from their threads; outlives the runner when they do.
  struct Inbox {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<uint64_t> ready;
    bool woken = true, stop = false;
  };

  void run();
  /// Until there is something to do. False: the runner is to stop.
  bool wait(std::vector<uint64_t>& ready);
  void guarded(const std::function<void()>& work);
  void claim();
  void open_set_aside();
  void try_open(const store::Batch& batch);
  void open(const store::Batch& batch);
  void refuse(const store::Batch& batch, const nlohmann::ordered_json& errors);
  void refuse(const store::Batch& batch, const char* code, const char* message, const char* param);
  void take(uint64_t ticket);
  void fill();
  bool start_line(Running& running);
  bool has_line(Running& running);
  void give_up(Running& running, const std::string& code, const std::string& message);
  void end_what_is_done();
  void finish(const store::Batch& batch);
  Running* find(const std::string& id);

  Options options_;
  store::Batches& batches_;
  store::Files& files_;
  std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  std::deque<SetAside> set_aside_;  // the first to be tried again first
  std::list<Running> running_;      // the next to start a line first
  std::map<uint64_t, Line> lines_;  // in work, by ticket
  uint64_t last_ticket_ = 0;
  std::chrono::steady_clock::time_point rest_until_ = {};  // after a failure of the store
  std::chrono::steady_clock::time_point looked_ = {};      // for batches to claim
  std::thread thread_;
};

}  // namespace deepseek::serve
