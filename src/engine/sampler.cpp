// SPDX-License-Identifier: Apache-2.0
#include "engine/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "engine/softmax_math.h"
#include "ops/exp_scaled.h"

namespace deepseek {
namespace {

constexpr uint64_t sampling_stream = 0x73616d706c65;  // apart from other uses of one seed
constexpr size_t block_size = 512;

void check_range(const char* field, double value, double low, double high) {
  if (!(value >= low && value <= high))
    fail(ErrorKind::invalid_input, field, ": expected a number from ", low, " to ", high, ", got ",
         value);
}

[[noreturn]] void fail_nothing_allowed() {
  fail(ErrorKind::invalid_input,
       "the constraint on the answer allows none of the model's tokens; it cannot go on");
}

int64_t first_allowed_largest(std::span<const float> logits, std::span<const uint64_t> mask) {
  largest_logit(logits);  // refuses damaged weights
  int64_t best = -1;
  float value = -std::numeric_limits<float>::infinity();
  for (size_t word = 0; word < mask.size(); ++word)
    for (uint64_t bits = mask[word]; bits != 0; bits &= bits - 1) {
      const size_t id = word * 64 + size_t(std::countr_zero(bits));
      if (id >= logits.size() || !(logits[id] > value)) continue;
      value = logits[id];
      best = int64_t(id);
    }
  if (best < 0) fail_nothing_allowed();
  return best;
}

/// More probable first; ties by lowest id.
template <class C>
bool before(const C& a, const C& b) {
  return a.weight > b.weight || (a.weight == b.weight && a.id < b.id);
}

}  // namespace

void SampleOptions::validate(int64_t vocab) const {
  check_range("temperature", temperature, 0, 1000);
  check_range("top_p", top_p, 0, 1);
  check_range("min_p", min_p, 0, 1);
  check_range("frequency_penalty", frequency_penalty, -100, 100);
  check_range("presence_penalty", presence_penalty, -100, 100);
  check_range("repetition_penalty", repetition_penalty, 0.01, 100);
  if (top_k < 0) fail(ErrorKind::invalid_input, "top_k: expected 0 (off) or more, got ", top_k);
  for (const auto& [token, bias] : logit_bias) {
    if (token < 0 || token >= vocab)
      fail(ErrorKind::invalid_input, "logit_bias: expected token ids from 0 to ", vocab - 1,
           ", got ", token);
    check_range("logit_bias", bias, -1000, 1000);
  }
}

Sampler::Sampler(const SampleOptions& options, int64_t vocab)
    : options_(options),
      vocab_(vocab),
      random_(options.seed, sampling_stream ^ (options.choice << 48 | options.choice >> 16)) {
  options_.validate(vocab);
}

bool Sampler::adjusts() const {
  return options_.repetition_penalty != 1 || options_.frequency_penalty != 0 ||
         options_.presence_penalty != 0 || !options_.logit_bias.empty();
}

bool Sampler::filters() const {
  return (options_.top_k > 0 && options_.top_k < vocab_) || options_.top_p < 1 ||
         options_.min_p > 0;
}

void Sampler::check_token(int32_t token) const {
  if (token < 0 || token >= vocab_)
    fail(ErrorKind::invalid_input, "token id: expected 0 to ", vocab_ - 1, ", got ", token);
}

void Sampler::add_prompt(std::span<const int32_t> tokens) {
  for (const int32_t token : tokens) {
    check_token(token);
    if (options_.repetition_penalty != 1) seen_.insert(token);
  }
}

void Sampler::add_output(int32_t token) {
  check_token(token);
  if (options_.repetition_penalty != 1) seen_.insert(token);
  if (options_.frequency_penalty != 0 || options_.presence_penalty != 0) ++output_counts_[token];
}

void Sampler::adjust(std::span<const float> logits) {
  if (int64_t(logits.size()) != vocab_)
    fail(ErrorKind::internal, "sampler: expected ", vocab_, " logits, got ", logits.size());
  values_.assign(logits.begin(), logits.end());
  for (const int32_t token : seen_) {
    double& value = values_[size_t(token)];
    value = value > 0 ? value / options_.repetition_penalty : value * options_.repetition_penalty;
  }
  for (const auto& [token, count] : output_counts_)
    values_[size_t(token)] -=
        options_.frequency_penalty * double(count) + options_.presence_penalty;
  for (const auto& [token, bias] : options_.logit_bias) values_[size_t(token)] += bias;
}

void Sampler::drop_masked(std::span<const uint64_t> mask) {
  largest_logit(values_);  // tells damaged weights from a mask that leaves nothing
  bool left = false;
  for (size_t id = 0; id < values_.size(); ++id) {
    if ((mask[id / 64] >> (id % 64) & 1) == 0)
      values_[id] = -std::numeric_limits<double>::infinity();
    left |= values_[id] > -std::numeric_limits<double>::infinity();
  }
  if (!left) fail_nothing_allowed();
}

// Leaves all weights in values_, or with filters in kept_ what they keep; never normalised.
void Sampler::weigh(double largest) {
  if (!filters()) {
    block_sums_.clear();
    for (size_t at = 0; at < values_.size(); at += block_size) {  // while it is in the first cache
      const auto block = std::span(values_).subspan(at, std::min(block_size, values_.size() - at));
      exp_scaled(block, largest, options_.temperature);
      block_sums_.push_back(sum_of(block));
    }
    return;
  }
  kept_.clear();
  double total = 0;
  if (options_.top_k > 0 && options_.top_k < vocab_) {
    keep_top_k();
    values_.clear();
    for (const Candidate& c : kept_) values_.push_back(c.weight);
    exp_scaled(values_, largest, options_.temperature);
    for (size_t i = 0; i < kept_.size(); ++i) kept_[i].weight = values_[i];
    std::sort(kept_.begin(), kept_.end(),
              [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
    total = sum_of(values_);
  } else {
    exp_scaled(values_, largest, options_.temperature);
    total = sum_of(values_);
    // Weights below this sum to less than 1 - top_p of the total: the run ends before them.
    const double least = (1 - options_.top_p) * total / double(vocab_) * (1 - 1e-9);
    for (size_t id = 0; id < values_.size(); ++id)
      if (values_[id] > 0 && values_[id] >= least) kept_.push_back({int32_t(id), values_[id]});
  }
  if (options_.top_p < 1) keep_top_p(total);
  // The largest weight is exp(0).
  if (options_.min_p > 0)
    std::erase_if(kept_, [&](const Candidate& c) { return c.weight < options_.min_p; });
}

// One pass with a buffer that is cut back to k now and then: ids come in ascending order, so that a
// value equal to the k-th best of those before it never gets in.
void Sampler::keep_top_k() {
  const auto k = size_t(options_.top_k);
  const size_t room = std::max(2 * k, k + 1024);
  const auto cut = [&] {
    std::nth_element(kept_.begin(), kept_.begin() + ptrdiff_t(k - 1), kept_.end(),
                     before<Candidate>);
    kept_.resize(k);
    return kept_.back().weight;
  };
  double least = -std::numeric_limits<double>::infinity();
  for (size_t id = 0; id < values_.size(); ++id) {
    if (!(values_[id] > least)) continue;
    kept_.push_back({int32_t(id), values_[id]});
    if (kept_.size() == room) least = cut();
  }
  if (kept_.size() > k) cut();
}

// The shortest run of most probable tokens that reaches top_p. Its last token is found by halving:
// when the more probable half reaches it, the end is in there, else in the other half.
void Sampler::keep_top_p(double total) {
  double wanted = options_.top_p * total;
  scratch_ = kept_;
  auto first = scratch_.begin(), last = scratch_.end();
  while (last - first > 1) {
    const auto middle = first + (last - first) / 2;
    std::nth_element(first, middle, last, before<Candidate>);
    const double half = std::accumulate(
        first, middle, 0.0, [](double sum, const Candidate& c) { return sum + c.weight; });
    if (half >= wanted) {
      last = middle;
    } else {
      wanted -= half;
      first = middle;
    }
  }
  const Candidate end = *first;
  std::erase_if(kept_, [&](const Candidate& c) { return before(end, c); });
}

// Walks blocks, then tokens, in ascending order of id until the running sum passes the target.
int32_t Sampler::draw_from_all(double uniform) const {
  const std::span<const double> weights(values_);
  const size_t blocks = (weights.size() + block_size - 1) / block_size;
  const auto block = [&](size_t b) {
    return weights.subspan(b * block_size, std::min(block_size, weights.size() - b * block_size));
  };
  const std::vector<double>& sums = block_sums_;
  double total = 0;
  for (const double block_sum : sums) total += block_sum;
  const double target = uniform * total;
  double sum = 0;
  int32_t last = 0;
  for (size_t b = 0; b < blocks; ++b) {
    if (b + 1 < blocks && sum + sums[b] <= target) {
      sum += sums[b];
      continue;
    }
    for (size_t i = 0; i < block(b).size(); ++i) {
      const size_t id = b * block_size + i;
      if (weights[id] > 0) last = int32_t(id);
      sum += weights[id];
      if (sum > target && weights[id] > 0) return last;
    }
  }
  return last;
}

int32_t Sampler::draw_from_kept(double uniform) const {
  double total = 0;
  for (const Candidate& c : kept_) total += c.weight;
  double sum = 0;
  for (const Candidate& c : kept_) {
    sum += c.weight;
    if (sum > uniform * total) return c.id;
  }
  return kept_.back().id;
}

int32_t Sampler::sample(std::span<const float> logits, int64_t position,
                        std::span<const uint64_t> mask) {
  if (options_.temperature == 0 && !adjusts())
    return int32_t(mask.empty() ? first_largest(logits) : first_allowed_largest(logits, mask));
  adjust(logits);
  if (!mask.empty()) drop_masked(mask);
  if (options_.temperature == 0) return int32_t(first_largest(values_));
  weigh(adjusts() || !mask.empty() ? largest_logit(values_) : double(largest_logit(logits)));
  const double uniform = random_.uniform(uint64_t(position));
  return filters() ? draw_from_kept(uniform) : draw_from_all(uniform);
}

std::vector<double> Sampler::probabilities(std::span<const float> logits) {
  std::vector<double> result(size_t(vocab_), 0.0);
  adjust(logits);
  if (options_.temperature == 0) {
    result[size_t(first_largest(values_))] = 1;
    return result;
  }
  weigh(largest_logit(values_));
  if (!filters()) {
    const double total = sum_of(values_);
    for (size_t i = 0; i < result.size(); ++i) result[i] = values_[i] / total;
    return result;
  }
  double total = 0;
  for (const Candidate& c : kept_) total += c.weight;
  for (const Candidate& c : kept_) result[size_t(c.id)] = c.weight / total;
  return result;
}

Logprobs log_probabilities(std::span<const float> logits, int32_t chosen, int64_t best) {
  const int64_t vocab = int64_t(logits.size());
  if (chosen < 0 || chosen >= vocab)
    fail(ErrorKind::invalid_input, "token id: expected 0 to ", vocab - 1, ", got ", chosen);
  const double log_total = log_sum_exp(logits);
  const auto logprob = [&](int32_t token) {
    return TokenLogprob{token, double(logits[size_t(token)]) - log_total};
  };
  Logprobs result{logprob(chosen), {}};
  const auto count = size_t(std::clamp<int64_t>(best, 0, vocab));
  if (count == 0) return result;
  // The best so far as a heap whose top is the worst of them.
  const auto above = [&](int32_t a, int32_t b) {
    const float x = logits[size_t(a)], y = logits[size_t(b)];
    return x > y || (x == y && a < b);
  };
  std::vector<int32_t> heap;
  for (int32_t id = 0; id < vocab; ++id) {
    if (heap.size() == count) {
      if (!(logits[size_t(id)] > logits[size_t(heap.front())])) continue;
      std::pop_heap(heap.begin(), heap.end(), above);
      heap.pop_back();
    }
    heap.push_back(id);
    std::push_heap(heap.begin(), heap.end(), above);
  }
  std::sort(heap.begin(), heap.end(), above);
  for (const int32_t id : heap) result.best.push_back(logprob(id));
  return result;
}

}  // namespace deepseek
