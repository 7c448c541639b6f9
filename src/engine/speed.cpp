// SPDX-License-Identifier: Apache-2.0
#include "engine/speed.h"

#include <algorithm>
#include <chrono>

#include "core/random.h"

namespace deepseek {
namespace {

std::vector<int32_t> some_tokens(int64_t count, int64_t vocab) {
  const CounterRandom random(1, 0);
  std::vector<int32_t> tokens;
  tokens.reserve(size_t(count));
  for (int64_t t = 0; t < count; ++t)
    tokens.push_back(int32_t(random.uniform(uint64_t(t)) * double(vocab)));
  return tokens;
}

class Timed {
 public:
  Timed(Engine& engine, int64_t count)
      : engine_(engine),
        sequence_(engine.add()),
        tokens_(some_tokens(count, engine.model().config().vocab_size)) {}
  ~Timed() { engine_.drop(sequence_); }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

  void forget_after(int64_t length) { engine_.truncate(sequence_, length); }

  /// Appends tokens up to `end`, `chunk` at a time; logits of the last one of each chunk, as when a
  /// model is used.
  void extend(int64_t end, int64_t chunk, const ProgressSink& progress) {
    for (int64_t at = engine_.length(sequence_); at < end;) {
      const int64_t next = std::min(end, at + chunk);
      const std::vector<StepSpan> spans{
          {sequence_, {tokens_.begin() + at, tokens_.begin() + next}, StepSpan::Logits::last}};
      if (!engine_.step(spans))
        fail(ErrorKind::out_of_memory, "bench: the cache does not hold ", end,
             " tokens; raise --cache-bytes or lower --depth");
      at = next;
      if (progress) progress({"measuring", at, end, "tokens"});
    }
  }

 private:
  Engine& engine_;
  SequenceId sequence_;
  std::vector<int32_t> tokens_;
};

}  // namespace

Speed measure_speed(Engine& engine, const SpeedCase& what, int repeat,
                    const ProgressSink& progress) {
  Timed timed(engine, what.depth + what.tokens);
  const int64_t end = what.depth + what.tokens;
  const int64_t chunk = what.kind == SpeedCase::Kind::prefill ? prefill_chunk : 1;
  timed.extend(what.depth, prefill_chunk, progress);
  std::vector<double> rates;
  // One run more, not counted, touches what is touched the first time.
  for (int run = 0; run <= repeat; ++run) {
    timed.forget_after(what.depth);
    const auto start = std::chrono::steady_clock::now();
    timed.extend(end, chunk, {});
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (run > 0) rates.push_back(double(what.tokens) / elapsed.count());
    if (progress) progress({"measuring", run, repeat, "runs"});
  }
  std::sort(rates.begin(), rates.end());
  return {what, rates[rates.size() / 2], rates.front(), rates.back()};
}

}  // namespace deepseek
