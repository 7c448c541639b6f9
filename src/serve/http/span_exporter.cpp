// SPDX-License-Identifier: Apache-2.0
#include "serve/http/span_exporter.h"

#include <curl/curl.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;

constexpr int64_t last_timeout_ms = 1000;

json text_attribute(const char* key, const std::string& value) {
  return {{"key", key}, {"value", {{"stringValue", value}}}};
}
json count_attribute(const char* key, int64_t value) {
  return {{"key", key}, {"value", {{"intValue", std::to_string(value)}}}};
}
json number_attribute(const char* key, double value) {
  return {{"key", key}, {"value", {{"doubleValue", value}}}};
}

std::string nanoseconds(std::chrono::system_clock::time_point when) {
  return std::to_string(
      std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count());
}

json span_of(const RequestRecord& record) {
  const RequestSummary& summary = record.summary;
  json attributes = json::array({text_attribute("http.request.method", record.method),
                                 text_attribute("http.route", record.route),
                                 count_attribute("http.response.status_code", record.status),
                                 text_attribute("deepseek.request_id", record.request_id)});
  if (!summary.model.empty()) {
    attributes.push_back(text_attribute("gen_ai.system", "deepseek"));
    attributes.push_back(text_attribute("gen_ai.request.model", summary.model));
    attributes.push_back(
        number_attribute("gen_ai.server.request.duration", record.total_ms / 1000));
  }
  if (summary.prompt_tokens >= 0)
    attributes.push_back(count_attribute("gen_ai.usage.input_tokens", summary.prompt_tokens));
  if (summary.completion_tokens >= 0)
    attributes.push_back(count_attribute("gen_ai.usage.output_tokens", summary.completion_tokens));
  if (summary.first_token_ms >= 0) {
    attributes.push_back(
        number_attribute("gen_ai.server.time_to_first_token", summary.first_token_ms / 1000));
    if (summary.completion_tokens > 1)
      attributes.push_back(number_attribute("gen_ai.server.time_per_output_token",
                                            (record.total_ms - summary.first_token_ms) / 1000 /
                                                double(summary.completion_tokens - 1)));
  }
  if (!summary.finish_reason.empty())
    attributes.push_back(text_attribute("gen_ai.response.finish_reason", summary.finish_reason));
  const auto end = record.began + std::chrono::duration_cast<std::chrono::system_clock::duration>(
                                      std::chrono::duration<double, std::milli>(record.total_ms));
  json span{{"traceId", record.trace.trace_id},
            {"spanId", record.trace.span_id},
            {"name", record.method + " " + record.route},
            {"kind", 2},  // server
            {"startTimeUnixNano", nanoseconds(record.began)},
            {"endTimeUnixNano", nanoseconds(end)},
            {"attributes", std::move(attributes)},
            {"status", {{"code", record.status >= 500 ? 2 : 0}}}};
  if (!record.trace.parent_id.empty()) span["parentSpanId"] = record.trace.parent_id;
  return span;
}

size_t drop_body(char*, size_t, size_t size, void*) { return size; }

bool post_json(const std::string& url, const std::string& body, int64_t timeout_ms) {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  const std::unique_ptr<CURL, void (*)(CURL*)> easy(ready ? curl_easy_init() : nullptr,
                                                    curl_easy_cleanup);
  if (!easy) return false;
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(
      curl_slist_append(nullptr, "Content-Type: application/json"), curl_slist_free_all);
  CURL* c = easy.get();
  curl_easy_setopt(c, CURLOPT_URL, url.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.c_str());
  curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.size()));
  curl_easy_setopt(c, CURLOPT_USERAGENT, "deepseek");
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, long(timeout_ms));
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop_body);
  if (curl_easy_perform(c) != CURLE_OK) return false;
  long status = 0;
  curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
  return status >= 200 && status < 300;
}

}  // namespace

std::string otlp_json(const std::vector<RequestRecord>& records, const std::string& service_name) {
  json spans = json::array();
  for (const RequestRecord& record : records) spans.push_back(span_of(record));
  const json document{
      {"resourceSpans",
       {{{"resource", {{"attributes", {text_attribute("service.name", service_name)}}}},
         {"scopeSpans", {{{"scope", {{"name", "deepseek"}}}, {"spans", std::move(spans)}}}}}}}};
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

struct SpanExporter::Impl {
  SpanExporterConfig config;
  std::string url;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<RequestRecord> waiting;
  bool stopping = false;
  std::atomic<int64_t> dropped{0}, sent{0};
  std::thread thread;

  std::vector<RequestRecord> take_locked() {
    std::vector<RequestRecord> batch;
    while (!waiting.empty() && int64_t(batch.size()) < config.batch) {
      batch.push_back(std::move(waiting.front()));
      waiting.pop_front();
    }
    return batch;
  }

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait_for(lock, std::chrono::milliseconds(config.interval_ms),
                       [&] { return stopping || int64_t(waiting.size()) >= config.batch; });
      const bool last = stopping;
      const std::vector<RequestRecord> batch = take_locked();
      lock.unlock();
      if (!batch.empty()) {
        const bool good = post_json(url, otlp_json(batch, config.service_name),
                                    last ? last_timeout_ms : config.timeout_ms);
        (good ? sent : dropped) += int64_t(batch.size());
      }
      lock.lock();
      if (!last) continue;
      dropped += int64_t(waiting.size());  // one last batch is all the time there is
      return;
    }
  }
};

SpanExporter::SpanExporter(SpanExporterConfig config) : impl_(std::make_unique<Impl>()) {
  impl_->config = std::move(config);
  impl_->url = impl_->config.endpoint;
  while (impl_->url.ends_with('/')) impl_->url.pop_back();
  if (!impl_->url.starts_with("http://") && !impl_->url.starts_with("https://"))
    fail(ErrorKind::invalid_input,
         "otlp-endpoint: expected a URL that begins with http:// or https://, got '",
         printable(impl_->url), "'");
  impl_->url += "/v1/traces";
  impl_->thread = std::thread([impl = impl_.get()] { impl->work(); });
}

SpanExporter::~SpanExporter() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  impl_->thread.join();
}

void SpanExporter::add(const RequestRecord& record) {
  if (!record.trace.sampled) return;
  bool full_batch = false;
  {
    const std::lock_guard lock(impl_->mutex);
    if (int64_t(impl_->waiting.size()) >= impl_->config.queue) {
      ++impl_->dropped;
      return;
    }
    impl_->waiting.push_back(record);
    full_batch = int64_t(impl_->waiting.size()) >= impl_->config.batch;
  }
  if (full_batch) impl_->changed.notify_one();
}

int64_t SpanExporter::dropped() const { return impl_->dropped; }
int64_t SpanExporter::sent() const { return impl_->sent; }

}  // namespace deepseek::serve
