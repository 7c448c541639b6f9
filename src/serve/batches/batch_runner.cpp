// SPDX-License-Identifier: Apache-2.0
#include "serve/batches/batch_runner.h"

#include <algorithm>
#include <charconv>

#include "core/text.h"
#include "serve/batches/batch_results.h"
#include "serve/http/request_error.h"
#include "serve/http/trace_context.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds look_again{200};  // whether a pause is over, or a time has come
constexpr milliseconds look_for_orphans{10'000};
constexpr milliseconds rest{5000};
constexpr size_t lines_of_a_page = 256;

/// Whether the server could not take a line now but will later, and when.
std::optional<milliseconds> try_again_after(const HttpReply& reply) {
  const bool passing = reply.status == 429 || reply.status == 503 || reply.status == 409;
  if (!passing || reply.headers.value("x-should-retry") == "false") return std::nullopt;
  const std::string_view text = reply.headers.value("retry-after-ms");
  int64_t ms = 1000;
  std::from_chars(text.data(), text.data() + text.size(), ms);
  return milliseconds(std::clamp<int64_t>(ms, 10, 60'000));
}

}  // namespace

BatchRunner::BatchRunner(Options options, store::Batches& batches, store::Files& files)
    : options_(std::move(options)), batches_(batches), files_(files) {
  thread_ = std::thread([this] { run(); });
}

BatchRunner::~BatchRunner() {
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->stop = true;
  }
  inbox_->changed.notify_all();
  thread_.join();
  for (const auto& [ticket, line] : lines_)
    if (line.exchange) line.exchange->abandon();
}

void BatchRunner::wake() {
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->woken = true;
  }
  inbox_->changed.notify_all();
}

const Route* BatchRunner::route_of(const std::string& endpoint) const {
  const auto at = std::ranges::find(options_.routes, endpoint, &Route::pattern);
  return at == options_.routes.end() ? nullptr : &*at;
}

BatchRunner::Running* BatchRunner::find(const std::string& id) {
  const auto at = std::ranges::find(running_, id, [](const Running& one) { return one.batch.id; });
  return at == running_.end() ? nullptr : &*at;
}

bool BatchRunner::wait(std::vector<uint64_t>& ready) {
  std::unique_lock lock(inbox_->mutex);
  const auto news = [&] { return inbox_->stop || inbox_->woken || !inbox_->ready.empty(); };
  const bool idle = running_.empty() && set_aside_.empty() && looked_ != steady_clock::time_point();
  inbox_->changed.wait_for(lock, idle ? look_for_orphans : look_again, news);
  if (std::exchange(inbox_->woken, false)) looked_ = {};
  ready.swap(inbox_->ready);
  return !inbox_->stop;
}

void BatchRunner::run() {
  for (std::vector<uint64_t> ready; wait(ready); ready.clear()) {
    for (const uint64_t ticket : ready) guarded([&] { take(ticket); });
    if (steady_clock::now() < rest_until_) continue;
    guarded([&] {
      end_what_is_done();
      open_set_aside();
      claim();
      fill();
    });
  }
}

/// What fails, such as a disk that is full, is tried again after a rest: lines whose answer could
/// not be kept are asked for again.
void BatchRunner::guarded(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& failure) {
    if (options_.notice) options_.notice(concat("batches: ", failure.what()));
    rest_until_ = steady_clock::now() + rest;
    looked_ = {};
  }
}

void BatchRunner::claim() {
  if (steady_clock::now() < looked_ + look_for_orphans) return;
  while (true) {
    std::map<std::string, int64_t> open;
    for (const Running& one : running_) ++open[one.batch.key_id];
    for (const SetAside& one : set_aside_) ++open[one.batch.key_id];
    const size_t aside = set_aside_.size();
    const bool full = running_.size() + aside >= options_.open;
    const auto batch = batches_.claim(open, full ? 0 : options_.open_of_a_key);
    if (!batch) break;
    try_open(*batch);
    if (set_aside_.size() > aside) break;  // what hinders this one may hinder others
    if (full) end_what_is_done();
  }
  looked_ = steady_clock::now();
}

