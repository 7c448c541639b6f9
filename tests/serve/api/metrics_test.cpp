// SPDX-License-Identifier: Apache-2.0
// What /metrics says of things that really happened.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "tests/cli/tiny_model.h"
#include "tests/serve/api/dialect_server.h"
#include "tests/serve/http/test_server.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using testing::eventually;
using testing::RawClient;

const std::string chat_path = "/v1/chat/completions";
const std::string of_tiny = "{model_name=\"tiny\"}";

class ServedMetrics : public testing::DialectServer {
 protected:
  /// Each series as it is written, and its value.
  using Values = std::map<std::string, double>;

  std::string page(const std::string& secret = "") {
    const RawClient::Reply reply = get("/metrics", secret);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.body;
  }
  static Values values_of(const std::string& text) {
    Values values;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
      if (const size_t blank = line.rfind(' '); !line.empty() && line.front() != '#')
        values[line.substr(0, blank)] = std::stod(line.substr(blank + 1));
    return values;
  }
  Values values(const std::string& secret = "") { return values_of(page(secret)); }
  /// Of a series that must be there.
  static double at(const Values& values, const std::string& series) {
    const auto found = values.find(series);
    EXPECT_NE(found, values.end()) << series;
    return found == values.end() ? -1 : found->second;
  }
  /// Of one of the tiny model, which vLLM's name must have too.
  static double model(const Values& values, const std::string& name) {
    const double value = at(values, "deepseek:" + name + of_tiny);
    EXPECT_EQ(at(values, "vllm:" + name + of_tiny), value) << name;
    return value;
  }
  static double tier(const Values& values, const std::string& what, const std::string& tier) {
    const std::string name = "prefix_cache_" + what + "_total";
    const double value =
        at(values, "deepseek:" + name + "{model_name=\"tiny\",tier=\"" + tier + "\"}");
    const std::string external = tier == "disk" ? "external_" : "";
    EXPECT_EQ(at(values, "vllm:" + external + name + of_tiny), value) << what << tier;
    return value;
  }

  json usage(const json& body, const std::string& secret = "") {
    const RawClient::Reply reply = post(chat_path, body, secret);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return json::parse(reply.body).at("usage");
  }
  /// A stream that cannot end unread: it is more than sockets and buffers hold.
  std::unique_ptr<RawClient> stuck_stream() {
    auto reader = std::make_unique<RawClient>(address());
    reader->small_receive_buffer();
    reader->post(chat_path, chat({{"stream", true}, {"n", 32}, {"max_tokens", 1900}}).dump(),
                 "Content-Type: application/json\r\n");
    EXPECT_EQ(reader->reply_head().status, 200);
    return reader;
  }
  static json long_chat(size_t bytes) {
    const json message = {{"role", "user"}, {"content", std::string(bytes, 'x')}};
    return chat({{"messages", {message}}, {"max_tokens", 1}});
  }
};

TEST_F(ServedMetrics, LoadIsWhatRunsAndWaits) {
  config.http.stream_buffer_bytes = 4 << 10;
  config.scheduler.max_running = 1;
  start();
  Values rest = values();
  EXPECT_EQ(model(rest, "num_requests_running"), 0);
  EXPECT_EQ(model(rest, "num_requests_waiting"), 0);
  EXPECT_EQ(model(rest, "kv_cache_usage_perc"), 0);
  EXPECT_EQ(at(rest, "deepseek:http_streams"), 0);

  auto reader = stuck_stream();
  RawClient second(address());
  second.post(chat_path, chat().dump(), "Content-Type: application/json\r\n");
  EXPECT_TRUE(eventually([&] {
    const Values now = values();
    return model(now, "num_requests_running") == 1 && model(now, "num_requests_waiting") == 1 &&
           model(now, "kv_cache_usage_perc") > 0 && at(now, "deepseek:http_streams") == 1 &&
           at(now, "deepseek:http_requests_in_work") == 3 &&
           at(now, "deepseek:http_connections") == 3;
  })) << page();

  reader.reset();
  EXPECT_EQ(second.reply().status, 200);
  const auto ended = "{finished_reason=\"cancelled\",model_name=\"tiny\"}";
  EXPECT_TRUE(eventually([&] {
    const Values now = values();
    return model(now, "num_requests_running") == 0 && model(now, "num_requests_waiting") == 0 &&
           model(now, "kv_cache_usage_perc") == 0 && at(now, "deepseek:http_streams") == 0;
  })) << page();
  EXPECT_EQ(at(values(), std::string("deepseek:request_success_total") + ended), 1);
  EXPECT_EQ(at(values(), std::string("vllm:request_success_total") + ended), 1);
}

