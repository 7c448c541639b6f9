// SPDX-License-Identifier: Apache-2.0
#include "serve/http/operations.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/error.h"
#include "core/json.h"
#include "serve/http/access_log.h"
#include "serve/http/span_exporter.h"
#include "serve/metrics/serve_metrics.h"
#include "tests/serve/http/test_server.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::serve {
namespace {

using namespace deepseek::testing;
using Json = nlohmann::json;

RequestRecord sample_record() {
  RequestRecord record;
  record.request_id = "r1";
  record.method = "POST";
  record.route = "/v1/chat/completions";
  record.peer = "127.0.0.1:1";
  record.principal = "key-1";
  record.status = 200;
  record.began =
      std::chrono::system_clock::time_point(std::chrono::milliseconds(1'700'000'000'123));
  record.total_ms = 12.5;
  record.trace = trace_of_request("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  record.summary = {.model = "m",
                    .finish_reason = "stop",
                    .prompt_tokens = 5,
                    .completion_tokens = 3,
                    .first_token_ms = 4.5};
  return record;
}

TEST(Operations, ProbesTellHowItIs) {
  std::atomic<bool> started{false}, ready{false}, draining{false};
  TestServer server([&](Router& router) {
    add_operations_routes(router,
                          {.readiness =
                               [&] {
                                 return Readiness{ready, "no step for 30 s", 5000};
                               },
                           .startup = [] { return std::string(R"({"loaded":0.4})"); },
                           .started = [&] { return started.load(); },
                           .metrics = [] { return std::string("a 1\n"); },
                           .draining = [&] { return draining.load(); }},
                          Access::open());
  });
  RawClient client(server.address());
  EXPECT_EQ(client.ask("/health").body, R"({"status":"ok"})");
  RawClient::Reply reply = client.ask("/startup");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body, R"({"loaded":0.4})");
  EXPECT_TRUE(reply.has("Retry-After"));
  started = true;
  EXPECT_EQ(client.ask("/startup").status, 200);
  reply = client.ask("/ready");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.field("Retry-After"), "5");
  EXPECT_NE(reply.body.find("no step for 30 s"), std::string::npos);
  ready = true;
  EXPECT_EQ(client.ask("/ready").status, 200);
  draining = true;
  EXPECT_EQ(client.ask("/ready").status, 503);
  reply = client.ask("/metrics");
  EXPECT_EQ(reply.body, "a 1\n");
  EXPECT_EQ(reply.field("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
}

TEST(Metrics, AppearUnderBothNames) {
  MetricRegistry registry;
  const ModelMetrics model(registry, "m");
  model.requests_waiting.set(3);
  model.time_to_first_token.observe(0.05);
  model.prompt_tokens.add(10);
  model.finished("stop").add();
  model.memory_hits.add(128);
  model.disk_hits.add(64);
  const HttpMetrics http(registry);
  http.finished("/health", "GET", 200, 0.001);
  const std::string text = registry.text();
  for (const char* line :
       {"deepseek:num_requests_waiting{model_name=\"m\"} 3",
        "vllm:num_requests_waiting{model_name=\"m\"} 3",
        "vllm:time_to_first_token_seconds_bucket{model_name=\"m\",le=\"0.06\"} 1",
        "vllm:prompt_tokens_total{model_name=\"m\"} 10", "# TYPE vllm:prompt_tokens_total counter",
        "deepseek:prefix_cache_hits_total{model_name=\"m\",tier=\"memory\"} 128",
        "deepseek:prefix_cache_hits_total{model_name=\"m\",tier=\"disk\"} 64",
        "vllm:prefix_cache_hits_total{model_name=\"m\"} 128",
        "vllm:external_prefix_cache_hits_total{model_name=\"m\"} 64",
        "vllm:request_success_total{finished_reason=\"stop\",model_name=\"m\"} 1",
        "deepseek:http_requests_total{method=\"GET\",route=\"/health\",status=\"200\"} 1"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
}

TEST(Metrics, BoundTheirSeries) {
  MetricRegistry registry(10);
  for (int i = 0; i < 1000; ++i)
    registry.counter("c_total", "", {{"key", std::to_string(i)}}).add();
  const std::string text = registry.text();
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 15);
  EXPECT_NE(text.find("c_total{key=\"other\"} 990"), std::string::npos) << text;
  EXPECT_THROW(registry.gauge("c_total", ""), Error);
  for (int i = 0; i < 20; ++i) registry.gauge("g", "", {{"layer", std::to_string(i)}}).set(i);
  EXPECT_NE(registry.text().find("g{layer=\"19\"} 19"), std::string::npos) << "no gauge is other";
}

TEST(Metrics, ATotalKeptElsewhereNeverFalls) {
  MetricRegistry registry;
  const Counter counter = registry.counter("c_total", "");
  for (const double total : {3, 2, 5}) counter.raise_to(total);
  EXPECT_NE(registry.text().find("c_total 5\n"), std::string::npos);
}

TEST(AccessLog, WritesALineOfJson) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "access.jsonl";
  {
    AccessLog log(path);
    log.write(sample_record());
    log.notice("a \"notice\"\n");
  }
  std::ifstream file(path);
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  const Json json = Json::parse(line);
  EXPECT_EQ(json["time"], "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(json["request_id"], "r1");
  EXPECT_EQ(json["route"], "/v1/chat/completions");
  EXPECT_EQ(json["status"], 200);
  EXPECT_EQ(json["key"], "key-1");
  EXPECT_EQ(json["prompt_tokens"], 5);
  EXPECT_EQ(json["first_token_ms"], 4.5);
  EXPECT_FALSE(json.contains("cached_tokens"));
  ASSERT_TRUE(std::getline(file, line));
  EXPECT_EQ(Json::parse(line)["message"], "a \"notice\"\n");
  EXPECT_FALSE(std::getline(file, line));
  EXPECT_THROW(AccessLog("/proc/nowhere/log"), Error);
}

TEST(Spans, GoToACollector) {
  Mailbox<std::string> bodies;
  TestServer collector([&](Router& router) {
    router.add({"POST", "/v1/traces", Access::open(), answering([&](const HttpRequest& request) {
                  bodies.put(request.body);
                  return json_reply("{}");
                })});
  });
  SpanExporter exporter({.endpoint = "http://127.0.0.1:" + std::to_string(collector.address().port),
                         .batch = 1,
                         .timeout_ms = 120'000});
  RequestRecord unsampled = sample_record();
  unsampled.trace.sampled = false;
  exporter.add(unsampled);
  exporter.add(sample_record());
  const auto body = bodies.take();
  ASSERT_TRUE(body);
  const Json span = Json::parse(*body)["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
  EXPECT_EQ(span["traceId"], "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(span["parentSpanId"], "b7ad6b7169203331");
  EXPECT_EQ(span["startTimeUnixNano"], "1700000000123000000");
  EXPECT_EQ(span["endTimeUnixNano"], "1700000000135500000");
  EXPECT_TRUE(span["attributes"].is_array());
  EXPECT_TRUE(eventually([&] { return exporter.sent() == 1; }));
}

TEST(Spans, NeverBlockWithoutACollector) {
  SpanExporter exporter(
      {.endpoint = "http://127.0.0.1:1", .queue = 10, .batch = 100, .interval_ms = 3'600'000});
  for (int i = 0; i < 1000; ++i) exporter.add(sample_record());
  EXPECT_GE(exporter.dropped(), 990);
  EXPECT_THROW(SpanExporter({.endpoint = "file:///etc"}), Error);
}

}  // namespace
}  // namespace deepseek::serve
