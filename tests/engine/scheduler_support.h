// SPDX-License-Identifier: Apache-2.0
// Tiny random models under a scheduler that is stepped by hand, and the plain loop that its answers
// are held against.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "core/random.h"
#include "engine/scheduler/scheduler.h"
#include "model/placing_source.h"
#include "tests/formats/tiny_tokenizer.h"
#include "tests/support/block_source.h"
#include "tests/support/tiny_configs.h"

namespace deepseek::testing {

using Tokens = std::vector<int32_t>;
using namespace std::chrono_literals;

inline Tokens random_tokens(int64_t count, uint64_t seed, int64_t vocab = 301) {
  const CounterRandom random(seed, 0);
  Tokens tokens;
  for (int64_t i = 0; i < count; ++i)
    tokens.push_back(
        static_cast<int32_t>(random.uniform(static_cast<uint64_t>(i)) * double(vocab)));
  return tokens;
}

inline std::shared_ptr<const Transformer> tiny_model(const std::string& family,
                                                     Format format = Format::f32) {
  test::BlockSource blocks(format, /*seed=*/3);
  PlacingSource source(blocks, Placement::native);
  return std::make_shared<Transformer>(test::tiny_config(family), source,
                                       PassOptions{.expanded = true, .absorbed = true});
}

/// An engine with room for so many pages.
inline std::unique_ptr<Engine> engine_of(const std::shared_ptr<const Transformer>& model,
                                         int64_t pages) {
  return std::make_unique<Engine>(
      model, Engine::Options{.cache_bytes = pages * model->cache_layout(DType::bf16).page_bytes()});
}

/// What came out of one ticket.
struct Answer {
  struct Choice {
    Tokens tokens;
    std::string text;
    std::vector<Logprobs> logprobs;
    std::optional<ChoiceFinished> end;
  };
  std::map<size_t, Choice> choices;
  std::vector<std::optional<Logprobs>> prompt_logprobs;
  std::vector<float> embedding;
  std::vector<PrefillProgress> progress;
  std::vector<int64_t> positions;
  std::optional<Finished> finished;

  void take(Ticket& ticket) {
    while (std::optional<TicketEvent> event = ticket.poll()) take(*event);
  }
  void take(const TicketEvent& event) {
    ASSERT_FALSE(finished) << "events after Finished";
    if (const auto* delta = std::get_if<Delta>(&event)) {
      Choice& choice = choices[delta->choice];
      ASSERT_FALSE(choice.end);
      choice.text += delta->text;
      choice.tokens.insert(choice.tokens.end(), delta->tokens.begin(), delta->tokens.end());
      choice.logprobs.insert(choice.logprobs.end(), delta->logprobs.begin(), delta->logprobs.end());
    } else if (const auto* end = std::get_if<ChoiceFinished>(&event)) {
      ASSERT_FALSE(choices[end->choice].end);
      choices[end->choice].end = *end;
    } else if (const auto* scores = std::get_if<PromptLogprobs>(&event)) {
      ASSERT_EQ(scores->first, int64_t(prompt_logprobs.size()));
      prompt_logprobs.insert(prompt_logprobs.end(), scores->logprobs.begin(),
                             scores->logprobs.end());
    } else if (const auto* vector = std::get_if<Embedding>(&event)) {
      embedding = vector->values;
    } else if (const auto* how_far = std::get_if<PrefillProgress>(&event)) {
      progress.push_back(*how_far);
    } else if (const auto* position = std::get_if<QueuePosition>(&event)) {
      positions.push_back(position->ahead);
    } else {
      finished = std::get<Finished>(event);
    }
  }
  const Tokens& tokens(size_t choice = 0) { return choices[choice].tokens; }
};

/// A scheduler on a tiny model, without a thread; time stands still unless a test moves it.
class Bench {
 public:
  explicit Bench(const std::shared_ptr<const Transformer>& model, int64_t pages = 256,
                 SchedulerOptions options = {}, const std::string& fingerprint = "tiny")
      : engine_(engine_of(model, pages)), tokenizer_(tiny_tokenizer()) {
    options.own_thread = false;
    options.clock = [this] { return time; };
    scheduler = std::make_unique<Scheduler>(
        Scheduler::Model{.engine = engine_.get(),
                         .tokenizer = &tokenizer_,
                         .end_tokens = {end_token},
                         .context_length = std::min<int64_t>(4096, pages * tokens_per_page),
                         .fingerprint = fingerprint},
        options);
  }

  static constexpr int32_t end_token = 7;

  Ticket submit(GenerateRequest request) {
    auto result = scheduler->submit(std::move(request));
    EXPECT_TRUE(std::holds_alternative<Ticket>(result));
    return std::get<Ticket>(std::move(result));
  }
  Ticket submit(EmbedRequest request) {
    return std::get<Ticket>(scheduler->submit(std::move(request)));
  }
  /// Steps until nothing is left to do, reading all the while.
  std::vector<Answer> finish(std::vector<Ticket>& tickets) {
    std::vector<Answer> answers(tickets.size());
    for (int64_t rounds = 0;; ++rounds) {
      const bool worked = scheduler->step();
      for (size_t i = 0; i < tickets.size(); ++i) answers[i].take(tickets[i]);
      if (!worked && scheduler->idle()) break;
      if (rounds > 100000) {
        ADD_FAILURE() << "no end";
        break;
      }
    }
    return answers;
  }
  Answer run(GenerateRequest request) {
    std::vector<Ticket> tickets;
    tickets.push_back(submit(std::move(request)));
    return finish(tickets).front();
  }
  Engine& engine() { return *engine_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }

  std::chrono::steady_clock::time_point time{1h};
  std::unique_ptr<Scheduler> scheduler;

 private:
  std::unique_ptr<Engine> engine_;
  Tokenizer tokenizer_;

 public:
  ~Bench() { scheduler.reset(); }
};

inline SampleOptions seeded(uint64_t seed) {
  SampleOptions sample;
  sample.seed = seed;
  return sample;
}

/// The definition: one sequence, one token a step, the plain sampler.
inline Tokens plain_answer(const std::shared_ptr<const Transformer>& model, const Tokens& prompt,
                           const SampleOptions& sample, int64_t count,
                           std::optional<int32_t> end = Bench::end_token) {
  Engine engine(model, {.cache_bytes = 64 << 20});
  Sampler sampler(sample, model->config().vocab_size);
  sampler.add_prompt(prompt);
  const SequenceId id = engine.add();
  Tokens out;
  StepResult result = *engine.step(std::vector<StepSpan>{{id, prompt}});
  while (true) {
    const int32_t token = sampler.sample(result.logits.values(), engine.length(id));
    if (token == end) break;
    out.push_back(token);
    sampler.add_output(token);
    if (int64_t(out.size()) == count) break;
    result = *engine.step(std::vector<StepSpan>{{id, {token}}});
  }
  return out;
}

inline GenerateRequest request_of(const Tokens& prompt, int64_t max_tokens, uint64_t seed = 0) {
  GenerateRequest request;
  request.prompt = prompt;
  request.max_tokens = max_tokens;
  request.choices[0].sample.seed = seed;
  return request;
}

}  // namespace deepseek::testing
