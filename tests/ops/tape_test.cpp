// SPDX-License-Identifier: Apache-2.0
#include "ops/tape.h"

#include <gtest/gtest.h>

namespace deepseek {
namespace {

/// out = a * b, element by element.
Tensor product(const Tensor& a, const Tensor& b) {
  const Tensor out = Tensor::empty(a.shape());
  for (int64_t i = 0; i < out.numel(); ++i) out.data()[i] = a.data()[i] * b.data()[i];
  return record(out, {a, b}, [a, b](const Tensor& d_out) -> Gradients {
    return {product(d_out, b), product(d_out, a)};
  });
}

Tensor parameter(float value) { return as_parameter(Tensor::full({1}, value)); }

TEST(Tape, SumsTheGradientsOfEveryUse) {
  const Tensor x = parameter(3), y = parameter(5);
  Tape tape;
  tape.backward(product(product(x, x), y));  // x^2 y
  EXPECT_EQ(tape.grad(x).item(), 30);
  EXPECT_EQ(tape.grad(y).item(), 9);
}

TEST(Tape, RecordsOnlyWhileItLivesAndOnlyWhatLeadsToAParameter) {
  const Tensor x = parameter(3), constant = Tensor::full({1}, 2);
  EXPECT_EQ(product(x, x).node(), 0u);
  Tape tape;
  EXPECT_EQ(product(constant, constant).node(), 0u);
  EXPECT_FALSE(is_recording({&constant}));
  EXPECT_TRUE(is_recording({&x}));
  {
    const PauseTape pause;
    EXPECT_EQ(product(x, x).node(), 0u);
  }
  EXPECT_NE(product(x, x).node(), 0u);
  tape.backward(constant);
  EXPECT_FALSE(tape.grad(x).defined());
}

TEST(Tape, AValueOfAnOlderTapeIsAConstant) {
  const Tensor x = parameter(3);
  Tensor old;
  {
    Tape tape;
    old = product(x, x);
  }
  Tape tape;
  tape.backward(product(old, x));
  EXPECT_EQ(tape.grad(x).item(), 9);
}

TEST(Tape, RecomputingGivesTheSameGradients) {
  const Tensor x = parameter(3), w = parameter(7);
  Tape tape;
  const Tensor square = product(x, x);
  int runs = 0;
  const Tensor out = recompute({square}, [&](const std::vector<Tensor>& inputs) {
    ++runs;
    return product(product(inputs[0], w), inputs[0]);  // w x^4
  });
  tape.backward(product(out, x));  // w x^5
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(tape.grad(x).item(), 5 * 7 * 81);
  EXPECT_EQ(tape.grad(w).item(), 243);
}

}  // namespace
}  // namespace deepseek
