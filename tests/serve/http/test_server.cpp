// SPDX-License-Identifier: Apache-2.0
#include "tests/serve/http/test_server.h"

#include <thread>

namespace deepseek::testing {

using namespace serve;

bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 4000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
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
