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
  Counter prefix_cache_queries, prefix_cache_hits;  // tokens
  Counter preemptions;
  Counter draft_tokens, accepted_tokens;  // multi-token prediction

  /// finished_reason: stop, length, tool_calls, content_filter, abort, error.
  Counter finished(const std::string& reason) const;
  /// Hits of one tier of the prefix cache: memory, disk.
  Counter cache_hits(const std::string& tier) const;
  /// Tokens that an expert received, of one layer.
  Counter expert_tokens(int64_t layer, int64_t expert) const;
  /// Tokens of a key, by kind: prompt, cached, completion.
  Counter key_tokens(const std::string& key, const std::string& kind) const;

 private:
  MetricRegistry* registry_;
  std::string model_;
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
