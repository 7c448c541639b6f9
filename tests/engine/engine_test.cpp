// SPDX-License-Identifier: Apache-2.0
// The promises of the engine over models of every kind: the cached path equals one full pass, and
// a row's bits depend on its own sequence alone.
#include "engine/engine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "core/thread_pool.h"
#include "model/init_source.h"
#include "model/placing_source.h"
#include "tests/engine/scheduler_support.h"
#include "tests/support/block_source.h"
#include "tests/support/tiny_configs.h"

namespace deepseek {
namespace {

using testing::random_tokens;
using testing::Tokens;

std::vector<float> row_of(const Tensor& logits, int64_t row) {
  const float* begin = logits.data() + row * logits.dim(-1);
  return {begin, begin + logits.dim(-1)};
}

/// Logits of every token of one sequence, fed in chunks of the given sizes (the last repeats).
std::vector<std::vector<float>> every_row(Engine& engine, const Tokens& tokens,
                                          const std::vector<int64_t>& chunks) {
  const SequenceId id = engine.add();
  std::vector<std::vector<float>> rows;
  for (size_t at = 0, i = 0; at < tokens.size(); ++i) {
    const auto size = std::min<size_t>(static_cast<size_t>(chunks[std::min(i, chunks.size() - 1)]),
                                       tokens.size() - at);
    const std::vector<StepSpan> step{
        {id, Tokens(tokens.begin() + at, tokens.begin() + at + size), StepSpan::Logits::all}};
    const StepResult result = *engine.step(step);
    for (size_t r = 0; r < size; ++r) rows.push_back(row_of(result.logits, int64_t(r)));
    at += size;
  }
  engine.drop(id);
  return rows;
}

struct Case {
  const char* family;
  Format format;
};

class EngineCase : public ::testing::TestWithParam<Case> {
 protected:
  std::shared_ptr<const Transformer> make(Placement placement = Placement::native) const {
    test::BlockSource blocks(GetParam().format, /*seed=*/3);
    PlacingSource source(blocks, placement);
    return std::make_shared<Transformer>(test::tiny_config(GetParam().family), source,
                                         PassOptions{.expanded = true, .absorbed = true});
  }
};

TEST_P(EngineCase, ARowsBitsDependOnItsOwnSequenceAlone) {
  const auto model = make();
  Engine engine(model, {.cache_bytes = 64 << 20});
  const int64_t vocab = model->config().vocab_size;
  const Tokens tokens = random_tokens(100, 1, vocab);
  const auto one_by_one = every_row(engine, tokens, {1});
  for (const int threads : {1, 2}) {
    set_compute_threads(threads);
    EXPECT_EQ(every_row(engine, tokens, {100}), one_by_one) << threads << " threads, one chunk";
    EXPECT_EQ(every_row(engine, tokens, {33, 1, 31, 35}), one_by_one)
        << threads << " threads, chunks";
  }
  // The row beside 0 to 32 others, first and last in the batch.
  const auto prefilled = [&](const Tokens& prompt) {
    const SequenceId id = engine.add();
    EXPECT_TRUE(engine.step(std::vector<StepSpan>{{id, prompt}}).has_value());
    return id;
  };
  const SequenceId mine = prefilled(Tokens(tokens.begin(), tokens.begin() + 70));
  std::vector<SequenceId> others;
  others.reserve(32);
  for (int64_t i = 0; i < 32; ++i)
    others.push_back(prefilled(random_tokens(1 + i % 7, 50 + i, vocab)));
  for (const int threads : {1, 2}) {
    set_compute_threads(threads);
    for (size_t rows = 1; rows <= 33; ++rows) {
      std::vector<StepSpan> step;
      for (size_t i = 0; i + 1 < rows; ++i)
        step.push_back({engine.fork(others[i]), random_tokens(1, 9 + i, vocab)});
      const auto place = rows % 2 == 0 ? step.begin() : step.end();
      const auto my_row = place - step.begin();
      step.insert(place, {engine.fork(mine), {tokens[70]}});
      const StepResult result = *engine.step(step);
      EXPECT_EQ(row_of(result.logits, result.first_row[static_cast<size_t>(my_row)]),
                one_by_one[70])
          << rows << " rows, " << threads << " threads";
      for (const StepSpan& span : step) engine.drop(span.sequence);
    }
  }
  set_compute_threads(available_cpus());
}

TEST_P(EngineCase, TheMappedLayoutGivesTheBitsOfThePackedOne) {
  const auto packed = make(), mapped = make(Placement::mapped);
  Engine a(packed, {.cache_bytes = 64 << 20}), b(mapped, {.cache_bytes = 64 << 20});
  const Tokens tokens = random_tokens(40, 5, packed->config().vocab_size);
  EXPECT_EQ(every_row(a, tokens, {33, 1}), every_row(b, tokens, {33, 1}));
}

INSTANTIATE_TEST_SUITE_P(
    All, EngineCase,
    ::testing::Values(
        Case{"llama", Format::f32}, Case{"llama", Format::f16}, Case{"llama", Format::bf16},
        Case{"llama", Format::fp8}, Case{"llama", Format::q4_0}, Case{"llama", Format::q4_1},
        Case{"llama", Format::q5_0}, Case{"llama", Format::q5_1}, Case{"llama", Format::q8_0},
        Case{"llama", Format::q2_k}, Case{"llama", Format::q3_k}, Case{"llama", Format::q4_k},
        Case{"llama", Format::q5_k}, Case{"llama", Format::q6_k}, Case{"llama", Format::iq4_nl},
        Case{"llama", Format::iq4_xs}, Case{"qwen2", Format::q4_k}, Case{"deepseek", Format::q8_0},
        Case{"deepseek_v2", Format::bf16}, Case{"deepseek_v2", Format::q4_k},
        Case{"deepseek_v3", Format::fp8}, Case{"deepseek_v3", Format::q8_0}),
    [](const auto& info) {
      return std::string(info.param.family) + "_" +
             std::string(format_info(info.param.format).name);
    });

TEST(Engine, TheCacheEqualsOneFullPassInEveryFamily) {
  for (const char* family : {"llama", "qwen2", "deepseek", "deepseek_v2", "deepseek_v3"}) {
    InitSource init(/*seed=*/7, /*standard_deviation=*/0.06);
    PlacingSource source(init, Placement::reference);
    const auto model = std::make_shared<Transformer>(
        test::tiny_config(family), source, PassOptions{.expanded = true, .absorbed = true});
    Engine engine(model, {.cache_bytes = 64 << 20, .cache_dtype = DType::f32});
    const Tokens tokens = random_tokens(70, 2, model->config().vocab_size);
    const auto cached = every_row(engine, tokens, {6, 1});
    const Tensor full = model->logits(model->norm(model->forward(Batch::one(tokens))));
    double squares = 0, worst = 0;
    for (const float v : full.values()) squares += double(v) * v;
    for (size_t t = 0; t < tokens.size(); ++t)
      for (int64_t i = 0; i < full.dim(-1); ++i)
        worst = std::max(worst, std::fabs(double(cached[t][size_t(i)]) -
                                          full.data()[int64_t(t) * full.dim(-1) + i]));
    EXPECT_LE(worst, 2e-4 * std::sqrt(squares / double(full.numel()))) << family;
  }
}

TEST(Engine, ForkedSequencesSharePagesUntilTheyPart) {
  test::BlockSource blocks(Format::f32, 3);
  PlacingSource source(blocks, Placement::native);
  const auto model =
      std::make_shared<Transformer>(test::tiny_config("llama"), source, PassOptions{});
  Engine engine(model, {.cache_bytes = 16 * model->cache_layout(DType::bf16).page_bytes()});
  const int64_t all = engine.pool().free_pages();
  const SequenceId parent = engine.add();
  const Tokens prompt = random_tokens(100, 4, model->config().vocab_size);
  ASSERT_TRUE(engine.step(std::vector<StepSpan>{{parent, prompt}}).has_value());
  EXPECT_EQ(engine.pool().free_pages(), all - 2);
  const SequenceId child = engine.fork(parent);
  EXPECT_EQ(engine.pool().free_pages(), all - 2);
  const StepResult a = *engine.step(std::vector<StepSpan>{{child, {7}}});
  EXPECT_EQ(engine.pool().free_pages(), all - 3);
  const StepResult b = *engine.step(std::vector<StepSpan>{{parent, {7}}});
  EXPECT_EQ(row_of(a.logits, 0), row_of(b.logits, 0));
  engine.drop(parent);
  engine.drop(child);
  EXPECT_EQ(engine.pool().free_pages(), all);
}

TEST(Engine, RunningOutOfPagesIsAnAnswerThatChangesNothing) {
  test::BlockSource blocks(Format::f32, 3);
  PlacingSource source(blocks, Placement::native);
  const auto model =
      std::make_shared<Transformer>(test::tiny_config("llama"), source, PassOptions{});
  Engine engine(model, {.cache_bytes = 2 * model->cache_layout(DType::bf16).page_bytes()});
  const SequenceId a = engine.add(), b = engine.add();
  const Tokens tokens = random_tokens(100, 4, model->config().vocab_size);
  ASSERT_TRUE(engine.step(std::vector<StepSpan>{{a, tokens}}).has_value());
  EXPECT_FALSE(engine.step(std::vector<StepSpan>{{b, {1}}, {a, {2}}}).has_value());
  EXPECT_EQ(engine.length(a), 100);
  EXPECT_EQ(engine.length(b), 0);
  engine.drop(a);
  EXPECT_TRUE(engine.step(std::vector<StepSpan>{{b, {1}}}).has_value());
}

TEST(Engine, RefusesWhatCannotBeAStep) {
  test::BlockSource blocks(Format::f32, 3);
  PlacingSource source(blocks, Placement::native);
  const auto model =
      std::make_shared<Transformer>(test::tiny_config("llama"), source, PassOptions{});
  Engine engine(model, {.cache_bytes = 1 << 20});
  const SequenceId a = engine.add();
  const auto step = [&](std::vector<StepSpan> spans) { engine.step(spans); };
  EXPECT_THROW(step({{a, {}}}), Error);
  EXPECT_THROW(step({{a, {-1}}}), Error);
  EXPECT_THROW(step({{a, {int32_t(model->config().vocab_size)}}}), Error);
  EXPECT_THROW(step({{a, {1}}, {a, {2}}}), Error);
  EXPECT_THROW(step({{a + 1, {1}}}), Error);
  EXPECT_THROW(engine.truncate(a, 1), Error);
  EXPECT_THROW(Engine(model, {.cache_bytes = 10}), Error);
}

}  // namespace
}  // namespace deepseek
