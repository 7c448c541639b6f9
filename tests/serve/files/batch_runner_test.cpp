// SPDX-License-Identifier: Apache-2.0
#include "serve/batches/batch_runner.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <sstream>

#include "core/file.h"
#include "serve/batches/batch_routes.h"
#include "tests/serve/store/backends.h"

namespace deepseek::serve {
namespace {

using namespace deepseek::testing;
using nlohmann::json;

constexpr const char* endpoint = "/v1/completions";

/// Files and batches over a store, and a stand-in for the model that answers when it is let.
class BatchRunnerOn : public OnBothBackends {
 protected:
  void SetUp() override {
    OnBothBackends::SetUp();
    if (IsSkipped()) return;
    owner = std::make_unique<store::Owner>(*database);
    batches = std::make_unique<store::Batches>(*database, *owner);
    files = std::make_unique<store::Files>(*database, folder.path());
    access = {.files = files.get(), .limit_bytes = 1 << 20, .owner = [](const HttpRequest&) {
                return std::string("k");
              }};
    add_batch_schemas(schemas);
    desk->batches = batches.get();
    desk->serves = [](const std::string& asked) { return asked == endpoint; };
    desk->check = [](const HttpRequest&, const std::string&) {};
    desk->wake = [this] {
      if (runner) runner->wake();
    };
    add_file_routes(router, access);
    add_batch_routes(router, desk, access, schemas);
  }
  void TearDown() override { runner.reset(); }

  void start() {
    BatchRunner::Options options;
    options.routes.emplace_back("POST", endpoint, Access::open(), [this](Exchange exchange) {
      const std::lock_guard lock(mutex);
      ++asked;
      held.push_back(std::move(exchange));
      if (open) let_all();
    });
    options.principal = [](const std::string&, const Access&) { return nullptr; };
    options.paused = [] { return false; };
    runner = std::make_unique<BatchRunner>(std::move(options), *batches, *files);
  }
  /// Answers what waits and what comes.
  void let() {
    const std::lock_guard lock(mutex);
    open = true;
    let_all();
  }
  void let_all() {
    for (Exchange& exchange : held) exchange.reply(json_reply(exchange.request().body));
    held.clear();
  }

  HttpReply ask(const std::string& method, const std::string& path, std::string body = "",
                const std::string& type = "application/json") {
    const Router::Match match = router.match(method, path);
    HttpRequest request;
    request.method = method;
    request.path = path;
    request.path_values = match.path_values;
    request.headers = {{"content-type", type}};
    request.body = std::move(body);
    return LocalExchange::begin(*match.route, std::move(request), [] {})->take_reply();
  }
  std::string upload(const std::string& content) {
    const HttpReply reply =
        ask("POST", "/v1/files",
            "--B\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--B\r\n"
            "Content-Disposition: form-data; name=\"file\"; filename=\"in.jsonl\"\r\n\r\n" +
                content + "\r\n--B--\r\n",
            "multipart/form-data; boundary=B");
    EXPECT_EQ(reply.status, 200) << reply.body;
    return json::parse(reply.body).at("id");
  }
  HttpReply create(const std::string& file_id) {
    return ask(
        "POST", "/v1/batches",
        json{{"input_file_id", file_id}, {"endpoint", endpoint}, {"completion_window", "24h"}}
            .dump());
  }
  std::string make_batch(const std::string& file_id) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // so that their age has an order
    const HttpReply reply = create(file_id);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return json::parse(reply.body).at("id");
  }
  json look_up(const std::string& id) { return json::parse(ask("GET", "/v1/batches/" + id).body); }
  json wait_for(const std::string& id, const std::string& status) {
    json now;
    for (int i = 0; i < 3000; ++i) {
      now = look_up(id);
      if (now.at("status") == status) return now;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "not " << status << ": " << now;
    return now;
  }
  int count(const std::string& status) {
    int found = 0;
    for (const store::Batch& batch : batches->list("k", "", 1000)) found += batch.status == status;
    return found;
  }
  static std::string lines(int count) {
    std::string content;
    for (int i = 0; i < count; ++i)
      content += json{{"custom_id", std::to_string(i)},
                      {"method", "POST"},
                      {"url", endpoint},
                      {"body", {{"prompt", i}}}}
                     .dump() +
                 "\n";
    return content;
  }

  std::unique_ptr<store::Owner> owner;
  std::unique_ptr<store::Batches> batches;
  std::unique_ptr<store::Files> files;
  FileAccess access;
  SchemaSet schemas;
  std::shared_ptr<BatchDesk> desk = std::make_shared<BatchDesk>();
  Router router;
  std::unique_ptr<BatchRunner> runner;
  std::mutex mutex;
  std::vector<Exchange> held;
  int asked = 0;
  bool open = false;
};
RUN_ON_BOTH_BACKENDS(BatchRunnerOn);

TEST_P(BatchRunnerOn, AnUploadedFileIsAnsweredLineByLine) {
  start();
  let();
  constexpr int number = 600;  // more than are read at once
  const std::string id = make_batch(upload(lines(number)));
  const json end = wait_for(id, "completed");
  EXPECT_EQ(end.at("request_counts"),
            (json{{"total", number}, {"completed", number}, {"failed", 0}}));
  const HttpReply content =
      ask("GET", "/v1/files/" + end.at("output_file_id").get<std::string>() + "/content");
  std::istringstream text(content.body);
  int row = 0;
  for (std::string line; std::getline(text, line); ++row) {
    const json answer = json::parse(line);
    EXPECT_EQ(answer.at("custom_id"), std::to_string(row));
    EXPECT_EQ(answer.at("response").at("body").at("prompt"), row);
  }
  EXPECT_EQ(row, number);
  EXPECT_EQ(asked, number) << "each once";
}

TEST_P(BatchRunnerOn, OpensFewBatchesOfAKeyAtOnce) {
  start();
  const std::string file = upload(lines(3));
  std::array<std::string, 6> ids;
  for (std::string& id : ids) id = make_batch(file);
  for (int i = 0; i < 4; ++i) wait_for(ids[size_t(i)], "in_progress");
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(count("validating"), 2);
  ask("POST", "/v1/batches/" + ids[5] + "/cancel", "{}");
  wait_for(ids[5], "cancelled");
  EXPECT_EQ(look_up(ids[4]).at("status"), "validating");
  let();
  for (int i = 0; i < 5; ++i) wait_for(ids[size_t(i)], "completed");
}

TEST_P(BatchRunnerOn, ABatchThatCannotBeOpenedFailsAlone) {
  const std::string broken = upload(lines(1)), whole = upload(lines(2));
  std::filesystem::remove(files->content_path(*files->find("k", broken)));
  const std::string first = make_batch(broken), second = make_batch(whole);
  start();
  let();
  const json failed = wait_for(first, "failed");
  EXPECT_EQ(failed.at("errors").at("data").at(0).at("code"), "file_unreadable");
  EXPECT_EQ(failed.dump().find(folder.path().string()), std::string::npos);
  wait_for(second, "completed");
}

TEST_P(BatchRunnerOn, AKeyWithTooManyBatchesIsToldToWait) {
  const std::string file = upload(lines(1));
  for (int64_t i = 0; i < batches->limits().unfinished_of_a_key; ++i) make_batch(file);
  const HttpReply refused = create(file);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(json::parse(refused.body).at("error").at("code"), "too_many_batches");
  EXPECT_EQ(refused.headers.value("retry-after"), "60");
}

}  // namespace
}  // namespace deepseek::serve
