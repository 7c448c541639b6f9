// SPDX-License-Identifier: Apache-2.0
#include "ops/linear.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/thread_pool.h"
#include "kernels/linear.h"
#include "ops/pack.h"
#include "ops/tape.h"
#include "tests/support/random_weight.h"

namespace deepseek {
namespace {

using test::linear_formats;
using test::random_values;
using test::random_weight;

std::vector<float> run(const Weight& weight, const std::vector<float>& x, int64_t rows) {
  std::vector<float> out(size_t(rows * weight.rows()));
  const LinearJob job{.weight = &weight,
                      .x = x.data(),
                      .x_stride = weight.cols(),
                      .rows = rows,
                      .out = out.data(),
                      .out_stride = weight.rows()};
  run_linear({&job, 1});
  return out;
}

std::vector<float> row_of(const std::vector<float>& matrix, int64_t row, int64_t cols) {
  return {matrix.begin() + row * cols, matrix.begin() + (row + 1) * cols};
}

/// What the kernels see of one row of activations.
std::vector<double> seen_by_kernel(Format format, const float* x, int64_t cols) {
  std::vector<double> out(x, x + cols);
  if (kernels::block_layout(format) == nullptr) return out;
  for (int64_t b = 0; b < cols / 32; ++b) {
    float largest = 0;
    for (int64_t k = 0; k < 32; ++k) largest = std::max(largest, std::fabs(x[32 * b + k]));
    for (int64_t k = 0; k < 32; ++k)
      out[size_t(32 * b + k)] =
          std::nearbyint(x[32 * b + k] * (16256.0f / largest)) * double(largest / 16256.0f);
  }
  return out;
}

std::vector<double> reference(const Weight& weight, const std::vector<float>& x, int64_t rows,
                              bool exact_x) {
  std::vector<double> out(size_t(rows * weight.rows()));
  std::vector<float> w(size_t(weight.cols()));
  for (int64_t n = 0; n < weight.rows(); ++n) {
    weight.row(n, w.data());
    for (int64_t r = 0; r < rows; ++r) {
      const float* row = x.data() + r * weight.cols();
      const auto seen = exact_x ? std::vector<double>(row, row + weight.cols())
                                : seen_by_kernel(weight.format(), row, weight.cols());
      double sum = 0;
      for (size_t k = 0; k < w.size(); ++k) sum += seen[k] * w[k];
      out[size_t(r * weight.rows() + n)] = sum;
    }
  }
  return out;
}

double rms(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v * v;
  return std::sqrt(sum / double(values.size()));
}

double worst_difference(const std::vector<float>& got, const std::vector<double>& want) {
  double worst = 0;
  for (size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::fabs(got[i] - want[i]));
  return worst / rms(want);
}

class LinearFormats : public ::testing::TestWithParam<Format> {};

std::string format_name(const ::testing::TestParamInfo<Format>& info) {
  return std::string(format_info(info.param).name);
}

INSTANTIATE_TEST_SUITE_P(Formats, LinearFormats, ::testing::ValuesIn(linear_formats()),
                         format_name);

TEST_P(LinearFormats, EqualsFloat64OnWhatTheKernelSees) {
  const Weight weight = random_weight(GetParam(), 37, 512, 1);
  const auto x = random_values(5 * 512, 2);
  const auto want = reference(weight, x, 5, false);
  EXPECT_LT(worst_difference(run(weight.packed(), x, 5), want), 1e-5);
}

TEST_P(LinearFormats, QuantisingActivationsCostsLessThanOnePercent) {
  const Weight weight = random_weight(GetParam(), 64, 768, 3);
  const auto x = random_values(4 * 768, 4);
  const auto want = reference(weight, x, 4, true);
  const auto got = run(weight.packed(), x, 4);
  std::vector<double> error;
  error.reserve(got.size());
  for (size_t i = 0; i < got.size(); ++i) error.push_back(got[i] - want[i]);
  EXPECT_LT(rms(error), 0.01 * rms(want));
}

TEST_P(LinearFormats, RowsAndPanelsGiveTheSameBits) {
  const Weight weight = random_weight(GetParam(), 45, 512, 5, 16, 96);
  const auto x = random_values(3 * 512, 6);
  EXPECT_EQ(run(weight, x, 3), run(weight.packed(), x, 3));
}

TEST_P(LinearFormats, ARowIsTheSameBitsInAnyBatchAndForAnyThreads) {
  const Weight weight = random_weight(GetParam(), 70, 512, 7).packed();
  const auto x = random_values(33 * 512, 8);
  set_compute_threads(1);
  std::vector<std::vector<float>> alone;
  alone.reserve(33);
  for (int64_t r = 0; r < 33; ++r) alone.push_back(run(weight, row_of(x, r, 512), 1));
  for (const int threads : {1, 2, 5}) {
    set_compute_threads(threads);
    for (int64_t rows = 1; rows <= 33; ++rows) {
      const auto batch = run(weight, x, rows);
      for (int64_t r = 0; r < rows; ++r)
        ASSERT_EQ(row_of(batch, r, 70), alone[size_t(r)]) << rows << " rows, row " << r;
    }
  }
  set_compute_threads(available_cpus());
}

TEST_P(LinearFormats, PanelsKeepEveryValueOfTheRows) {
  const Weight weight = random_weight(GetParam(), 21, 768, 9, 8, 100);
  const Weight packed = weight.packed();
  std::vector<float> from_rows(768), from_panels(768);
  for (int64_t r = 0; r < 21; ++r) {
    weight.row(r, from_rows.data());
    packed.row(r, from_panels.data());
    ASSERT_EQ(std::memcmp(from_rows.data(), from_panels.data(), 768 * sizeof(float)), 0);
  }
}

TEST_P(LinearFormats, GradientOfXIsTheTransposedMap) {
  for (const bool packed : {false, true}) {
    const Weight rows = random_weight(GetParam(), 37, 256, 10);
    const Weight weight = packed ? rows.packed() : rows;
    Tape tape;
    const Tensor x = as_parameter(Tensor::from({3, 256}, random_values(3 * 256, 11)));
    const Tensor out = linear(x, weight);
    const Tensor pick = Tensor::from({3, 37}, random_values(3 * 37, 12));
    double total = 0;
    for (int64_t i = 0; i < out.numel(); ++i) total += double(out.data()[i]) * pick.data()[i];
    const Tensor loss = record(Tensor::full({1}, float(total)), {out},
                               [&](const Tensor&) -> Gradients { return {pick}; });
    tape.backward(loss);
    const Tensor d_x = tape.grad(x);
    ASSERT_TRUE(d_x.defined());
    std::vector<double> want(3 * 256);
    std::vector<float> w(256);
    for (int64_t n = 0; n < 37; ++n) {
      weight.row(n, w.data());
      for (int64_t r = 0; r < 3; ++r)
        for (int64_t k = 0; k < 256; ++k)
          want[size_t(r * 256 + k)] += double(pick.data()[r * 37 + n]) * w[size_t(k)];
    }
    const auto values = d_x.values();
    EXPECT_LT(worst_difference({values.begin(), values.end()}, want), 1e-5);
  }
}

TEST(Linear, GradientOfAParameterIsTheOuterProduct) {
  Tape tape;
  const Tensor w = as_parameter(Tensor::from({19, 40}, random_values(19 * 40, 1)));
  const Tensor x = Tensor::from({7, 40}, random_values(7 * 40, 2));
  const Tensor out = linear(x, Weight::from_tensor(w));
  const Tensor pick = Tensor::from({7, 19}, random_values(7 * 19, 3));
  tape.backward(
      record(Tensor::full({1}, 0), {out}, [&](const Tensor&) -> Gradients { return {pick}; }));
  const Tensor d_w = tape.grad(w);
  ASSERT_TRUE(d_w.defined());
  std::vector<double> want(19 * 40);
  for (int64_t r = 0; r < 7; ++r)
    for (int64_t n = 0; n < 19; ++n)
      for (int64_t k = 0; k < 40; ++k)
        want[size_t(n * 40 + k)] += double(pick.data()[r * 19 + n]) * x.data()[r * 40 + k];
  const auto values = d_w.values();
  EXPECT_LT(worst_difference({values.begin(), values.end()}, want), 1e-5);
}

/// Gradients of sum(pick * linear(x, w)), x [rows, cols] and w [outputs, cols] parameters.
std::pair<Tensor, Tensor> gradients(int64_t rows, int64_t outputs, int64_t cols) {
  Tape tape;
  const Tensor w = as_parameter(Tensor::from({outputs, cols}, random_values(outputs * cols, 1)));
  const Tensor x = as_parameter(Tensor::from({rows, cols}, random_values(rows * cols, 2)));
  const Tensor pick = Tensor::from({rows, outputs}, random_values(rows * outputs, 3));
  tape.backward(record(Tensor::full({1}, 0), {linear(x, Weight::from_tensor(w))},
                       [&](const Tensor&) -> Gradients { return {pick}; }));
  return {tape.grad(x), tape.grad(w)};
}

TEST(Linear, GradientsAreTheSameBitsForAnyThreads) {
  set_compute_threads(1);
  const auto [x_alone, w_alone] = gradients(33, 70, 90);
  for (const int threads : {2, 5}) {
    set_compute_threads(threads);
    const auto [x, w] = gradients(33, 70, 90);
    EXPECT_TRUE(std::ranges::equal(x.values(), x_alone.values()));
    EXPECT_TRUE(std::ranges::equal(w.values(), w_alone.values()));
  }
  set_compute_threads(available_cpus());
}

TEST(Linear, ManySharesOneInputAndSumsItsGradients) {
  const Weight a = random_weight(Format::q8_0, 20, 64, 1).packed();
  const Weight b = random_weight(Format::f16, 30, 64, 2).packed();
  const auto backward = [&](bool together) {
    Tape tape;
    const Tensor x = as_parameter(Tensor::from({3, 64}, random_values(3 * 64, 3)));
    const std::vector<const Weight*> weights{&a, &b};
    const std::vector<Tensor> outs =
        together ? linear_many(x, weights) : std::vector<Tensor>{linear(x, a), linear(x, b)};
    tape.backward(record(Tensor::full({1}, 0), outs, [&](const Tensor&) -> Gradients {
      return {Tensor::full({3, 20}, 1), Tensor::full({3, 30}, 0.5f)};
    }));
    const auto values = tape.grad(x).values();
    std::vector<float> all(values.begin(), values.end());
    for (const Tensor& out : outs) all.insert(all.end(), out.values().begin(), out.values().end());
    return all;
  };
  EXPECT_EQ(backward(true), backward(false));
}

TEST(Linear, MoreRowsThanOnePassHoldsAreEachTheirOwn) {
  const Weight weight = random_weight(Format::q4_0, 18, 64, 1).packed();
  const auto x = random_values(2100 * 64, 2);
  const auto all = run(weight, x, 2100);
  for (const int64_t r : {0, 1023, 1024, 2047, 2048, 2099})
    EXPECT_EQ(row_of(all, r, 18), run(weight, row_of(x, r, 64), 1));
}

TEST(Linear, JobsTogetherEqualJobsAlone) {
  const Weight q = random_weight(Format::q4_k, 48, 256, 1).packed();
  const Weight v = random_weight(Format::q6_k, 33, 256, 2).packed();
  const Weight dense = random_weight(Format::bf16, 17, 256, 3).packed();
  const auto x = random_values(6 * 256, 4);
  const std::vector<int64_t> chosen{5, 0, 3};
  std::vector<float> together(6 * 48 + 3 * 33 + 6 * 17);
  const std::vector<LinearJob> jobs{{.weight = &q,
                                     .x = x.data(),
                                     .x_stride = 256,
                                     .rows = 6,
                                     .out = together.data(),
                                     .out_stride = 48},
                                    {.weight = &v,
                                     .x = x.data(),
                                     .x_stride = 256,
                                     .x_rows = chosen.data(),
                                     .rows = 3,
                                     .out = together.data() + 6 * 48,
                                     .out_stride = 33},
                                    {.weight = &dense,
                                     .x = x.data(),
                                     .x_stride = 256,
                                     .rows = 6,
                                     .out = together.data() + 6 * 48 + 3 * 33,
                                     .out_stride = 17}};
  run_linear(jobs);
  const auto q_alone = run(q, x, 6), v_alone = run(v, x, 6), dense_alone = run(dense, x, 6);
  EXPECT_TRUE(std::equal(q_alone.begin(), q_alone.end(), together.begin()));
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_EQ(row_of(v_alone, chosen[size_t(i)], 33),
              std::vector<float>(together.begin() + 6 * 48 + i * 33,
                                 together.begin() + 6 * 48 + (i + 1) * 33));
  EXPECT_TRUE(std::equal(dense_alone.begin(), dense_alone.end(), together.end() - 6 * 17));
}

TEST(Linear, EightBitsOfActivationsAreCoarserAndStandBesideFifteen) {
  const Weight fine = random_weight(Format::q8_0, 48, 512, 1).packed();
  const Weight coarse = fine.with_activation_bits(8);
  EXPECT_EQ(coarse.activation_bits(), 8);
  const auto x = random_values(9 * 512, 4);
  std::vector<float> together(2 * 9 * 48);
  std::vector<LinearJob> jobs;
  for (const Weight* weight : {&fine, &coarse})
    jobs.push_back({.weight = weight,
                    .x = x.data(),
                    .x_stride = 512,
                    .rows = 9,
                    .out = together.data() + int64_t(jobs.size()) * 9 * 48,
                    .out_stride = 48});
  run_linear(jobs);
  const auto fine_alone = run(fine, x, 9), coarse_alone = run(coarse, x, 9);
  EXPECT_TRUE(std::equal(fine_alone.begin(), fine_alone.end(), together.begin()));
  EXPECT_TRUE(std::equal(coarse_alone.begin(), coarse_alone.end(), together.begin() + 9 * 48));
  const auto exact = reference(fine, x, 9, true);
  double fine_error = 0, coarse_error = 0, size = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    fine_error += std::pow(fine_alone[i] - exact[i], 2);
    coarse_error += std::pow(coarse_alone[i] - exact[i], 2);
    size += std::pow(exact[i], 2);
  }
  EXPECT_LT(std::sqrt(coarse_error / size), 0.01);
  EXPECT_LT(std::sqrt(fine_error), std::sqrt(coarse_error) / 50);
}

TEST(Linear, RefusesActivationsOfAnotherWidth) {
  const Weight weight = random_weight(Format::f32, 4, 8, 1);
  EXPECT_THROW(linear(Tensor::zeros({2, 7}), weight), Error);
}

TEST(Weight, AFormatWithoutKernelIsPackedAsItsDequantizedValues) {
  for (const Format format : {Format::iq2_xxs, Format::iq1_m, Format::tq1_0, Format::mxfp4}) {
    const auto bytes = Storage::allocate(3 * format_info(format).row_bytes(256));
    for (int64_t i = 0; i < bytes->size_bytes(); ++i) bytes->data()[i] = std::byte(i * 37 % 61);
    const Weight stored = Weight::from_rows(format, 3, 256, bytes, 0);
    const Weight packed = stored.packed();
    EXPECT_EQ(packed.format(), Format::f32);
    std::vector<float> from_rows(256), from_panels(256);
    for (int64_t r = 0; r < 3; ++r) {
      stored.row(r, from_rows.data());
      packed.row(r, from_panels.data());
      EXPECT_EQ(from_rows, from_panels);
    }
  }
}

TEST(Weight, RefusesBytesThatDoNotFit) {
  const auto storage = Storage::allocate(100);
  EXPECT_THROW(Weight::from_rows(Format::q4_0, 6, 32, storage, 0), Error);
  EXPECT_THROW(Weight::from_rows(Format::q4_0, 5, 33, storage, 0), Error);
  EXPECT_THROW(Weight::from_rows(Format::f32, int64_t{1} << 60, int64_t{1} << 60, storage, 0),
               Error);
  EXPECT_THROW(Weight::from_rows(Format::fp8, 4, 4, storage, 0), Error);
  EXPECT_THROW(Weight::from_rows(Format::f32, 1, 1, storage, 104), Error);
  EXPECT_NO_THROW(Weight::from_rows(Format::q4_0, 5, 32, storage, 10));
}

}  // namespace
}  // namespace deepseek