TEST_F(ServedMetrics, ARequestIsCountedAndTimed) {
  start();
  const json used = usage(chat({{"model", "deepseek-reasoner"}}));
  EXPECT_EQ(used["completion_tokens"], 16);
  const Values now = values();
  EXPECT_EQ(model(now, "prompt_tokens_total"), used["prompt_tokens"]);
  EXPECT_EQ(model(now, "request_prompt_tokens_sum"), used["prompt_tokens"]);
  EXPECT_EQ(model(now, "generation_tokens_total"), 16);
  EXPECT_EQ(model(now, "request_generation_tokens_sum"), 16);
  EXPECT_GT(used["completion_tokens_details"]["reasoning_tokens"], 0);
  EXPECT_EQ(at(now, "deepseek:reasoning_tokens_total" + of_tiny),
            used["completion_tokens_details"]["reasoning_tokens"]);
  EXPECT_EQ(at(now, "vllm:request_success_total{finished_reason=\"length\",model_name=\"tiny\"}"),
            1);
  for (const char* once :
       {"time_to_first_token_seconds", "e2e_request_latency_seconds", "request_queue_time_seconds",
        "request_prefill_time_seconds", "request_decode_time_seconds"})
    EXPECT_EQ(model(now, std::string(once) + "_count"), 1) << once;
  EXPECT_EQ(model(now, "inter_token_latency_seconds_count"), 15);
  EXPECT_GT(model(now, "time_to_first_token_seconds_sum"), 0);
  EXPECT_GE(model(now, "e2e_request_latency_seconds_sum"),
            model(now, "time_to_first_token_seconds_sum"));

  EXPECT_EQ(post("/v1/embeddings", {{"input", "he he"}}, "").status, 200);
  const Values then = values();
  EXPECT_EQ(model(then, "e2e_request_latency_seconds_count"), 2);
  EXPECT_EQ(model(then, "request_prefill_time_seconds_count"), 1) << "it has no first token";
  EXPECT_EQ(model(then, "request_decode_time_seconds_count"), 1);

  const std::string route = "route=\"" + chat_path + "\"";
  EXPECT_TRUE(eventually([&] {
    const Values later = values();
    return later.contains("deepseek:http_requests_total{method=\"POST\"," + route +
                          ",status=\"200\"}") &&
           later.contains("deepseek:http_request_duration_seconds_count{" + route + "}");
  }));
}

TEST_F(ServedMetrics, TheCacheTellsMemoryFromDisk) {
  config.scheduler.disk = DiskTierOptions{folder.path() / "cache"};
  start();
  const json cold = usage(long_chat(300));
  const double prompt = cold["prompt_tokens"];
  EXPECT_EQ(cold["prompt_cache_hit_tokens"], 0);
  Values now = values();
  EXPECT_EQ(tier(now, "queries", "memory"), prompt);
  EXPECT_EQ(tier(now, "queries", "disk"), prompt) << "nothing of it was in memory";
  EXPECT_EQ(tier(now, "hits", "memory"), 0);
  EXPECT_EQ(tier(now, "hits", "disk"), 0);

  const json warm = usage(long_chat(300));
  EXPECT_GE(warm["prompt_cache_hit_tokens"], 256);
  now = values();
  EXPECT_EQ(tier(now, "queries", "memory"), 2 * prompt);
  EXPECT_EQ(tier(now, "queries", "disk"), prompt) << "memory had all that can be had";
  EXPECT_EQ(tier(now, "hits", "memory"), warm["prompt_cache_hit_tokens"]);
  EXPECT_EQ(tier(now, "hits", "disk"), 0);

  stop();
  start();
  const json again = usage(long_chat(300));
  EXPECT_EQ(again["prompt_cache_hit_tokens"], warm["prompt_cache_hit_tokens"]);
  now = values();
  EXPECT_EQ(tier(now, "queries", "memory"), prompt);
  EXPECT_EQ(tier(now, "queries", "disk"), prompt);
  EXPECT_EQ(tier(now, "hits", "memory"), 0);
  EXPECT_EQ(tier(now, "hits", "disk"), again["prompt_cache_hit_tokens"]);
}

