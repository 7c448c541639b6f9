// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "serve/metrics/metrics.h"

namespace deepseek::serve {

/// The metrics of one model, under "deepseek:" names with "vllm:" aliases, labelled model_name.
/// Times are in seconds.
struct ModelMetrics {
  ModelMetrics(MetricRegistry& registry, const std::string& model);

  Gauge requests_running, requests_waiting;
  Gauge kv_cache_usage;  // 0 to 1
  Histogram time_to_first_token, inter_token_latency, request_latency;
  Histogram queue_time, prefill_time, decode_time;
  Histogram request_prompt_tokens, request_generation_tokens;
  Counter prompt_tokens, generation_tokens, reasoning_tokens;
  Counter memory_queries, memory_hits, disk_queries, disk_hits;  // of the prefix cache, in tokens
  Counter preemptions;

  /// finished_reason: stop, length, cancelled, timeout, error.
  Counter finished(const std::string& reason) const;
  /// How unevenly the experts of a layer are used, 0 being evenly.
  Gauge expert_load_max_violation(int64_t layer) const;

 private:
  MetricRegistry* registry_;
  std::string model_;
};

/// Tokens of each key's requests, all models together.
class KeyMetrics {
 public:
  explicit KeyMetrics(MetricRegistry& registry) : registry_(&registry) {}
  /// `key`: its public id, never the secret.
  void used(const std::string& key, int64_t prompt_tokens, int64_t generation_tokens) const;

 private:
  MetricRegistry* registry_;
};

/// Of the server as a whole.
struct HttpMetrics {
  explicit HttpMetrics(MetricRegistry& registry);

  Gauge connections, requests, streams;
  Counter refused_connections;
  Counter log_lines_dropped;

  /// One finished request: counted by route, method and status, and timed by route.
  void finished(const std::string& route, const std::string& method, int status,
                double total_seconds) const;

 private:
  MetricRegistry* registry_;
};

}  // namespace deepseek::serve
