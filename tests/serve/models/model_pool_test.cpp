// SPDX-License-Identifier: Apache-2.0
#include "serve/models/model_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <latch>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "tests/cli/tiny_model.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::serve {
namespace {

using namespace std::chrono_literals;
using State = ModelPool::State;

/// What a wait for a model came to.
class Outcome {
 public:
  std::function<void(std::exception_ptr)> taker() {
    return [this](std::exception_ptr failure) {
      const std::lock_guard lock(mutex_);
      over_ = true;
      failure_ = std::move(failure);
      changed_.notify_all();
    };
  }
  bool over() {
    const std::lock_guard lock(mutex_);
    return over_;
  }
  /// Empty when the model was loaded.
  std::string wait() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, 120s, [&] { return over_; })) return "never answered";
    if (!failure_) return "";
    try {
      std::rethrow_exception(failure_);
    } catch (const std::exception& error) {
      return error.what();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::exception_ptr failure_;
};

class Pool : public ::testing::Test {
 protected:
  Pool() {
    for (const char* name : {"a", "b", "c"}) {
      testing::write_small_model(folder.path() / name, testing::byte_config());
      options.cards.push_back(
          std::make_shared<ModelCard>(name, folder.path() / name, TextModelOptions{}));
    }
    options.memory_bytes = 2 * options.cards.front()->memory_bytes();
  }

