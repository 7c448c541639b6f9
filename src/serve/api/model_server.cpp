// SPDX-License-Identifier: Apache-2.0
#include "serve/api/model_server.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "core/json.h"
#include "core/machine_memory.h"
#include "deepseek/deepseek.h"
#include "serve/api/api.h"
#include "serve/api/api_notes.h"
#include "serve/api/model_waits.h"
#include "serve/api/page.h"
#include "serve/api/reply_schemas.h"
#include "serve/batches/batch_routes.h"
#include "serve/batches/batch_runner.h"
#include "serve/http/access_log.h"
#include "serve/http/request_error.h"
#include "serve/http/schema_openapi.h"
#include "serve/http/span_exporter.h"
#include "serve/metrics/serve_metrics.h"
#include "serve/web/web_page.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;

/// Of the lines of batches, which wait for a model as long as it takes.
constexpr TimeLimits unlimited{.queue = std::chrono::milliseconds(0)};

/// What batches may ask for.
constexpr std::string_view batch_endpoints[] = {"/v1/chat/completions", "/v1/completions",
                                                "/v1/embeddings", "/v1/responses"};

/// Counts what happens in a model's scheduler. The scheduler's tenants are keys.
class MetricsObserver : public SchedulerObserver {
 public:
  MetricsObserver(const ModelMetrics& metrics, const KeyMetrics& keys)
      : metrics_(metrics), keys_(keys) {}
  void queued(double seconds) override { metrics_.queue_time.observe(seconds); }
  void first_token(double seconds) override { metrics_.time_to_first_token.observe(seconds); }
  void inter_token(double seconds) override { metrics_.inter_token_latency.observe(seconds); }
  void looked_up(CacheTier tier, int64_t tokens) override {
    (tier == CacheTier::disk ? metrics_.disk_queries : metrics_.memory_queries)
        .add(static_cast<double>(tokens));
  }
  void found(CacheTier tier, int64_t tokens) override {
    (tier == CacheTier::disk ? metrics_.disk_hits : metrics_.memory_hits)
        .add(static_cast<double>(tokens));
  }
  void preempted() override { metrics_.preemptions.add(); }
  void expert_load(int64_t layer, double max_violation) override {
    metrics_.expert_load_max_violation(layer).set(max_violation);
  }
  void finished(const std::string& key, const deepseek::Usage& usage,
                const deepseek::Timings& timings, FinishReason reason) override {
    metrics_.request_latency.observe(timings.total_ms / 1000);
    if (timings.first_token_ms > 0) {
      metrics_.prefill_time.observe(timings.prefill_ms / 1000);
      metrics_.decode_time.observe(timings.decode_ms / 1000);
    }
    metrics_.request_prompt_tokens.observe(static_cast<double>(usage.prompt_tokens));
    metrics_.request_generation_tokens.observe(static_cast<double>(usage.completion_tokens));
    metrics_.prompt_tokens.add(static_cast<double>(usage.prompt_tokens));
    metrics_.generation_tokens.add(static_cast<double>(usage.completion_tokens));
    metrics_.reasoning_tokens.add(static_cast<double>(usage.reasoning_tokens));
    metrics_.finished(std::string(finish_reason_name(reason))).add();
    if (!key.empty()) keys_.used(key, usage.prompt_tokens, usage.completion_tokens);
  }

 private:
  ModelMetrics metrics_;
  KeyMetrics keys_;
};

ModelNames::Cards cards_of(const ModelServerConfig& config) {
  if (config.model.adapter && config.models.size() > 1)
    fail(ErrorKind::invalid_input, "adapter: expected one model beside it, got ",
         config.models.size());
  ModelNames::Cards cards;
  for (const ServedModel& model : config.models)
    cards.push_back(std::make_shared<ModelCard>(model.name, model.path, config.model));
  return cards;
}

/// Connections need one each; shells give 1024 of the many that the system permits.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int64_t memory_budget(int64_t memory_bytes) {
  return memory_bytes > 0 ? memory_bytes : machine_memory().total_bytes / 5 * 4;
}

struct ModelServer::Impl {
  explicit Impl(ModelServerConfig config)
      : config_(std::move(config)),
        log_(config_.access_log),
        accounts_(open_accounts()),
        http_metrics_(registry_) {
    config_.time_limits.validate();
    for (const ServedModel& model : config_.models)
      model_metrics_.try_emplace(model.name, registry_, model.name);
    models_ = std::make_shared<ModelPool>(pool_options());
    // Keys guard a public name that is not known here; without them only known names are answered.
    if (config_.http.allowed_hosts.empty() && accounts_->guards()) config_.http.check_host = false;
    if (!config_.otlp_endpoint.empty())
      exporter_ =
          std::make_unique<SpanExporter>(SpanExporterConfig{.endpoint = config_.otlp_endpoint});
    context_ = std::make_shared<ApiContext>();
    context_->accounts = accounts_;
    add_request_schemas(context_->schemas);
    add_page_schemas(context_->schemas);
    add_reply_schemas(context_->schemas);
    context_->names = std::make_shared<ModelNames>(models_->cards(), config_.aliases);
    context_->models = models_;
    context_->strict_replay = config_.strict_replay;
    context_->time_limits = config_.time_limits;
    make_server();
  }

