// SPDX-License-Identifier: Apache-2.0
#include "engine/trace.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>

#include "engine/engine.h"
#include "engine/softmax_math.h"
#include "ops/elementwise.h"
#include "ops/loss.h"
#include "ops/shape.h"
#include "ops/tape.h"

namespace deepseek {
namespace {

/// Rows of tensors that came in pieces, joined.
class Pieces {
 public:
  void add(const Tensor& piece) { pieces_.push_back(piece); }

  Tensor joined() const {
    Shape shape = pieces_.front().shape();
    shape[0] = 0;
    for (const Tensor& piece : pieces_) shape[0] += piece.dim(0);
    const Tensor out = Tensor::empty(shape, pieces_.front().dtype());
    std::byte* to = out.bytes();
    for (const Tensor& piece : pieces_) {
      std::memcpy(to, piece.bytes(), static_cast<size_t>(piece.size_bytes()));
      to += piece.size_bytes();
    }
    return out;
  }

 private:
  std::vector<Tensor> pieces_;
};

/// Keeps what a forward pass shows, under the trace's names, over one or many steps.
class Recorder : public Probe {
 public:
  /// `on_layer` is called after each layer with its number.
  Recorder(size_t list, bool enabled, std::function<void(int64_t)> on_layer)
      : list_(list), enabled_(enabled), on_layer_(std::move(on_layer)) {}

  void embedded(const Tensor& hidden_td) override {
    keep(concat("hidden.", list_, ".in"), hidden_td);
  }
  void attended(int64_t layer, const Tensor& out_td) override {
    keep(concat("attn.", list_, '.', layer), out_td);
  }
  void routed(int64_t layer, const Tensor& /*x_td*/, const Tensor& logits,
              const Routing& routing) override {
    const std::string name = concat("moe.", list_, '.', layer);
    std::vector<int64_t> indices(routing.indices.begin(), routing.indices.end());
    keep(name + ".indices",
         Tensor::from(routing.weights.shape(), std::span<const int64_t>(indices)));
    keep(name + ".weights", routing.weights);
    keep(name + ".logits", logits);
  }
  void layer_done(int64_t layer, const Tensor& hidden_td) override {
    keep(concat("hidden.", list_, '.', layer), hidden_td);
    on_layer_(layer);
  }

  void keep(const std::string& name, const Tensor& tensor) {
    if (enabled_) pieces_[name].add(tensor);
  }
  void write(std::vector<NamedTensor>& out) const {
    for (const auto& [name, pieces] : pieces_) out.push_back({name, pieces.joined()});
  }

 private:
  size_t list_;
  bool enabled_;
  std::function<void(int64_t)> on_layer_;
  std::map<std::string, Pieces> pieces_;
};

/// labels[t + 1] for row t; the last row has none. `shift` 2 for the MTP layer's rows.
std::vector<int64_t> targets(const std::vector<int64_t>& labels, size_t shift) {
  std::vector<int64_t> out;
  for (size_t t = 0; t + 1 < labels.size() + (shift == 1 ? 1 : 0); ++t)
    out.push_back(t + shift < labels.size() ? labels[t + shift] : -100);
  return out;
}

void refuse(bool condition, const char* message) {
  if (condition) fail(ErrorKind::invalid_input, "trace: ", message);
}

void check(const std::vector<std::vector<int32_t>>& lists, const TraceOptions& options) {
  refuse(lists.empty(), "expected at least one list of token ids, got none");
  for (size_t i = 0; i < lists.size(); ++i) {
    if (lists[i].empty())
      fail(ErrorKind::invalid_input, "trace: list ", i, ": expected token ids, got an empty list");
    if (options.labels.empty()) continue;
    if (options.labels.size() != lists.size() || options.labels[i].size() != lists[i].size())
      fail(ErrorKind::invalid_input, "trace: labels: expected the shape of the token lists, list ",
           i, " of ", lists[i].size(), " ids differs");
  }
  refuse(options.grad && !options.loss, "--grad needs --loss");
  refuse(!options.labels.empty() && !options.loss, "--labels-file needs --loss");
  refuse(options.grad && options.cache_prefill.has_value(),
         "--grad computes without a cache; leave out --cache");
  refuse(options.mtp.has_value() && options.cache_prefill.has_value(),
         "--mtp computes without a cache; leave out --cache");
  refuse(options.cache_prefill.value_or(1) < 1, "--cache: expected at least 1 token");
  refuse(options.generate < 0, "--generate: expected at least 0 tokens");
}

class Tracer {
 public:
  Tracer(const std::shared_ptr<const Transformer>& model, const TraceOptions& options,
         int64_t total_tokens, std::vector<NamedTensor>& out)
      : model_(model), options_(options), total_tokens_(total_tokens), out_(out) {}

  /// The list's losses as they enter the mean that is differentiated.
  Tensor run(size_t i, const std::vector<int32_t>& tokens) {
    step_tokens_ = int64_t(tokens.size());
    Recorder recorder(i, options_.hidden, [&](int64_t layer) {
      report(step_tokens_ * (layer + 1) / model_->config().num_hidden_layers);
    });
    const Tensor hidden_td = options_.cache_prefill
                                 ? through_cache(tokens, &recorder)
                                 : model_->forward(Batch::one(tokens), nullptr, &recorder);
    if (!options_.cache_prefill) done_tokens_ += step_tokens_;
    const Tensor normed_td = model_->norm(hidden_td);
    recorder.keep(concat("hidden.", i, ".norm"), normed_td);
    recorder.write(out_);
    write_logits(i, normed_td);
    std::vector<int64_t> labels(tokens.begin(), tokens.end());
    if (!options_.labels.empty()) labels = options_.labels[i];
    Tensor loss;
    if (options_.loss) {
      loss = head_cross_entropy(normed_td, model_->head(), targets(labels, 1));
      write_loss(concat("loss.", i), loss);
    }
    if (options_.mtp) loss = add_mtp(i, tokens, labels, hidden_td, normed_td, loss);
    if (options_.generate > 0) generate(i, tokens);
    return loss;
  }

