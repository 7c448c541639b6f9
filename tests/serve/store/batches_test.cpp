// SPDX-License-Identifier: Apache-2.0
#include "serve/store/batches.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/serve/store/backends.h"

namespace deepseek::store {
namespace {

using namespace deepseek::testing;

class BatchesOn : public OnBothBackends {
 protected:
  void SetUp() override {
    OnBothBackends::SetUp();
    if (IsSkipped()) return;
    owner = std::make_unique<Owner>(*database, clock);
    batches = std::make_unique<Batches>(*database, *owner, clock);
  }
  static std::vector<BatchLine> some_lines(int count) {
    std::vector<BatchLine> lines;
    lines.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i)
      lines.push_back({i, concat("request-", i), int64_t{100} * i, 99});
    return lines;
  }
  std::unique_ptr<Owner> owner;
  std::unique_ptr<Batches> batches;
};
RUN_ON_BOTH_BACKENDS(BatchesOn);

TEST_P(BatchesOn, ABatchRunsToItsEnd) {
  const Batch made = *batches->create("k", "/v1/chat/completions", "file-in", R"({"a":"b"})");
  EXPECT_EQ(made.status, "validating");
  EXPECT_EQ(made.expires_at_ms - made.created_at_ms, 86'400'000);
  batches->add_lines(made.id, some_lines(3));
  batches->add_lines(made.id, some_lines(4));  // reading began anew
  const Batch running = batches->move(made.id, "in_progress");
  EXPECT_EQ(running.total, 4);
  EXPECT_EQ(running.in_progress_at_ms, *clock.now_ms);
  EXPECT_TRUE(batches->record(made.id, 0, true, "{\"custom_id\":\"request-0\"}"));
  EXPECT_TRUE(batches->record(made.id, 2, false, "failed"));
  EXPECT_FALSE(batches->record(made.id, 0, false, "again"));
  const auto waiting = batches->lines(made.id, "waiting", -1, 10);
  ASSERT_EQ(waiting.size(), 2);
  EXPECT_EQ(waiting[0].custom_id, "request-1");
  EXPECT_EQ(waiting[0].first_byte, 100);
  EXPECT_EQ(batches->lines(made.id, "waiting", 1, 10)[0].line, 3);
  EXPECT_EQ(batches->lines(made.id, "completed", -1, 10)[0].result,
            "{\"custom_id\":\"request-0\"}");
  batches->record(made.id, 1, true, "x");
  batches->record(made.id, 3, true, "x");
  batches->move(made.id, "finalizing");
  const Batch done =
      batches->move(made.id, "completed", {.output_file_id = "file-o", .error_file_id = "file-e"});
  EXPECT_EQ(done.completed, 3);
  EXPECT_EQ(done.failed, 1);
  EXPECT_EQ(done.output_file_id, "file-o");
  EXPECT_EQ(done.error_file_id, "file-e");
  EXPECT_EQ(done.metadata, R"({"a":"b"})");
  EXPECT_EQ(batches->move(made.id, "completed").completed_at_ms, done.completed_at_ms);
  EXPECT_FALSE(batches->claim());
}

TEST_P(BatchesOn, OnlyStepsOfTheApiAreTaken) {
  const std::string id = batches->create("k", "/v1/x", "f", "{}")->id;
  const std::string message =
      refused(ErrorKind::invalid_input, [&] { batches->move(id, "completed"); });
  EXPECT_NE(message.find("is validating, which completed does not follow"), std::string::npos);
  EXPECT_EQ(batches->move(id, "failed", {.errors = "[1]"}).errors, "[1]");
  refused(ErrorKind::invalid_input, [&] { batches->move(id, "in_progress"); });
  refused(ErrorKind::invalid_input, [&] { batches->cancel("k", id); });
  refused(ErrorKind::not_found, [&] { batches->cancel("l", id); });
  refused(ErrorKind::not_found, [&] { batches->move("batch_x", "failed"); });
  const std::string other = batches->create("k", "/v1/x", "f", "{}")->id;
  EXPECT_EQ(batches->cancel("k", other).status, "cancelling");
  EXPECT_TRUE(batches->move(other, "cancelled").cancelled_at_ms);
}

TEST_P(BatchesOn, ABatchOfADeadProcessIsTakenUpWhereItWas) {
  const std::string id = batches->create("k", "/v1/x", "f", "{}")->id;
  batches->add_lines(id, some_lines(100));
  batches->move(id, "in_progress");
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto* own = new Database(location);
    auto* process = new Owner(*own, clock);
    Batches theirs(*own, *process, clock);
    if (theirs.claim()->id != id) ::_exit(1);
    for (int line = 0; line < 37; ++line) theirs.record(id, line, true, concat("child ", line));
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  const auto claimed = batches->claim();
  ASSERT_TRUE(claimed);
  EXPECT_EQ(claimed->id, id);
  EXPECT_EQ(claimed->completed, 37);
  EXPECT_FALSE(batches->claim());
  for (const BatchLine& line : batches->lines(id, "waiting", -1, 1000))
    EXPECT_TRUE(batches->record(id, line.line, true, "parent"));
  const auto lines = batches->lines(id, "completed", -1, 1000);
  ASSERT_EQ(lines.size(), 100);
  EXPECT_EQ(lines[36].result, "child 36");
  EXPECT_EQ(lines[37].result, "parent");
  EXPECT_EQ(batches->find("k", id)->completed, 100);
}

TEST_P(BatchesOn, AreListedPerKey) {
  for (int i = 0; i < 5; ++i) batches->create("k", "/v1/x", concat("f", i), "{}");
  const auto first = batches->list("k", "", 3);
  ASSERT_EQ(first.size(), 3);
  EXPECT_EQ(batches->list("k", first.back().id, 3).size(), 2);
  EXPECT_TRUE(batches->list("l", "", 3).empty());
  EXPECT_FALSE(batches->find("l", first[0].id));
}

TEST_P(BatchesOn, AKeyHasSoManyUnfinishedOnes) {
  batches = std::make_unique<Batches>(*database, *owner, clock, BatchLimits{2});
  const std::string first = batches->create("k", "/v1/x", "f", "{}")->id;
  ASSERT_TRUE(batches->create("k", "/v1/x", "f", "{}"));
  EXPECT_FALSE(batches->create("k", "/v1/x", "f", "{}"));
  EXPECT_TRUE(batches->create("l", "/v1/x", "f", "{}")) << "of another key";
  batches->cancel("k", first);
  EXPECT_FALSE(batches->create("k", "/v1/x", "f", "{}")) << "not over yet";
  batches->move(first, "cancelled");
  EXPECT_TRUE(batches->create("k", "/v1/x", "f", "{}"));
}

TEST_P(BatchesOn, AreClaimedFairlyAndFewOfAKey) {
  const auto make = [&](const char* key_id) {
    clock.advance(1);
    return batches->create(key_id, "/v1/x", "f", "{}")->id;
  };
  const std::string k1 = make("k"), k2 = make("k"), k3 = make("k"), l1 = make("l");
  const auto next = [&](const std::map<std::string, int64_t>& open, int64_t most) {
    const auto batch = batches->claim(open, most);
    return batch ? batch->id : std::string();
  };
  EXPECT_EQ(next({}, 2), k1) << "the oldest";
  EXPECT_EQ(next({{"k", 1}}, 2), l1) << "the key with fewer";
  EXPECT_EQ(next({{"k", 1}, {"l", 1}}, 2), k2);
  EXPECT_EQ(next({{"k", 2}, {"l", 1}}, 2), "");
  batches->cancel("k", k3);
  EXPECT_EQ(next({{"k", 2}}, 0), k3) << "what is cancelled is ended in any case";
}

}  // namespace
}  // namespace deepseek::store
