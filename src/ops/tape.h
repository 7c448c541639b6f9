// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "tensor/tensor.h"

namespace deepseek {

/// Gradients of an op's inputs, in the order of the inputs; an undefined tensor means none.
using Gradients = std::vector<Tensor>;
using Backward = std::function<Gradients(const Tensor& d_out)>;

/// Records ops run on this thread while it lives, and walks them backwards. Without a live Tape
/// nothing is recorded, so inference cannot leak a graph.
class Tape {
 public:
  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// The Tape of this thread, or null.
  static Tape* current();

  /// Adds d(loss)/d(value) of every parameter that `loss` [1] depends on to what grad() answers.
  void backward(const Tensor& loss);

  /// Gradient of a parameter, undefined when the loss does not depend on it.
  Tensor grad(const Tensor& parameter) const;

 private:
  friend bool is_recording(std::initializer_list<const Tensor*> inputs);
  friend Tensor record(Tensor out, std::vector<Tensor> inputs, Backward backward);
  friend Tensor recompute(const std::vector<Tensor>& inputs,
                          const std::function<Tensor(const std::vector<Tensor>&)>& body);
  struct Node {
    std::vector<uint64_t> inputs;
    Backward backward;
  };

  bool tracks(const Tensor& tensor) const;
  uint64_t add(const std::vector<Tensor>& inputs, Backward backward);
  void accumulate(uint64_t node, const Tensor& gradient);
  /// Walks nodes [first, size) backwards and drops them.
  void unwind(size_t first);

  uint64_t first_id_;
  std::vector<Node> nodes_;
  std::unordered_map<uint64_t, Tensor> gradients_;
  Tape* outer_;
};

/// Same values, but a leaf whose gradient every Tape keeps.
Tensor as_parameter(const Tensor& tensor);
bool is_parameter(const Tensor& tensor);

/// True when a Tape lives on this thread and one of the inputs leads to a parameter: an op may
/// skip what only its backward needs when this is false.
bool is_recording(std::initializer_list<const Tensor*> inputs);

/// Marks `out` as made from `inputs`; `backward` maps d(out) to the inputs' gradients. Without a
/// live Tape, or when no input is tracked, `out` comes back as it is.
Tensor record(Tensor out, std::vector<Tensor> inputs, Backward backward);

/// body(inputs), computed without recording; backward runs it again with recording. `body` must be
/// deterministic. Trades time for the memory of everything inside.
Tensor recompute(const std::vector<Tensor>& inputs,
                 const std::function<Tensor(const std::vector<Tensor>&)>& body);

/// No recording on this thread while it lives.
class PauseTape {
 public:
  PauseTape();
  ~PauseTape();
  PauseTape(const PauseTape&) = delete;
  PauseTape& operator=(const PauseTape&) = delete;

 private:
  Tape* paused_;
};

}  // namespace deepseek