 private:
  /// Tells of what is done: whole steps, and `part` of the tokens of the one under way.
  void report(int64_t part) const {
    if (options_.progress)
      options_.progress({"tracing", done_tokens_ + part, total_tokens_, "tokens"});
  }

  Tensor through_cache(const std::vector<int32_t>& tokens, Probe* probe) {
    Engine engine = make_engine();
    const SequenceId sequence = engine.add();
    Pieces hidden;
    for (size_t at = 0; at < tokens.size();) {
      const size_t size =
          at == 0 ? std::min<size_t>(static_cast<size_t>(*options_.cache_prefill), tokens.size())
                  : 1;
      step_tokens_ = int64_t(size);
      Tensor states;
      require_room(
          engine.step(std::vector<StepSpan>{{sequence,
                                             {tokens.begin() + at, tokens.begin() + at + size},
                                             StepSpan::Logits::none}},
                      probe, &states));
      hidden.add(states);
      at += size;
      done_tokens_ += step_tokens_;
    }
    return hidden.joined();
  }

  Engine make_engine() const {
    return Engine(model_,
                  {.cache_bytes = options_.cache_bytes, .cache_dtype = options_.cache_dtype});
  }

  static StepResult require_room(std::optional<StepResult> result) {
    if (!result)
      fail(ErrorKind::out_of_memory,
           "trace: the cache is too small for this list; raise --cache-bytes");
    return *std::move(result);
  }

  void write_logits(size_t i, const Tensor& normed_td) {
    const std::string name = concat("logits.", i);
    const int64_t rows = normed_td.dim(0);
    if (options_.logits == TraceOptions::Logits::all)
      out_.push_back({name, model_->logits(normed_td)});
    else if (options_.logits == TraceOptions::Logits::last)
      out_.push_back({name, model_->logits(normed_td.slice(rows - 1, rows))});
  }

  void write_loss(const std::string& name, const Tensor& loss) {
    if (!std::isfinite(loss.item()))
      fail(ErrorKind::bad_file, name, ": expected a finite value, got ", loss.item(),
           "; the weights are damaged or overflow");
    out_.push_back({name, loss.reshape({1})});
  }

  Tensor add_mtp(size_t i, const std::vector<int32_t>& tokens, const std::vector<int64_t>& labels,
                 const Tensor& hidden_td, const Tensor& normed_td, const Tensor& loss) {
    const bool residual = *options_.mtp == TraceOptions::MtpInput::residual;
    const Tensor normed = model_->mtp_forward(Batch::one(tokens), residual ? hidden_td : normed_td);
    out_.push_back({concat("mtp.", i), model_->logits(normed)});
    if (!options_.loss) return loss;
    const Tensor mtp_loss = head_cross_entropy(normed, model_->head(), targets(labels, 2));
    write_loss(concat("mtp_loss.", i), mtp_loss);
    return add(loss, scale(mtp_loss, options_.mtp_lambda));
  }

  void generate(size_t i, const std::vector<int32_t>& prompt) {
    const PauseTape no_recording;
    Engine engine = make_engine();
    const SequenceId sequence = engine.add();
    std::vector<int64_t> generated;
    std::vector<int32_t> next = prompt;
    while (static_cast<int64_t>(generated.size()) < options_.generate) {
      const StepResult result = require_room(engine.step(std::vector<StepSpan>{{sequence, next}}));
      const int64_t best = first_largest(result.logits.values());
      generated.push_back(best);
      next = {static_cast<int32_t>(best)};
      ++done_tokens_;
      report(0);
    }
    out_.push_back({concat("generated.", i),
                    Tensor::from({options_.generate}, std::span<const int64_t>(generated))});
  }

  const std::shared_ptr<const Transformer>& model_;
  const TraceOptions& options_;
  int64_t total_tokens_;
  int64_t done_tokens_ = 0, step_tokens_ = 0;
  std::vector<NamedTensor>& out_;
};

}  // namespace

std::vector<NamedTensor> trace(const std::shared_ptr<const Transformer>& model,
                               const std::vector<std::vector<int32_t>>& lists,
                               const TraceOptions& options,
                               const std::vector<NamedParameter>& parameters) {
  check(lists, options);
  std::vector<NamedTensor> out;
  int64_t total_tokens = 0;
  for (const auto& list : lists) total_tokens += int64_t(list.size()) + options.generate;
  Tracer tracer(model, options, total_tokens, out);
  if (!options.grad) {
    for (size_t i = 0; i < lists.size(); ++i) tracer.run(i, lists[i]);
    return out;
  }
  Tape tape;
  Tensor total;
  for (size_t i = 0; i < lists.size(); ++i) {
    const Tensor loss = scale(tracer.run(i, lists[i]), 1.0f / static_cast<float>(lists.size()));
    total = total.defined() ? add(total, loss) : loss;
  }
  tape.backward(total);
  for (const NamedParameter& parameter : parameters)
    if (const Tensor grad = tape.grad(parameter.value); grad.defined())
      out.push_back({"grad." + parameter.name, grad});
  return out;
}

}  // namespace deepseek