  void start() {
    pool = std::make_unique<ModelPool>(options);
    pool->start();
  }
  const ModelCard& card(size_t i) const { return *options.cards[i]; }
  State state(size_t i) const { return pool->status()[i].state; }
  std::string load(size_t i) {
    Outcome outcome;
    pool->when_loaded(card(i), outcome.taker());
    return outcome.wait();
  }
  bool becomes_absent(size_t i) const {
    const auto end = std::chrono::steady_clock::now() + 120s;
    while (state(i) != State::absent && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(10ms);
    return state(i) == State::absent;
  }

  testing::TemporaryFolder folder;
  ModelPool::Options options;
  std::unique_ptr<ModelPool> pool;
};

TEST_F(Pool, WhatFitsIsLoadedAtTheStart) {
  start();
  EXPECT_EQ(state(0), State::loaded);
  EXPECT_EQ(state(1), State::loaded);
  EXPECT_EQ(state(2), State::absent);
  EXPECT_NE(pool->lease(card(1)), nullptr);
  EXPECT_EQ(pool->lease(card(2)), nullptr);
}

TEST_F(Pool, TheModelThatWasUsedLongestAgoMakesRoom) {
  start();
  pool->lease(card(0));
  EXPECT_EQ(load(2), "");
  EXPECT_EQ(state(0), State::loaded);
  EXPECT_EQ(state(1), State::absent);
  EXPECT_NE(pool->lease(card(2)), nullptr);
  pool->lease(card(0));
  EXPECT_EQ(load(1), "");
  EXPECT_EQ(state(2), State::absent);
}

TEST_F(Pool, AModelIsUsedFromBeforeItsWaitersHearOfIt) {
  start();
  pool->lease(card(0));
  Outcome outcome;
  pool->when_loaded(card(2), [&, then = outcome.taker()](const std::exception_ptr& failure) {
    EXPECT_NE(pool->lease(card(0)), nullptr);
    then(failure);
  });
  EXPECT_EQ(outcome.wait(), "");
  EXPECT_EQ(load(1), "");
  EXPECT_EQ(state(0), State::loaded) << "it was used last";
  EXPECT_EQ(state(2), State::absent);
}

TEST_F(Pool, LookingIsNotUsing) {
  start();
  pool->lease(card(0));
  pool->peek(card(1));
  EXPECT_EQ(load(2), "");
  EXPECT_EQ(state(1), State::absent);
}

TEST_F(Pool, AModelInUseStays) {
  start();
  std::shared_ptr<ModelHost> first = pool->lease(card(0));
  const std::shared_ptr<ModelHost> second = pool->lease(card(1));
  Outcome outcome;
  pool->when_loaded(card(2), outcome.taker());
  std::this_thread::sleep_for(100ms);
  EXPECT_FALSE(outcome.over());
  EXPECT_EQ(first->model().config().vocab_size, 261);
  first.reset();
  EXPECT_EQ(outcome.wait(), "");
  EXPECT_EQ(state(0), State::absent);
  EXPECT_EQ(state(1), State::loaded);
}

TEST_F(Pool, WaitingForRoomEnds) {
  options.patience = 50ms;
  start();
  const std::shared_ptr<ModelHost> first = pool->lease(card(0)), second = pool->lease(card(1));
  EXPECT_EQ(load(2), "the models in use leave no room for 'c'; ask again later");
  EXPECT_EQ(state(2), State::absent);
}

TEST_F(Pool, WaitingEndsWhereItsRequestEnds) {
  start();
  std::shared_ptr<ModelHost> first = pool->lease(card(0)), second = pool->lease(card(1));
  Outcome outcome;
  pool->when_loaded(card(2), outcome.taker(), std::chrono::steady_clock::now() + 20ms);
  EXPECT_EQ(outcome.wait(), "the models in use leave no room for 'c'; ask again later");
  first.reset();
  second.reset();
  EXPECT_EQ(load(0), "");
  EXPECT_EQ(state(2), State::absent) << "loaded for nobody";
}

TEST_F(Pool, AllWhoWaitAreAnsweredByOneLoad) {
  start();
  std::vector<Outcome> outcomes(8);
  for (Outcome& outcome : outcomes) pool->when_loaded(card(2), outcome.taker());
  for (Outcome& outcome : outcomes) EXPECT_EQ(outcome.wait(), "");
}

TEST_F(Pool, AModelThatIsLargerThanTheMemoryIsLoadedAlone) {
  options.memory_bytes = 1;
  start();
  EXPECT_EQ(state(0), State::loaded);
  EXPECT_EQ(state(1), State::absent);
  EXPECT_EQ(load(1), "");
  EXPECT_EQ(state(0), State::absent);
}

TEST_F(Pool, AnUnusedModelLeavesAfterItsTime) {
  options.unload_after = 1s;
  start();
  // Taken where it is sure to be there, however late.
  std::shared_ptr<ModelHost> held;
  Outcome outcome;
  pool->when_loaded(card(1), [&, then = outcome.taker()](const std::exception_ptr& failure) {
    held = pool->lease(card(1));
    then(failure);
  });
  EXPECT_EQ(outcome.wait(), "");
  EXPECT_TRUE(becomes_absent(0));
  EXPECT_EQ(state(1), State::loaded);
  held.reset();
  EXPECT_TRUE(becomes_absent(1));
  EXPECT_EQ(load(0), "");
}

TEST_F(Pool, WhenAModelLeavesIsSaidWhileItIsUnused) {
  options.unload_after = 3600s;
  start();
  EXPECT_TRUE(pool->status()[0].leaves_at.has_value());
  const std::shared_ptr<ModelHost> held = pool->lease(card(1));
  EXPECT_FALSE(pool->status()[1].leaves_at.has_value());
  EXPECT_FALSE(pool->status()[2].leaves_at.has_value());
}

TEST_F(Pool, WhyAModelCannotBeLoadedIsSaidAndTheNextTryIsAnew) {
  start();
  const auto file = folder.path() / "c" / "model.safetensors";
  const auto aside = folder.path() / "aside";
  std::filesystem::rename(file, aside);
  EXPECT_NE(load(2).find("model.safetensors"), std::string::npos);
  EXPECT_EQ(state(2), State::absent);
  std::filesystem::rename(aside, file);
  EXPECT_EQ(load(2), "");
}

TEST_F(Pool, WhenItStopsAllWhoWaitAreTold) {
  start();
  const std::shared_ptr<ModelHost> first = pool->lease(card(0)), second = pool->lease(card(1));
  std::vector<Outcome> outcomes(3);
  for (Outcome& outcome : outcomes) pool->when_loaded(card(2), outcome.taker());
  pool->stop();
  for (Outcome& outcome : outcomes) {
    ASSERT_TRUE(outcome.over());
    EXPECT_EQ(outcome.wait(), "the server is shutting down; 'c' is not loaded any more");
  }
  EXPECT_EQ(load(2), "the server is shutting down; 'c' is not loaded any more");
  EXPECT_NE(pool->lease(card(0)), nullptr) << "what is in memory stays";
  pool->stop();
}

TEST_F(Pool, WhenItStopsALoadUnderWayIsGivenUp) {
  std::atomic<bool> held{false};
  std::latch under_way(1), go_on(1);
  options.model.progress = [&](const Progress&) {
    if (!held.exchange(false)) return;
    under_way.count_down();
    go_on.wait();
  };
  std::atomic<int> loads_said{0};
  options.notice = [&](const std::string& line) { loads_said += line == "model 'c' is loaded"; };
  start();
  held = true;
  Outcome outcome;
  pool->when_loaded(card(2), outcome.taker());
  under_way.wait();
  std::thread stopper([&] { pool->stop(); });
  EXPECT_EQ(outcome.wait(), "the server is shutting down; 'c' is not loaded any more");
  EXPECT_EQ(state(2), State::loading) << "who waited need not wait for it";
  go_on.count_down();
  stopper.join();
  EXPECT_EQ(state(2), State::absent);
  EXPECT_EQ(loads_said, 0);
}

TEST_F(Pool, AStartIsOverWhenItStops) {
  std::latch under_way(1), go_on(1);
  std::atomic<bool> held{true};
  options.model.progress = [&](const Progress&) {
    if (!held.exchange(false)) return;
    under_way.count_down();
    go_on.wait();
  };
  pool = std::make_unique<ModelPool>(options);
  std::thread starter([&] { EXPECT_NO_THROW(pool->start()); });
  under_way.wait();
  Outcome outcome;
  pool->when_loaded(card(0), outcome.taker());
  std::thread stopper([&] { pool->stop(); });
  EXPECT_EQ(outcome.wait(), "the server is shutting down; 'a' is not loaded any more");
  go_on.count_down();
  stopper.join();
  for (const ModelPool::Status& status : pool->status()) EXPECT_EQ(status.state, State::absent);
  starter.join();
}

TEST_F(Pool, ItsEndLeavesNobodyWaitingAndNobodyCalled) {
  start();
  auto calls = std::make_shared<int>(0);
  const std::shared_ptr<ModelHost> first = pool->lease(card(0)), second = pool->lease(card(1));
  pool->when_loaded(card(2), [calls](const std::exception_ptr& failure) {
    ++*calls;
    EXPECT_TRUE(failure);
  });
  pool.reset();
  EXPECT_EQ(*calls, 1);
  EXPECT_EQ(calls.use_count(), 1) << "nothing is left that could call";
  EXPECT_EQ(first->model().config().vocab_size, 261) << "its lease is held";
}

TEST_F(Pool, EachModelHasAFolderOfTheDisk) {
  options.scheduler.disk = DiskTierOptions{folder.path() / "disk"};
  start();
  size_t folders = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "disk"))
    folders += entry.is_directory();
  EXPECT_EQ(folders, 2U);
}

TEST_F(Pool, TwoOfOneNameAreRefused) {
  options.cards.push_back(
      std::make_shared<ModelCard>("a", folder.path() / "b", TextModelOptions{}));
  EXPECT_THROW(ModelPool{options}, Error);
}

TEST_F(Pool, ACardKnowsItsModelBeforeItIsLoaded) {
  start();
  const ModelCard& absent = card(2);
  EXPECT_EQ(absent.context_length(), 2048);
  EXPECT_GT(absent.weight_bytes(), 0);
  EXPECT_FALSE(absent.text().chat_template.empty());
  ASSERT_EQ(load(2), "");
  const std::shared_ptr<ModelHost> host = pool->lease(absent);
  EXPECT_EQ(host->model().context_length(), absent.context_length());
  EXPECT_EQ(host->model().fingerprint(), absent.fingerprint());
  EXPECT_EQ(host->model().chat_template_text(), absent.text().chat_template);
}

}  // namespace
}  // namespace deepseek::serve
