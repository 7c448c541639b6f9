// SPDX-License-Identifier: Apache-2.0
#include "kernels/linear.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "ops/pack.h"
#include "tests/support/random_weight.h"

namespace deepseek {
namespace {

using kernels::ActivationBlock;
using kernels::LinearArgs;
using kernels::LinearFamily;
using test::linear_formats;
using test::random_values;
using test::random_weight;

/// Rows of activations as a kernel reads them. `shift` floats of misalignment.
class Activations {
 public:
  Activations(Format format, int64_t rows, int64_t cols, int64_t shift, std::vector<float> values,
              bool one_plane = false)
      : values_(std::move(values)) {
    values_.insert(values_.begin(), size_t(shift), 0.0f);
    const bool quantized = kernels::block_layout(format) != nullptr;
    blocks_.resize(quantized ? size_t(rows * cols / 32) : 0);
    for (int64_t r = 0; r < rows; ++r) {
      const float* x = values_.data() + shift + r * cols;
      pointers_.push_back(x);
      if (!quantized) continue;
      ActivationBlock* blocks = blocks_.data() + r * (cols / 32);
      kernels::quantize_activations.variants[0].run({x, cols, blocks, one_plane});
      pointers_.back() = blocks;
    }
  }
  const void* const* rows() const { return pointers_.data(); }

 private:
  std::vector<float> values_;
  std::vector<ActivationBlock> blocks_;
  std::vector<const void*> pointers_;
};

std::vector<float> run(void (*kernel)(const LinearArgs&) noexcept, const Weight& panels,
                       const Activations& x, int64_t rows, bool one_plane = false) {
  constexpr float sentinel = 12345;
  const int64_t stride = panels.rows() + 3;
  std::vector<float> out(size_t(rows * stride), sentinel);
  std::vector<float*> pointers;
  pointers.reserve(size_t(rows));
  for (int64_t r = 0; r < rows; ++r) pointers.push_back(out.data() + r * stride + 1);
  kernel({.panels = reinterpret_cast<const unsigned char*>(panels.data()),
          .panel_bytes = packed_panel_bytes(panels),
          .outputs = panels.rows(),
          .cols = panels.cols(),
          .block_cols = panels.scales() ? panels.scales()->block_cols : 0,
          .x = x.rows(),
          .out = pointers.data(),
          .out_offset = 1,
          .rows = rows,
          .accumulate = false,
          .one_plane = one_plane});
  for (int64_t r = 0; r < rows; ++r)
    for (const int64_t guard : {int64_t{0}, int64_t{1}, stride - 1})
      EXPECT_EQ(out[size_t(r * stride + guard)], sentinel) << "written outside of row " << r;
  return out;
}

/// The same bits, except that any NaN equals any other.
void expect_same_bits(const std::vector<float>& got, const std::vector<float>& want,
                      const std::string& what) {
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(got[i]) && std::isnan(want[i])) continue;
    ASSERT_EQ(std::memcmp(&got[i], &want[i], sizeof(float)), 0)
        << what << ": element " << i << ": got " << got[i] << ", want " << want[i];
  }
}

/// Holds every variant against the scalar one. x starts `shift` floats off its alignment.
void compare(const Weight& weight, int64_t rows, const std::vector<float>& values,
             int64_t shift = 0) {
  const Weight panels = weight.packed();
  const LinearFamily& family = *kernels::linear_family(weight.format());
  for (const bool one_plane : {false, true}) {
    if (one_plane && !multiplies_integers(weight.format())) continue;
    const Activations x(weight.format(), rows, weight.cols(), shift, values, one_plane);
    const auto want = run(family.variants[0].run, panels, x, rows, one_plane);
    for (const auto& variant : family.variants)
      if (variant.supported())
        expect_same_bits(run(variant.run, panels, x, rows, one_plane), want,
                         concat(family.name, " ", variant.name, " ", rows, " rows, ", weight.rows(),
                                " x ", weight.cols(), one_plane ? ", one plane" : ""));
  }
}

class LinearKernels : public ::testing::TestWithParam<Format> {};

std::string format_name(const ::testing::TestParamInfo<Format>& info) {
  return std::string(format_info(info.param).name);
}

