// SPDX-License-Identifier: Apache-2.0
// Bodies of every route that takes JSON, through its own handler to a tiny model: the first byte
// chooses the route, the rest is the body. Whatever comes, no answer may say that we are broken.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>

#include "core/thread_pool.h"
#include "serve/api/api.h"
#include "serve/api/page.h"
#include "serve/http/exchange_state.h"
#include "serve/http/request_error.h"
#include "tests/cli/tiny_model.h"

namespace {

using namespace deepseek;
using namespace deepseek::serve;

/// The model's answers are cut after this.
constexpr std::chrono::milliseconds longest_wait{20};
constexpr int64_t stream_buffer_bytes = 1 << 20;

class World {
 public:
  World() {
    compute_pool();  // made before this world, so that it is there until its end
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / concat("deepseek-fuzz-", new_id(""));
    deepseek::testing::write_small_model(folder, deepseek::testing::byte_config());
    ModelPool::Options options;
    options.cards = {std::make_shared<ModelCard>("tiny", folder, options.model)};
    options.memory_bytes = 1;
    context_->accounts = std::make_shared<Accounts>(AccountsConfig{});
    context_->names = std::make_shared<ModelNames>(options.cards, ModelNames::Aliases{});
    context_->models = std::make_shared<ModelPool>(options);
    context_->models->start();
    std::filesystem::remove_all(folder);  // it is mapped
    add_request_schemas(context_->schemas);
    add_page_schemas(context_->schemas);
    Router router;
    for (const auto add :
         {add_chat_routes, add_completion_routes, add_messages_routes, add_embedding_routes,
          add_ollama_routes, add_responses_routes, add_token_routes})
      add(router, context_);
    add_page_routes(router, std::make_shared<Page>(context_, true));
    for (const Route& route : router.routes())
      if (!route.options.request_schema.empty()) routes_.push_back(route);
  }

  ~World() {
    context_->pump.stop();
    routes_.clear();
    context_->models.reset();
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void ask(uint8_t which, std::string body) {
    const Route& route = routes_[which % routes_.size()];
    HttpRequest request;
    request.method = route.method;
    request.path = route.pattern;
    request.headers.add("Content-Type", "application/json");
    request.body = std::move(body);
    request.request_id = "req-fuzz";
    request.received = std::chrono::steady_clock::now();
    request.principal = context_->accounts->check(request, route.access);
    for (const char* name : {"chat", "answer", "response_id"}) request.path_values[name] = "none";
    Waiting waiting;
    const auto state = std::make_shared<ExchangeState>(
        std::move(request), route.options.dialect, stream_buffer_bytes,
        [shared = waiting.shared] { shared->wake(); }, nullptr);
    {
      const Exchange exchange = hand_out(state);
      try {
        route.handler(exchange);
      } catch (...) {
        state->fail(std::current_exception());
      }
    }
    const auto end = std::chrono::steady_clock::now() + longest_wait;
    bool over = false;
    while (!over && waiting.shared->wait_until(end)) {
      const ExchangeState::Taken taken = state->take();
      if (!taken.bytes.empty()) state->wrote(taken.bytes.size());
      over = taken.reply || taken.finished;
      if (taken.reply && taken.reply->status == 500)
        complain(route, *state, taken.reply->body + state->withheld_error());
    }
    if (!state->withheld_error().empty()) complain(route, *state, state->withheld_error());
    state->close(ClosedBecause::client_left);
  }

 private:
  struct Waiting {
    struct Shared {
      std::mutex mutex;
      std::condition_variable changed;
      bool woken = false;

      void wake() {
        const std::lock_guard lock(mutex);
        woken = true;
        changed.notify_all();
      }
      bool wait_until(std::chrono::steady_clock::time_point end) {
        std::unique_lock lock(mutex);
        if (!changed.wait_until(lock, end, [&] { return woken; })) return false;
        woken = false;
        return true;
      }
    };
    std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  };

  [[noreturn]] static void complain(const Route& route, const ExchangeState& state,
                                    const std::string& why) {
    std::fprintf(stderr, "%s %s: %s\n%s\n", route.method.c_str(), route.pattern.c_str(),
                 why.c_str(), state.request().body.c_str());
    std::abort();
  }

  std::shared_ptr<ApiContext> context_ = std::make_shared<ApiContext>();
  std::vector<Route> routes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static World world;
  if (size > 0) world.ask(data[0], std::string(reinterpret_cast<const char*>(data + 1), size - 1));
  return 0;
}