void BatchRunner::open_set_aside() {
  for (size_t count = set_aside_.size(); count > 0 && running_.size() < options_.open; --count) {
    const SetAside& first = set_aside_.front();
    if (steady_clock::now() < first.not_before) return;
    const auto now = batches_.find(first.batch.key_id, first.batch.id);
    set_aside_.pop_front();
    if (now) try_open(*now);
  }
}

/// What is wrong with one batch ends that one; what may pass, such as a disk that is full, has it
/// wait while others go on.
void BatchRunner::try_open(const store::Batch& batch) {
  try {
    try {
      open(batch);
    } catch (const Error& failure) {
      // A file that cannot be opened may be for a moment, while too many are open.
      const bool late = store::system_clock_ms() >= batch.expires_at_ms;
      const bool own = failure.kind() == ErrorKind::not_found ||
                       failure.kind() == ErrorKind::invalid_input ||
                       (failure.kind() == ErrorKind::bad_file && late);
      if (!own || batch.status == "finalizing") throw;
      if (options_.notice) options_.notice(concat("batches: ", batch.id, ": ", failure.what()));
      // The message may name folders of the server.
      refuse(batch, "file_unreadable", "the input file cannot be read", "input_file_id");
    }
  } catch (const std::exception& failure) {
    if (options_.notice) options_.notice(concat("batches: ", batch.id, ": ", failure.what()));
    set_aside_.push_back({batch, steady_clock::now() + rest});
  }
}

void BatchRunner::refuse(const store::Batch& batch, const ordered_json& errors) {
  if (batch.status == "cancelling") return finish(batch);
  // Lines that were answered before, and paid, are there all the same.
  store::BatchEnd end;
  if (batch.total > 0) end = write_results(batches_, files_, batch);
  end.errors = ordered_json{{"object", "list"}, {"data", errors}}.dump();
  batches_.move(batch.id, "failed", end);
}

void BatchRunner::refuse(const store::Batch& batch, const char* code, const char* message,
                         const char* param) {
  refuse(batch, ordered_json::array(
                    {{{"code", code}, {"line", nullptr}, {"message", message}, {"param", param}}}));
}

void BatchRunner::open(const store::Batch& batch) {
  if (batch.status == "finalizing") return finish(batch);
  const auto file = files_.find(batch.key_id, batch.input_file_id);
  if (!file)
    return refuse(batch, "file_not_found", "the input file is not there any more", "input_file_id");
  if (!route_of(batch.endpoint))
    return refuse(batch, "invalid_endpoint", "this server does not answer the endpoint any more",
                  "endpoint");
  Running running{.batch = batch, .input = BatchInput(files_.content_path(*file)), .left = {}};
  // Also when it was cancelled before its lines were read: each is to be answered by an error.
  if (batch.status == "validating" || (batch.status == "cancelling" && batch.total == 0)) {
    const BatchInput::Checked checked = running.input.check(batch.endpoint);
    if (!checked.errors.empty()) return refuse(batch, checked.errors);
    batches_.add_lines(batch.id, checked.lines);
    if (batch.status == "validating") batches_.move(batch.id, "in_progress");
  }
  running_.push_back(std::move(running));
}

/// Whether there is a line to start; reads the next of them where none is at hand.
bool BatchRunner::has_line(Running& running) {
  if (running.left.empty() && !running.all_read) {
    const auto page =
        batches_.lines(running.batch.id, "waiting", running.last_read, int64_t{lines_of_a_page});
    running.all_read = page.size() < lines_of_a_page;
    if (!page.empty()) running.last_read = page.back().line;
    running.left.assign(page.begin(), page.end());
  }
  return !running.left.empty();
}