INSTANTIATE_TEST_SUITE_P(Formats, LinearKernels, ::testing::ValuesIn(linear_formats()),
                         format_name);

TEST_P(LinearKernels, EveryVariantEqualsTheScalarDefinition) {
  const int64_t block = format_info(GetParam()).block_size;
  const std::vector<int64_t> widths =
      block == 1 ? std::vector<int64_t>{1, 2, 31, 192, 401}
                 : std::vector<int64_t>{block, 2 * block, 3 * block, 5 * block};
  uint64_t seed = 1;
  for (const int64_t cols : widths)
    for (const int64_t outputs : {1, 16, 17, 40})
      for (const int64_t rows : {1, 2, 7, 14, 23}) {
        ++seed;
        compare(random_weight(GetParam(), outputs, cols, seed, 16, 7), rows,
                random_values(rows * cols, seed), int64_t(seed % 4));
      }
}

/// Kernels that take some of the columns at a time go on from what they have.
TEST_P(LinearKernels, EveryVariantAgreesOnLongRows) {
  for (const int64_t rows : {1, 3, 17})
    compare(random_weight(GetParam(), 20, 8448, 9, 16, 7), rows, random_values(rows * 8448, 9));
}

TEST_P(LinearKernels, EveryVariantAgreesOnValuesThatAreNotFinite) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const int64_t cols = 512;
  const float special[] = {std::nanf(""), infinity, -infinity, 3e38f, -3e38f, 1e-40f, 0, -0.0f};
  auto values = random_values(9 * cols, 3);
  for (int64_t r = 0; r < 8; ++r) values[size_t(r * cols + 40 * r)] = special[r];
  std::fill_n(values.begin() + 8 * cols, cols, 1e-42f);
  compare(random_weight(GetParam(), 20, cols, 4), 9, values);
}

TEST_P(LinearKernels, EveryVariantAgreesOnAnyBytes) {
  const int64_t cols = format_info(GetParam()).block_size * 4, outputs = 32;
  const auto noise = random_values(outputs * format_info(GetParam()).row_bytes(cols), 5);
  const auto storage = Storage::allocate(int64_t(noise.size()));
  for (size_t i = 0; i < noise.size(); ++i)
    storage->data()[i] = std::byte(int(std::fabs(noise[i]) * 1000) & 255);
  std::optional<BlockScales> scales;
  if (GetParam() == Format::fp8)
    scales = BlockScales{Tensor::from({1, 1}, std::vector<float>{2}), 128, 128};
  compare(Weight::from_rows(GetParam(), outputs, cols, storage, 0, scales), 5,
          random_values(5 * cols, 6));
}

TEST_P(LinearKernels, ActivationsThatAreNotFiniteSpoilTheirOwnRowAlone) {
  const int64_t cols = 512;
  auto values = random_values(3 * cols, 7);
  values[size_t(cols + 17)] = std::nanf("");
  const Weight panels = random_weight(GetParam(), 16, cols, 8).packed();
  const Activations x(GetParam(), 3, cols, 0, values);
  const auto out = run(kernels::linear_family(GetParam())->best().run, panels, x, 3);
  for (int64_t n = 0; n < 16; ++n) {
    EXPECT_TRUE(std::isfinite(out[size_t(2 + n)]));
    EXPECT_TRUE(std::isnan(out[size_t(19 + 2 + n)]));
    EXPECT_TRUE(std::isfinite(out[size_t(38 + 2 + n)]));
  }
}

TEST(LinearFp8, EveryVariantHandlesRaggedBlocksOfScales) {
  for (const int64_t block_cols : {1, 2, 5, 64, 128, 1000})
    for (const int64_t cols : {1, 63, 128, 129, 300})
      for (const int64_t rows : {3, 19})
        compare(random_weight(Format::fp8, 33, cols, 5, 10, block_cols), rows,
                random_values(rows * cols, 6));
}

