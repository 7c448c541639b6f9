// SPDX-License-Identifier: Apache-2.0
#include "tests/serve/http/test_server.h"

#include <thread>

namespace deepseek::testing {

using namespace serve;

bool eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

ServerConfig local_config() {
  return {.listen = {{"127.0.0.1", 0}},
          .io_nice = 0,
          .header_timeout_ms = 600'000,
          .body_timeout_ms = 600'000,
          .idle_timeout_ms = 600'000,
          .write_timeout_ms = 600'000,
          .keep_alive_ms = 600'000,
          .last_words_ms = 60'000};
}

TestServer::TestServer(const Routes& routes, ServerConfig config, ServerHooks hooks) {
  Router router;
  routes(router);
  hooks.finished = [this](const RequestRecord& record) { records_.put(record); };
  server_ = std::make_unique<HttpServer>(std::move(config), std::move(router), std::move(hooks));
  server_->start();
}

void add_plain_routes(Router& router) {
  router.add({"POST", "/echo", Access::open(),
              answering([](const HttpRequest& request) { return text_reply(request.body); })});
  router.add({"GET", "/hello", Access::open(),
              answering([](const HttpRequest&) { return text_reply("hello"); })});
}

}  // namespace deepseek::testing