TEST_F(ServedMetrics, TooFewPagesMeanPreemptions) {
  constexpr int64_t page_bytes = 16 << 10;  // of the tiny model: 64 tokens
  config.model.cache_bytes = 4 * page_bytes;
  start();
  EXPECT_EQ(model(values(), "num_preemptions_total"), 0);
  // Two answers of three pages each.
  EXPECT_EQ(usage(chat({{"n", 2}, {"max_tokens", 150}}))["completion_tokens"], 300);
  EXPECT_GE(model(values(), "num_preemptions_total"), 1);
}

TEST_F(ServedMetrics, EachKeyHasItsTokensUnderItsId) {
  config.api_keys = {"sk-operator"};
  const store::NewKey alice = keys.create({.name = "alice"}), bob = keys.create({.name = "bob"});
  start();
  const json first = usage(chat(), alice.secret), second = usage(long_chat(40), alice.secret);
  const json other = usage(chat({{"max_tokens", 3}}), bob.secret);
  const std::string text = page("sk-operator");
  const Values now = values_of(text);
  const auto prompt = [&](const std::string& key) {
    return at(now, "deepseek:key_prompt_tokens_total{key=\"" + key + "\"}");
  };
  const auto generated = [&](const std::string& key) {
    return at(now, "deepseek:key_generation_tokens_total{key=\"" + key + "\"}");
  };
  EXPECT_EQ(prompt(alice.key.id),
            first["prompt_tokens"].get<int>() + second["prompt_tokens"].get<int>());
  EXPECT_EQ(generated(alice.key.id), 17);
  EXPECT_EQ(prompt(bob.key.id), other["prompt_tokens"]);
  EXPECT_EQ(generated(bob.key.id), 3);
  EXPECT_EQ(model(now, "generation_tokens_total"), 20);
  for (const std::string& secret : {alice.secret, bob.secret, std::string("sk-operator")})
    EXPECT_EQ(text.find(secret), std::string::npos);
}

TEST_F(ServedMetrics, KeysBeyondTheBoundAreOneOther) {
  constexpr int bound = 200, more = 5;
  for (int i = 0; i < bound + more; ++i) config.api_keys.push_back("sk-" + std::to_string(i));
  start();
  for (const std::string& key : config.api_keys) usage(chat({{"max_tokens", 2}}), key);
  const Values now = values("sk-0");
  EXPECT_EQ(at(now, "deepseek:key_generation_tokens_total{key=\"static-200\"}"), 2);
  EXPECT_EQ(at(now, "deepseek:key_generation_tokens_total{key=\"other\"}"), 2 * more);
  EXPECT_FALSE(now.contains("deepseek:key_generation_tokens_total{key=\"static-201\"}"));
  EXPECT_EQ(model(now, "generation_tokens_total"), 2 * (bound + more));
}

TEST_F(ServedMetrics, ConnectionsBeyondTheCapAreCounted) {
  config.http.stream_buffer_bytes = 4 << 10;
  config.http.max_connections = 1;
  config.http.io_threads = 1;
  start();
  const std::string counter = "deepseek:http_refused_connections_total";
  EXPECT_EQ(at(values(), counter), 0);
  auto reader = stuck_stream();
  // Who is so slow that the connection is closed before the request is sent reads no status.
  int told = 0, closed = 0;
  const auto is_refused = [&](const RawClient::Reply& reply) {
    told += reply.status == 503 ? 1 : 0;
    closed += reply.status == 0 ? 1 : 0;
    return reply.status == 503 || reply.status == 0;
  };
  EXPECT_TRUE(eventually([&] {
    const RawClient::Reply reply = get("/v1/models", "");
    EXPECT_TRUE(is_refused(reply)) << reply.status;
    return told == 3;
  }));
  reader.reset();
  RawClient::Reply reply;
  EXPECT_TRUE(eventually([&] {
    reply = get("/metrics", "");
    return !is_refused(reply) && at(values_of(reply.body), counter) == told + closed;
  })) << told
      << " told, " << closed << " closed; " << reply.body;
}