void BatchRunner::take(uint64_t ticket) {
  const auto at = lines_.find(ticket);
  if (at == lines_.end()) return;
  const Line line = std::move(at->second);
  lines_.erase(at);
  Running& running = *find(line.batch_id);
  const HttpReply reply = line.exchange->take_reply();
  --running.in_work;
  if (const auto wait = try_again_after(reply)) {
    running.left.push_front(line.line);
    running.not_before = steady_clock::now() + *wait;
    return;
  }
  try {
    batches_.record(line.batch_id, line.line.line, reply.status < 400,
                    result_line(line.line.custom_id, line.request_id, reply));
  } catch (...) {
    running.left.push_front(line.line);
    throw;
  }
}

void BatchRunner::fill() {
  if (options_.paused()) return;
  for (bool started = true; started && lines_.size() < options_.parallel;) {
    started = false;
    for (size_t i = 0; i < running_.size() && lines_.size() < options_.parallel; ++i) {
      started |= start_line(running_.front());
      running_.splice(running_.end(), running_, running_.begin());
    }
  }
}

bool BatchRunner::start_line(Running& running) {
  if (steady_clock::now() < running.not_before || !has_line(running)) return false;
  const Route& route = *route_of(running.batch.endpoint);
  HttpRequest request;
  try {
    request.principal = options_.principal(running.batch.key_id, route.access);
  } catch (const RequestError& error) {
    give_up(running, "key_not_valid", error.what());
    return false;
  }
  const store::BatchLine line = std::move(running.left.front());
  running.left.pop_front();
  ordered_json body = running.input.body(line);
  body["service_tier"] = "batch";
  request.method = "POST";
  request.path = running.batch.endpoint;
  request.headers = {{"content-type", "application/json"},
                     {"idempotency-key", concat("deepseek-", running.batch.id, "-", line.line)}};
  request.body = body.dump();
  request.peer = running.batch.id;
  request.request_id = "req_" + random_hex(24);
  request.received = steady_clock::now();
  const uint64_t ticket = ++last_ticket_;
  Line& entry = lines_[ticket];
  entry = {running.batch.id, line, request.request_id, nullptr};
  ++running.in_work;
  entry.exchange = LocalExchange::begin(route, std::move(request), [inbox = inbox_, ticket] {
    const std::lock_guard lock(inbox->mutex);
    inbox->ready.push_back(ticket);
    inbox->changed.notify_all();
  });
  return true;
}

void BatchRunner::give_up(Running& running, const std::string& code, const std::string& message) {
  for (; has_line(running); running.left.pop_front()) {
    const store::BatchLine& line = running.left.front();
    batches_.record(running.batch.id, line.line, false, error_line(line.custom_id, code, message));
  }
}

void BatchRunner::end_what_is_done() {
  for (auto at = running_.begin(); at != running_.end();) {
    const auto now = batches_.find(at->batch.key_id, at->batch.id);
    has_line(*at);  // else it is not known whether all are done
    if (!now) {     // another program took it away
      at->left.clear();
      at->all_read = true;
    } else if (now->status == "cancelling") {
      give_up(*at, "batch_cancelled", "the batch was cancelled before this request was answered");
    } else if (store::system_clock_ms() >= now->expires_at_ms && !at->done()) {
      give_up(*at, "batch_expired", "the batch's time was over before this request was answered");
      at->expired = true;
    }
    if (!at->done()) {
      ++at;
      continue;
    }
    if (now && at->expired && now->status == "in_progress")
      batches_.move(now->id, "expired", write_results(batches_, files_, *now));
    else if (now)
      finish(*now);
    at = running_.erase(at);
    looked_ = {};  // there is room for another
  }
}

/// Also after a crash on the way.
void BatchRunner::finish(const store::Batch& batch) {
  if (batch.status == "cancelling") {
    batches_.move(batch.id, "cancelled", write_results(batches_, files_, batch));
  } else if (batch.status == "in_progress" || batch.status == "finalizing") {
    batches_.move(batch.id, "finalizing");
    batches_.move(batch.id, "completed", write_results(batches_, files_, batch));
  }
}

}  // namespace deepseek::serve
