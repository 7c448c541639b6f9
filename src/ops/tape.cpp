// SPDX-License-Identifier: Apache-2.0
#include "ops/tape.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace deepseek {
namespace {

thread_local Tape* current_tape = nullptr;

/// A recorded value's id is its tape's number in the upper half and its place there in the lower;
/// a parameter's has the top bit set.
constexpr uint64_t parameter_bit = uint64_t{1} << 63;
constexpr int tape_shift = 32;
std::atomic<uint64_t> next_tape{1};
std::atomic<uint64_t> next_parameter{1};

class ResumeTape {
 public:
  explicit ResumeTape(Tape* tape) : outer_(current_tape) { current_tape = tape; }
  ~ResumeTape() { current_tape = outer_; }
  ResumeTape(const ResumeTape&) = delete;
  ResumeTape& operator=(const ResumeTape&) = delete;

 private:
  Tape* outer_;
};

}  // namespace

Tape::Tape() : first_id_(next_tape.fetch_add(1) << tape_shift), outer_(current_tape) {
  current_tape = this;
}

Tape::~Tape() { current_tape = outer_; }

Tape* Tape::current() { return current_tape; }

bool Tape::tracks(const Tensor& tensor) const {
  return is_parameter(tensor) || tensor.node() >> tape_shift == first_id_ >> tape_shift;
}

uint64_t Tape::add(const std::vector<Tensor>& inputs, Backward backward) {
  Node node;
  for (const Tensor& input : inputs) node.inputs.push_back(tracks(input) ? input.node() : 0);
  node.backward = std::move(backward);
  nodes_.push_back(std::move(node));
  return first_id_ + nodes_.size() - 1;
}

void Tape::accumulate(uint64_t node, const Tensor& gradient) {
  auto [slot, is_new] = gradients_.try_emplace(node, gradient);
  if (is_new) return;
  const Tensor sum = slot->second.clone();
  std::ranges::transform(sum.values(), gradient.values(), sum.data(), std::plus<>());
  slot->second = sum;
}

void Tape::unwind(size_t first) {
  while (nodes_.size() > first) {
    const uint64_t id = first_id_ + nodes_.size() - 1;
    const Node node = std::move(nodes_.back());
    const auto found = gradients_.find(id);
    if (found == gradients_.end()) {
      nodes_.pop_back();
      continue;
    }
    const Tensor d_out = found->second;
    gradients_.erase(found);
    const size_t mark = nodes_.size();
    const Gradients gradients = node.backward(d_out);
    if (gradients.size() != node.inputs.size())
      fail(ErrorKind::internal, "Tape: ", node.inputs.size(), " inputs but ", gradients.size(),
           " gradients");
    for (size_t i = 0; i < gradients.size(); ++i)
      if (node.inputs[i] != 0 && gradients[i].defined()) accumulate(node.inputs[i], gradients[i]);
    nodes_.resize(mark - 1);
  }
}

void Tape::backward(const Tensor& loss) {
  if (loss.numel() != 1)
    fail(ErrorKind::internal, "Tape: expected a loss of one element, got ",
         shape_text(loss.shape()));
  if (!tracks(loss)) return;
  accumulate(loss.node(), Tensor::full(loss.shape(), 1));
  const PauseTape no_recording;
  unwind(0);
}

Tensor Tape::grad(const Tensor& parameter) const {
  const auto found = gradients_.find(parameter.node());
  return found == gradients_.end() ? Tensor() : found->second;
}

Tensor as_parameter(const Tensor& tensor) {
  return tensor.with_node(parameter_bit | next_parameter.fetch_add(1));
}

bool is_parameter(const Tensor& tensor) { return (tensor.node() & parameter_bit) != 0; }

bool is_recording(std::initializer_list<const Tensor*> inputs) {
  const Tape* tape = current_tape;
  return tape != nullptr &&
         std::ranges::any_of(inputs, [&](const Tensor* input) { return tape->tracks(*input); });
}

Tensor record(Tensor out, std::vector<Tensor> inputs, Backward backward) {
  Tape* tape = current_tape;
  if (tape == nullptr ||
      std::ranges::none_of(inputs, [&](const Tensor& input) { return tape->tracks(input); }))
    return out.node() == 0 ? std::move(out) : out.with_node(0);
  const uint64_t id = tape->add(inputs, std::move(backward));
  return out.with_node(id);
}

Tensor recompute(const std::vector<Tensor>& inputs,
                 const std::function<Tensor(const std::vector<Tensor>&)>& body) {
  Tape* tape = current_tape;
  if (tape == nullptr) return body(inputs);
  Tensor out;
  {
    const PauseTape no_recording;
    out = body(inputs);
  }
  // The second run records onto the same tape, so gradients reach `inputs` and the parameters that
  // `body` uses directly; the node itself hands none back.
  const uint64_t id = tape->add({}, [tape, inputs, body](const Tensor& d_out) -> Gradients {
    const size_t mark = tape->nodes_.size();
    Tensor again;
    {
      const ResumeTape recording(tape);
      again = body(inputs);
    }
    if (tape->tracks(again)) {
      tape->accumulate(again.node(), d_out);
      tape->unwind(mark);
    }
    return {};
  });
  return out.with_node(id);
}

PauseTape::PauseTape() : paused_(current_tape) { current_tape = nullptr; }

PauseTape::~PauseTape() { current_tape = paused_; }

}  // namespace deepseek
