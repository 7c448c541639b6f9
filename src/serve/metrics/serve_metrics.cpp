// SPDX-License-Identifier: Apache-2.0
#include "serve/metrics/serve_metrics.h"

namespace deepseek::serve {
namespace {

/// vLLM's bounds where it has some, so that its dashboards keep their shape.
const std::vector<double> first_token_bounds{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1,
                                             0.25,  0.5,   0.75, 1,    2.5,  5,    7.5,  10,
                                             20,    40,    80,   160,  640,  2560};
const std::vector<double> token_bounds{0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5,
                                       0.75, 1,     2.5,  5,     7.5, 10,   20,  40,  80};
const std::vector<double> request_bounds{0.3, 0.5, 0.8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
                                         30,  40,  50,  60, 120, 240, 480, 960, 1920, 7680};
const std::vector<double> count_bounds{1,   2,    5,    10,  20,  50,  100, 200, 500,
                                       1e3, 2000, 5000, 1e4, 2e4, 5e4, 1e5, 2e5};
const std::vector<double> reply_bounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                       0.5,    1,     2.5,    5,     10,   30,    60,   300, 600};

std::string both(MetricRegistry& registry, const std::string& name) {
  registry.alias("deepseek:" + name, "vllm:" + name);
  return "deepseek:" + name;
}

Labels of_model(const std::string& model) { return {{"model_name", model}}; }

Gauge gauge(MetricRegistry& registry, const std::string& model, const std::string& name,
            const std::string& help) {
  return registry.gauge(both(registry, name), help, of_model(model));
}

Histogram histogram(MetricRegistry& registry, const std::string& model, const std::string& name,
                    const std::string& help, const std::vector<double>& bounds) {
  return registry.histogram(both(registry, name), help, bounds, of_model(model));
}

Counter counter(MetricRegistry& registry, const std::string& model, const std::string& name,
                const std::string& help) {
  return registry.counter(both(registry, name), help, of_model(model));
}

/// `name`: of the prefix cache. vLLM calls memory the prefix cache, and what is asked for the rest
/// the external one.
Counter tier_counter(MetricRegistry& registry, const std::string& model, const std::string& tier,
                     const std::string& name, const std::string& help) {
  const std::string own = "deepseek:" + name;
  registry.alias(own, "vllm:" + name, {{"tier", "memory"}});
  registry.alias(own, "vllm:external_" + name, {{"tier", "disk"}});
  return registry.counter(own, help, {{"model_name", model}, {"tier", tier}});
}

Counter tier_queries(MetricRegistry& registry, const std::string& model, const std::string& tier) {
  return tier_counter(registry, model, tier, "prefix_cache_queries_total",
                      "Tokens of prompts that were looked for in a tier of the prefix cache.");
}

Counter tier_hits(MetricRegistry& registry, const std::string& model, const std::string& tier) {
  return tier_counter(registry, model, tier, "prefix_cache_hits_total",
                      "Of them, those that were found.");
}

}  // namespace

ModelMetrics::ModelMetrics(MetricRegistry& registry, const std::string& model)
    : requests_running(gauge(registry, model, "num_requests_running", "Requests in the batch.")),
      requests_waiting(gauge(registry, model, "num_requests_waiting", "Requests in the queue.")),
      kv_cache_usage(gauge(registry, model, "kv_cache_usage_perc",
                           "Share of the cache's pages in use, 1 being all.")),
      time_to_first_token(histogram(registry, model, "time_to_first_token_seconds",
                                    "From a request's arrival to its first token.",
                                    first_token_bounds)),
      inter_token_latency(histogram(registry, model, "inter_token_latency_seconds",
                                    "Between tokens of one request.", token_bounds)),
      request_latency(histogram(registry, model, "e2e_request_latency_seconds",
                                "From a request's arrival to its end.", request_bounds)),
      queue_time(histogram(registry, model, "request_queue_time_seconds",
                           "From a request's arrival to its first step.", request_bounds)),
      prefill_time(histogram(registry, model, "request_prefill_time_seconds",
                             "From a request's first step to its first token.", request_bounds)),
      decode_time(histogram(registry, model, "request_decode_time_seconds",
                            "From a request's first token to its last.", request_bounds)),
      request_prompt_tokens(histogram(registry, model, "request_prompt_tokens",
                                      "Tokens of a request's prompt.", count_bounds)),
      request_generation_tokens(histogram(registry, model, "request_generation_tokens",
                                          "Tokens generated for a request.", count_bounds)),
      prompt_tokens(counter(registry, model, "prompt_tokens_total",
                            "Tokens of the prompts of requests that ended.")),
      generation_tokens(counter(registry, model, "generation_tokens_total",
                                "Tokens generated for requests that ended.")),
      reasoning_tokens(registry.counter("deepseek:reasoning_tokens_total",
                                        "Of the tokens generated, those of reasoning.",
                                        of_model(model))),
      memory_queries(tier_queries(registry, model, "memory")),
      memory_hits(tier_hits(registry, model, "memory")),
      disk_queries(tier_queries(registry, model, "disk")),
      disk_hits(tier_hits(registry, model, "disk")),
      preemptions(counter(registry, model, "num_preemptions_total",
                          "How often an answer gave its pages back, to be taken up again.")),
      registry_(&registry),
      model_(model) {}

Counter ModelMetrics::finished(const std::string& reason) const {
  return registry_->counter(both(*registry_, "request_success_total"),
                            "Finished requests by reason.",
                            {{"model_name", model_}, {"finished_reason", reason}});
}

Gauge ModelMetrics::expert_load_max_violation(int64_t layer) const {
  return registry_->gauge("deepseek:expert_load_max_violation",
                          "Tokens of the layer's busiest expert over the mean of all, less 1, in "
                          "the last full window.",
                          {{"model_name", model_}, {"layer", std::to_string(layer)}});
}

void KeyMetrics::used(const std::string& key, int64_t prompt_tokens,
                      int64_t generation_tokens) const {
  registry_
      ->counter("deepseek:key_prompt_tokens_total",
                "Tokens of the prompts of a key's requests that ended.", {{"key", key}})
      .add(static_cast<double>(prompt_tokens));
  registry_
      ->counter("deepseek:key_generation_tokens_total",
                "Tokens generated for a key's requests that ended.", {{"key", key}})
      .add(static_cast<double>(generation_tokens));
}

HttpMetrics::HttpMetrics(MetricRegistry& registry)
    : connections(registry.gauge("deepseek:http_connections", "Open connections.")),
      requests(
          registry.gauge("deepseek:http_requests_in_work", "Requests being received or answered.")),
      streams(registry.gauge("deepseek:http_streams", "Streams being answered.")),
      refused_connections(
          registry.counter("deepseek:http_refused_connections_total",
                           "Connections beyond the cap, where only probes are answered.")),
      log_lines_dropped(
          registry.counter("deepseek:log_lines_dropped_total", "Lines the log had no time for.")),
      registry_(&registry) {}

void HttpMetrics::finished(const std::string& route, const std::string& method, int status,
                           double total_seconds) const {
  registry_
      ->counter("deepseek:http_requests_total", "Finished requests.",
                {{"route", route}, {"method", method}, {"status", std::to_string(status)}})
      .add();
  registry_
      ->histogram("deepseek:http_request_duration_seconds",
                  "From a request's first byte to its reply's last.", reply_bounds,
                  {{"route", route}})
      .observe(total_seconds);
}

}  // namespace deepseek::serve
