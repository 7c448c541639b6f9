// SPDX-License-Identifier: Apache-2.0
#include "serve/http/access_log.h"

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "core/error.h"
#include "core/json.h"

namespace deepseek::serve {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t waiting_lines = 8192;

/// "2026-01-31T12:34:56.789Z".
std::string iso_time(std::chrono::system_clock::time_point when) {
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count();
  const auto seconds = std::time_t(ms / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 80> text;
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min,
                parts.tm_sec, int(ms % 1000));
  return text.data();
}

double in_microseconds(double ms) { return std::round(ms * 1000) / 1000; }

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string access_line(const RequestRecord& record) {
  const RequestSummary& summary = record.summary;
  Json line{{"time", iso_time(record.began)},
            {"level", record.status >= 500 ? "error" : "info"},
            {"request_id", record.request_id},
            {"trace_id", record.trace.trace_id},
            {"method", record.method},
            {"route", record.route},
            {"status", record.status},
            {"peer", record.peer},
            {"total_ms", in_microseconds(record.total_ms)},
            {"received_bytes", record.received_bytes},
            {"sent_bytes", record.sent_bytes}};
  const auto add_text = [&](const char* name, const std::string& text) {
    if (!text.empty()) line[name] = text;
  };
  const auto add_count = [&](const char* name, int64_t count) {
    if (count >= 0) line[name] = count;
  };
  const auto add_ms = [&](const char* name, double ms) {
    if (ms >= 0) line[name] = in_microseconds(ms);
  };
  add_ms("first_byte_ms", record.first_byte_ms);
  if (record.streamed) line["streamed"] = true;
  add_text("key", record.principal);
  add_text("model", summary.model);
  add_count("prompt_tokens", summary.prompt_tokens);
  add_count("cached_tokens", summary.cached_tokens);
  add_count("completion_tokens", summary.completion_tokens);
  add_count("reasoning_tokens", summary.reasoning_tokens);
  add_ms("queue_ms", summary.queue_ms);
  add_ms("first_token_ms", summary.first_token_ms);
  add_text("finish_reason", summary.finish_reason);
  add_text("error", record.error);
  return dump(line);
}

struct AccessLog::Impl {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

AccessLog::AccessLog(const std::filesystem::path& path) : impl_(std::make_unique<Impl>()) {
  spdlog::sink_ptr sink;
  try {
    if (path.empty())
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    else
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string());
  } catch (const spdlog::spdlog_ex& error) {
    fail(ErrorKind::invalid_input, path.string(), ": the log does not open: ", error.what());
  }
  sink->set_pattern("%v");
  impl_->pool = std::make_shared<spdlog::details::thread_pool>(waiting_lines, 1);
  // A request never waits for its line: the oldest waiting one gives way.
  impl_->logger = std::make_shared<spdlog::async_logger>(
      "access", std::move(sink), impl_->pool, spdlog::async_overflow_policy::overrun_oldest);
  impl_->logger->set_level(spdlog::level::info);
  impl_->logger->flush_on(spdlog::level::info);
}

AccessLog::~AccessLog() = default;

void AccessLog::write(const RequestRecord& record) {
  impl_->logger->info("{}", access_line(record));
}

void AccessLog::notice(const std::string& message) {
  impl_->logger->info("{}", dump(Json{{"time", iso_time(std::chrono::system_clock::now())},
                                      {"level", "notice"},
                                      {"message", message}}));
}

int64_t AccessLog::dropped_lines() const { return int64_t(impl_->pool->overrun_counter()); }

}  // namespace deepseek::serve