TEST_F(ServedMetrics, LinesThatTheLogDropsAreCounted) {
  // A pipe that nobody reads is a log that stands still.
  config.access_log = folder.path() / "pipe";
  ASSERT_EQ(::mkfifo(config.access_log.c_str(), 0600), 0);
  const int unread = ::open(config.access_log.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(unread, 0);
  start();
  EXPECT_EQ(at(values(), "deepseek:log_lines_dropped_total"), 0);
  RawClient client(address());
  constexpr int enough = 10'000, at_once = 100;  // the log keeps 8192 lines, the pipe 64 KiB
  for (int sent = 0; sent < enough; sent += at_once) {
    for (int i = 0; i < at_once; ++i) client.get("/health");
    for (int i = 0; i < at_once; ++i) ASSERT_EQ(client.reply().status, 200);
  }
  EXPECT_GT(at(values(), "deepseek:log_lines_dropped_total"), 0);

  // The server writes what waits before it ends.
  const int reading = ::open(config.access_log.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(reading, 0);
  ::close(unread);
  std::thread reader([reading] {
    std::array<char, 65536> bytes;
    while (::read(reading, bytes.data(), bytes.size()) > 0) {
    }
  });
  stop();
  reader.join();
  ::close(reading);
}

class ServedExperts : public ServedMetrics {
 protected:
  ServedExperts() {
    json mixture = testing::byte_config();
    mixture.update({{"model_type", "deepseek"},
                    {"architectures", {"DeepseekForCausalLM"}},
                    {"num_hidden_layers", 3},
                    {"num_key_value_heads", 4},
                    {"n_routed_experts", 8},
                    {"n_shared_experts", 1},
                    {"num_experts_per_tok", 2},
                    {"moe_intermediate_size", 32},
                    {"first_k_dense_replace", 1}});
    testing::write_small_model(config.models.front().path, mixture);
    config.api_keys = {"sk-operator"};
  }
};

TEST_F(ServedExperts, ABalanceIsToldOfEachLayerOnceItIsKnown) {
  start();
  const std::string name = "deepseek:expert_load_max_violation";
  usage(long_chat(500), "sk-operator");
  EXPECT_EQ(page("sk-operator").find(name), std::string::npos) << "half a window says nothing";
  usage(long_chat(1500), "sk-operator");
  const Values now = values("sk-operator");
  for (const char* layer : {"1", "2"}) {
    const double violation = at(now, name + "{layer=\"" + layer + "\",model_name=\"tiny\"}");
    EXPECT_GT(violation, 0);
    EXPECT_LE(violation, 3) << "two of eight: the busiest has at most four times the mean";
  }
  EXPECT_FALSE(now.contains(name + "{layer=\"0\",model_name=\"tiny\"}")) << "it is dense";
}

/// The names of metrics in a file of the sources.
std::set<std::string> names_in(const std::string& file) {
  std::ifstream stream(std::string(DEEPSEEK_SOURCE_DIR) + "/" + file);
  EXPECT_TRUE(stream) << file;
  std::ostringstream text;
  text << stream.rdbuf();
  const std::string all = text.str();
  const std::regex name("(deepseek|vllm):[a-z][a-z0-9_]+[a-z0-9]");
  return {std::sregex_token_iterator(all.begin(), all.end(), name), std::sregex_token_iterator()};
}

TEST_F(ServedExperts, TheGuideAndTheChartNameWhatThereIs) {
  start();
  usage(long_chat(1500), "sk-operator");
  ASSERT_TRUE(eventually([&] {
    return page("sk-operator").find("deepseek:http_requests_total") != std::string::npos;
  }));
  std::set<std::string> there;
  std::istringstream lines(page("sk-operator"));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("# TYPE ")) there.insert(line.substr(7, line.find(' ', 7) - 7));
  const std::set<std::string> listed = names_in("docs/serving.md");
  for (const std::string& name : there)
    EXPECT_TRUE(name.starts_with("vllm:") || listed.contains(name))
        << name << " is not in docs/serving.md";
  for (const char* file :
       {"docs/serving.md", "deploy/helm/deepseek/values.yaml",
        "deploy/helm/deepseek/templates/autoscaler.yaml", "web/src/operator.jsx"})
    for (const std::string& name : names_in(file))
      EXPECT_TRUE(there.contains(name)) << file << " names " << name << ", which is not there";
}

}  // namespace
}  // namespace deepseek::serve
