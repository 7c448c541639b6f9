// SPDX-License-Identifier: Apache-2.0
#include "engine/perplexity.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "engine/softmax_math.h"

namespace deepseek {
namespace {

constexpr int64_t rows_per_step = 256;  // logits are [rows, vocab], so few at a time

double negative_log_likelihood(std::span<const float> logits, int32_t token) {
  const double logit = logits[size_t(token)];
  const double nll = log_sum_exp(logits) - logit;
  if (!std::isfinite(nll))
    fail(ErrorKind::bad_file, "logits: expected a finite value, got ", logit, " for token ", token,
         "; the weights are damaged or overflow");
  return nll;
}

/// Mean and spread of values that come one at a time (Welford, 1962).
class Average {
 public:
  void add(double value) {
    ++count_;
    const double before = value - mean_;
    mean_ += before / double(count_);
    squares_ += before * (value - mean_);
  }
  int64_t count() const { return count_; }
  double mean() const { return mean_; }
  double standard_error() const {
    if (count_ < 2) return 0;
    return std::sqrt(squares_ / double(count_ - 1) / double(count_));
  }

 private:
  int64_t count_ = 0;
  double mean_ = 0, squares_ = 0;
};

/// A sequence that is dropped with its owner.
class Window {
 public:
  explicit Window(Engine& engine) : engine_(engine), sequence_(engine.add()) {}
  ~Window() { engine_.drop(sequence_); }
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  /// Logits [tokens, vocab].
  Tensor run(std::span<const int32_t> tokens) {
    const std::vector<StepSpan> spans{
        {sequence_, {tokens.begin(), tokens.end()}, StepSpan::Logits::all}};
    const auto result = engine_.step(spans);
    if (!result)
      fail(ErrorKind::out_of_memory,
           "perplexity: the cache does not hold one window; raise --cache-bytes or lower --window");
    return result->logits;
  }

 private:
  Engine& engine_;
  SequenceId sequence_;
};

/// Scores the tokens of a window from `first_scored` on.
void score(Engine& engine, std::span<const int32_t> tokens, int64_t first_scored,
           Average& average) {
  Window window(engine);
  const auto size = int64_t(tokens.size());
  // The last token's logits predict nothing that is known.
  for (int64_t at = 0; at + 1 < size; at += rows_per_step) {
    const int64_t rows = std::min(rows_per_step, size - 1 - at);
    const Tensor logits = window.run(tokens.subspan(size_t(at), size_t(rows)));
    const int64_t vocab = logits.dim(1);
    for (int64_t row = std::max<int64_t>(0, first_scored - 1 - at); row < rows; ++row)
      average.add(negative_log_likelihood({logits.data() + row * vocab, size_t(vocab)},
                                          tokens[size_t(at + row + 1)]));
  }
}

}  // namespace

PerplexityResult measure_perplexity(Engine& engine, const std::vector<std::vector<int32_t>>& lists,
                                    const PerplexityOptions& options) {
  const int64_t window = options.window;
  const int64_t stride = options.stride > 0 ? options.stride : window;
  if (window < 2) fail(ErrorKind::invalid_input, "--window: expected at least 2, got ", window);
  if (stride > window)
    fail(ErrorKind::invalid_input, "--stride: expected at most the window of ", window, ", got ",
         stride);
  const int64_t vocab = engine.model().config().vocab_size;
  int64_t total = 0;
  for (size_t i = 0; i < lists.size(); ++i) {
    if (lists[i].size() < 2)
      fail(ErrorKind::invalid_input, "perplexity: list ", i, ": expected at least 2 tokens, got ",
           lists[i].size());
    for (const int32_t id : lists[i])
      if (id < 0 || id >= vocab)
        fail(ErrorKind::invalid_input, "perplexity: list ", i, ": token id ", id,
             " is outside the vocabulary of ", vocab);
    total += int64_t(lists[i].size()) - 1;
  }
  if (lists.empty()) fail(ErrorKind::invalid_input, "perplexity: expected tokens, got none");

  const auto start = std::chrono::steady_clock::now();
  PerplexityResult result;
  Average average;
  for (const std::vector<int32_t>& list : lists) {
    const auto size = int64_t(list.size());
    int64_t scored_to = 1;
    for (int64_t begin = 0; scored_to < size; begin += stride) {
      const int64_t end = std::min(size, begin + window);
      // Without an overlap the first token of a later window has no past to be predicted from.
      const int64_t first = std::max<int64_t>(1, scored_to - begin);
      score(engine, std::span(list).subspan(size_t(begin), size_t(end - begin)), first, average);
      scored_to = end;
      ++result.windows;
      if (options.progress) options.progress({"perplexity", average.count(), total, "tokens"});
    }
  }
  if (options.progress) options.progress({"perplexity", total, total, "tokens"});
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  result.scored_tokens = average.count();
  result.mean_nll = average.mean();
  result.standard_error = average.standard_error();
  result.seconds = elapsed.count();
  return result;
}

}  // namespace deepseek
