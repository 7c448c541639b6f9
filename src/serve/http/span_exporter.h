// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "serve/http/server.h"

namespace deepseek::serve {

/// The OTLP/HTTP JSON of one span a request, with the gen_ai attributes of OpenTelemetry.
std::string otlp_json(const std::vector<RequestRecord>& records, const std::string& service_name);

struct SpanExporterConfig {
  std::string endpoint;  // "http://collector:4318"; "/v1/traces" is appended
  std::string service_name = "deepseek";
  int64_t queue = 4096;  // waiting spans; more are dropped and counted
  int64_t batch = 256;
  int64_t interval_ms = 2000;
  int64_t timeout_ms = 5000;  // of one transfer
};

/// Sends spans of sampled requests from a thread of its own. Never blocks and never fails a
/// request: what the collector does not take is dropped.
class SpanExporter {
 public:
  explicit SpanExporter(SpanExporterConfig config);
  /// Sends what waits, for at most a second.
  ~SpanExporter();
  SpanExporter(const SpanExporter&) = delete;
  SpanExporter& operator=(const SpanExporter&) = delete;

  void add(const RequestRecord& record);
  int64_t dropped() const;
  int64_t sent() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deepseek::serve