  /// Each ends before what it calls: requests before the pool that runs those that waited, both
  /// before the sessions they begin, and sessions before the models they hold.
  ~Impl() {
    server_->stop();
    models_->stop();
    if (loader_.joinable()) loader_.join();
    runner_.reset();
    context_->pump.stop();
  }

  std::shared_ptr<Accounts> open_accounts() {
    AccountsConfig accounts{.api_keys = config_.api_keys,
                            .store = config_.store,
                            .prices = config_.prices,
                            .notice = [this](const std::string& line) { log_.notice(line); }};
    for (const ServedModel& model : config_.models) accounts.models.push_back(model.name);
    if (config_.scheduler.disk) accounts.secret_folder = config_.scheduler.disk->folder;
    return std::make_shared<Accounts>(std::move(accounts));
  }

  ModelPool::Options pool_options() {
    ModelPool::Options options;
    options.cards = cards_of(config_);
    options.model = config_.model;
    options.scheduler = config_.scheduler;
    options.scheduler.notice = [this](std::string_view line) { log_.notice(std::string(line)); };
    options.memory_bytes = memory_budget(config_.memory_bytes);
    options.unload_after = config_.unload_after;
    options.observer = [this](const std::string& name) {
      return std::make_shared<MetricsObserver>(model_metrics_.at(name), KeyMetrics(registry_));
    };
    options.notice = [this](const std::string& line) { log_.notice(line); };
    return options;
  }

  /// Batches go through the same handlers as what clients send.
  void start_batches(const Router& router) {
    if (!accounts_->files()) return;
    BatchRunner::Options options;
    for (const Route& route : router.routes())
      if (std::ranges::find(batch_endpoints, route.pattern) != std::end(batch_endpoints))
        options.routes.push_back(route);
    options.principal = [this](const std::string& owner, const Access& access) {
      return accounts_->holder(owner, access);
    };
    options.paused = [this] { return !loaded_ || server_->draining(); };
    options.notice = [this](const std::string& line) { log_.notice(line); };
    runner_ = std::make_unique<BatchRunner>(std::move(options), *accounts_->batches(),
                                            *accounts_->files());
    desk_->batches = accounts_->batches();
    desk_->serves = [this](const std::string& endpoint) {
      return runner_->route_of(endpoint) != nullptr;
    };
    desk_->check = [this](const HttpRequest& http, const std::string& endpoint) {
      check_scope(holder_of(http), runner_->route_of(endpoint)->access.scope());
    };
    desk_->wake = [this] { runner_->wake(); };
  }

  void make_server() {
    Router router;
    add_chat_routes(router, context_);
    add_completion_routes(router, context_);
    add_messages_routes(router, context_);
    add_embedding_routes(router, context_);
    add_ollama_routes(router, context_);
    add_responses_routes(router, context_);
    add_balance_routes(router, context_);
    add_token_routes(router, context_);
    add_model_routes(router, context_);
    const FileAccess access{.files = accounts_->files(),
                            .limit_bytes = config_.files_bytes,
                            .owner = [](const HttpRequest& http) { return holder_of(http).owner; }};
    add_file_routes(router, access);
    add_batch_routes(router, desk_, access, context_->schemas);
    add_page_routes(router, std::make_shared<Page>(
                                context_, std::ranges::all_of(config_.http.listen, is_loopback)));
    add_web_routes(router);
    add_operations_routes(router,
                          {.readiness = [this] { return readiness(); },
                           .startup = [this] { return startup_page(); },
                           .started = [this] { return loaded_.load(); },
                           .metrics = [this] { return metrics_text(); },
                           .draining = [this] { return server_ && server_->draining(); }},
                          Access::scope("admin"));
    auto page = std::make_shared<std::string>();
    router.add(Route("GET", "/openapi.json", Access::open(),
                     answering([page](const HttpRequest&) { return json_reply(*page); }),
                     {.always = true, .summary = "This document"}));
    *page = openapi_document(router, context_->schemas, api_notes(config_.time_limits),
                             {.title = "deepseek",
                              .version = std::string(version()),
                              .description = "DeepSeek models behind the OpenAI and DeepSeek API.",
                              .url_prefix = config_.http.url_prefix})
                .dump();
    ServerHooks hooks;
    hooks.authorise = [this](const HttpRequest& request, const Route& route) {
      return accounts_->check(request, route.access);
    };
    hooks.admission = [this] { return Readiness{loaded_.load(), loading_words(), 1000}; };
    hooks.finished = [this](const RequestRecord& record) {
      http_metrics_.finished(record.route, record.method, record.status, record.total_ms / 1000);
      if (config_.log_requests) log_.write(record);
      if (exporter_) exporter_->add(record);
    };
    hooks.notice = [this](const std::string& line) { log_.notice(line); };
    server_ = std::make_unique<HttpServer>(
        config_.http, with_model_waits(router, models_, config_.time_limits), std::move(hooks));
    start_batches(with_model_waits(router, models_, unlimited));
  }