TEST(LinearF32, EveryVariantContinuesTheChainsItIsGiven) {
  const int64_t cols = 100, half = 60, outputs = 37, rows = 11;
  const auto values = random_values(rows * cols, 1), weights = random_values(outputs * cols, 2);
  std::vector<float> whole(size_t(cols * 48));
  for (int64_t n = 0; n < outputs; ++n)
    for (int64_t k = 0; k < cols; ++k)
      whole[size_t(n / 16 * 16 * cols + k * 16 + n % 16)] = weights[size_t(n * cols + k)];
  for (const auto& variant : kernels::linear_family(Format::f32)->variants) {
    if (!variant.supported()) continue;
    std::vector<const void*> x, x_rest;
    std::vector<float> at_once(size_t(rows * outputs)), in_two(size_t(rows * outputs));
    std::vector<float*> out, out_two;
    for (int64_t r = 0; r < rows; ++r) {
      x.push_back(values.data() + r * cols);
      x_rest.push_back(values.data() + r * cols + half);
      out.push_back(at_once.data() + r * outputs);
      out_two.push_back(in_two.data() + r * outputs);
    }
    LinearArgs args{.panels = reinterpret_cast<const unsigned char*>(whole.data()),
                    .panel_bytes = cols * 64,
                    .outputs = outputs,
                    .cols = cols,
                    .block_cols = 0,
                    .x = x.data(),
                    .out = out.data(),
                    .out_offset = 0,
                    .rows = rows,
                    .accumulate = false};
    variant.run(args);
    args.out = out_two.data();
    args.cols = half;
    variant.run(args);
    args.panels += half * 64;
    args.x = x_rest.data();
    args.cols = cols - half;
    args.accumulate = true;
    variant.run(args);
    expect_same_bits(in_two, at_once, variant.name);
  }
}

TEST(QuantizeActivations, EveryVariantEqualsTheScalarDefinition) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  auto values = random_values(32 * 40 + 1, 9);
  for (int64_t b = 0; b < 8; ++b)
    for (int64_t k = 0; k < 32; ++k)
      values[size_t(32 * b + k + 1)] *= std::ldexp(1.0f, int(40 * b - 160));
  values[32 * 9 + 1] = infinity;
  values[32 * 10 + 9] = std::nanf("");
  values[32 * 11 + 31] = -infinity;
  std::fill_n(values.begin() + 32 * 12 + 1, 32, -0.0f);
  for (size_t k = 0; k < 32; ++k) values[32 * 13 + 1 + k] = float(k) - 15.5f;
  values[32 * 14 + 5] = std::numeric_limits<float>::max();
  const auto& family = kernels::quantize_activations;
  for (const bool one_plane : {false, true}) {
    std::vector<ActivationBlock> want(40), got(40);
    family.variants[0].run({values.data() + 1, 32 * 40, want.data(), one_plane});
    for (const auto& variant : family.variants) {
      if (!variant.supported()) continue;
      variant.run({values.data() + 1, 32 * 40, got.data(), one_plane});
      for (size_t b = 0; b < want.size(); ++b) {
        EXPECT_EQ(std::memcmp(got[b].upper, want[b].upper, 64), 0)
            << variant.name << " block " << b;
        EXPECT_EQ(got[b].minus_sum, want[b].minus_sum);
        EXPECT_EQ(got[b].minus_half[0], want[b].minus_half[0]);
        EXPECT_EQ(got[b].minus_half[1], want[b].minus_half[1]);
        const auto floats = [](const ActivationBlock& block) {
          return std::vector<float>{block.d, block.sum, block.half[0], block.half[1]};
        };
        expect_same_bits(floats(got[b]), floats(want[b]), variant.name);
      }
    }
    EXPECT_TRUE(std::isnan(want[9].d));
    EXPECT_TRUE(std::isnan(want[10].d));
    EXPECT_EQ(want[12].d, 0);
    for (const ActivationBlock& block : want)
      for (int k = 0; one_plane && k < 32; ++k) EXPECT_EQ(block.lower[k], 0);
    // The largest of a block is met exactly, to within the rounding of d.
    const int upper_counts = one_plane ? 1 : 128;
    EXPECT_FLOAT_EQ(float(upper_counts * want[14].upper[4] + want[14].lower[4]) * want[14].d,
                    values[32 * 14 + 5]);
  }
}

}  // namespace
}  // namespace deepseek