  void load() {
    std::exception_ptr failure;
    try {
      models_->start();
      loaded_ = true;
    } catch (...) {
      failure = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      failure_ = failure;
      loading_ended_ = true;
    }
    changed_.notify_all();
    if (failure) ::kill(::getpid(), SIGTERM);
  }

  const char* loading_words() const {
    return config_.models.size() == 1 ? "the model is being loaded" : "models are being loaded";
  }

  std::vector<std::shared_ptr<ModelHost>> hosts() const {
    std::vector<std::shared_ptr<ModelHost>> all;
    for (const auto& card : models_->cards())
      if (auto host = models_->peek(*card)) all.push_back(std::move(host));
    return all;
  }

  Readiness readiness() {
    if (!loaded_) return {false, loading_words(), 1000};
    for (const std::shared_ptr<ModelHost>& host : hosts()) {
      const auto silent = std::chrono::steady_clock::now() - host->scheduler().last_progress();
      if (!host->scheduler().idle() && silent > config_.stuck_after)
        return {false, "no step of the model has completed for a while", 5000};
    }
    return {};
  }

  std::string startup_page() {
    const std::lock_guard lock(mutex_);
    ordered_json page = {{"model", config_.models.front().name},
                         {"state", failure_  ? "failed"
                                   : loaded_ ? "ready"
                                             : "loading"},
                         {"models", ordered_json::array()}};
    for (const ModelPool::Status& status : models_->status())
      page["models"].push_back({{"name", status.card->name()},
                                {"state", status.state == ModelPool::State::loaded    ? "loaded"
                                          : status.state == ModelPool::State::loading ? "loading"
                                                                                      : "absent"}});
    return page.dump();
  }

  std::string metrics_text() {
    const std::lock_guard lock(metrics_mutex_);
    for (const ModelPool::Status& status : models_->status()) {
      const ModelMetrics& metrics = model_metrics_.at(status.card->name());
      const std::shared_ptr<ModelHost> host = models_->peek(*status.card);
      const SchedulerStatistics now = host ? host->scheduler().statistics() : SchedulerStatistics{};
      metrics.requests_running.set(static_cast<double>(now.running_requests));
      metrics.requests_waiting.set(static_cast<double>(now.waiting_requests));
      metrics.kv_cache_usage.set(now.kv_usage);
    }
    const ServerCounts counts = server_->counts();
    http_metrics_.connections.set(static_cast<double>(counts.connections));
    http_metrics_.requests.set(static_cast<double>(counts.requests));
    http_metrics_.streams.set(static_cast<double>(counts.streams));
    http_metrics_.refused_connections.raise_to(static_cast<double>(counts.refused_connections));
    http_metrics_.log_lines_dropped.raise_to(static_cast<double>(log_.dropped_lines()));
    return registry_.text();
  }

  ModelServerConfig config_;
  AccessLog log_;
  std::shared_ptr<Accounts> accounts_;
  std::unique_ptr<SpanExporter> exporter_;
  std::mutex metrics_mutex_;  // one page at a time
  MetricRegistry registry_;
  std::map<std::string, ModelMetrics> model_metrics_;
  HttpMetrics http_metrics_;
  std::shared_ptr<ModelPool> models_;
  std::shared_ptr<ApiContext> context_;
  std::shared_ptr<BatchDesk> desk_ = std::make_shared<BatchDesk>();
  std::unique_ptr<BatchRunner> runner_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::exception_ptr failure_;
  bool loading_ended_ = false;
  std::atomic<bool> loaded_{false};
  std::thread loader_;
  std::unique_ptr<HttpServer> server_;
};

ModelServer::ModelServer(ModelServerConfig config)
    : impl_(std::make_unique<Impl>(std::move(config))) {}
ModelServer::~ModelServer() = default;

void ModelServer::start() {
  raise_descriptor_limit();
  check_bind(impl_->config_.http.listen, impl_->accounts_->guards(), impl_->config_.force_public);
  impl_->server_->start();
  impl_->loader_ = std::thread([this] { impl_->load(); });
}

std::vector<ListenAddress> ModelServer::addresses() const { return impl_->server_->addresses(); }

void ModelServer::wait_loaded() {
  std::unique_lock lock(impl_->mutex_);
  impl_->changed_.wait(lock, [&] { return impl_->loading_ended_; });
  if (impl_->failure_) std::rethrow_exception(impl_->failure_);
}

bool ModelServer::run() {
  const bool whole = serve_until_signal(*impl_->server_, impl_->config_.drain);
  const std::lock_guard lock(impl_->mutex_);
  if (impl_->failure_) std::rethrow_exception(impl_->failure_);
  return whole;
}

}  // namespace deepseek::serve
