// SPDX-License-Identifier: Apache-2.0
#include "formats/fp8_blocks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "formats/checkpoint.h"
#include "ops/weight.h"
#include "tensor/float_convert.h"
#include "tests/formats/refusal.h"
#include "tests/support/shared_data.h"

namespace deepseek {
namespace {

/// The values of an e4m3 matrix with square blocks.
Tensor dequantized(const Tensor& weight, const Tensor& scales, int64_t block) {
  return Weight::from_rows(Format::fp8, weight.dim(0), weight.dim(1), weight.storage(),
                           weight.bytes() - weight.storage()->data(),
                           BlockScales{scales, block, block})
      .dequantized_rows(0, weight.dim(0));
}

constexpr std::string_view suffix = "_scale_inv";

/// The FP8 reference checkpoint was rounded from the float32 one: every value is within half a step
/// of e4m3 (3 mantissa bits; steps of 2^-9 below 2^-6) at the scale of its block.
TEST(Fp8Blocks, ReferenceWeightsAreTheRoundedFloat32Ones) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden");
  const Checkpoint fp8 = Checkpoint::open(golden / "v3_yarn-fp8");
  const Checkpoint f32 = Checkpoint::open(golden / "v3_yarn");
  int weights = 0;
  for (const std::string_view scale_name : fp8.names()) {
    if (!scale_name.ends_with(suffix)) continue;
    const std::string_view name = scale_name.substr(0, scale_name.size() - suffix.size());
    SCOPED_TRACE(name);
    const Tensor packed = fp8.tensor(name), original = f32.tensor(name);
    ASSERT_EQ(packed.shape(), original.shape());
    const int64_t rows = packed.dim(0), cols = packed.dim(1);
    const Tensor scales =
        fp8_scales(fp8.tensor(scale_name), rows, cols, 32, 32, scale_name, fp8.path());
    const Tensor got = dequantized(packed, scales, 32);
    for (int64_t i = 0; i < got.numel(); ++i) {
      const float scale = scales.data()[i / cols / 32 * scales.dim(1) + i % cols / 32];
      const float value = original.data()[i];
      const float half_step = std::max(std::fabs(value) / 16, scale * 0x1p-10f);
      ASSERT_LE(std::fabs(got.data()[i] - value), half_step * 1.0001f) << i;
    }
    ++weights;
  }
  EXPECT_GT(weights, 100);
}

TEST(Fp8Blocks, RaggedEdgesTakeTheScaleOfTheirBlock) {
  const Tensor weight = Tensor::empty({3, 5}, DType::e4m3);
  for (int64_t i = 0; i < 15; ++i) weight.bytes()[i] = std::byte{f32_to_e4m3(1)};
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const Tensor scales = fp8_scales(Tensor::from({2, 3}, values), 3, 5, 2, 2, "w", "x");
  const Tensor got = dequantized(weight, scales, 2);
  const std::vector<float> expected{1, 1, 2, 2, 3, 1, 1, 2, 2, 3, 4, 4, 5, 5, 6};
  EXPECT_TRUE(std::ranges::equal(got.values(), expected));
}

TEST(Fp8Blocks, PowerOfTwoScalesAreRead) {
  const Tensor stored = Tensor::empty({1, 2}, DType::e8m0);
  stored.bytes()[0] = std::byte{127};
  stored.bytes()[1] = std::byte{120};
  const Tensor scales = fp8_scales(stored, 128, 256, 128, 128, "w", "x");
  EXPECT_EQ(scales.data()[0], 1);
  EXPECT_EQ(scales.data()[1], 0x1p-7f);
}

TEST(Fp8Blocks, BadScalesAreRefused) {
  const auto expect = [](const Tensor& stored, int64_t block,
                         std::vector<std::string_view> message) {
    message.push_back("m.safetensors: tensor w_scale_inv: ");
    testing::expect_refusal(
        [&] { fp8_scales(stored, 4, 4, block, block, "w_scale_inv", "m.safetensors"); },
        ErrorKind::bad_file, message);
  };
  const auto with = [](float value) {
    const Tensor scales = Tensor::full({2, 2}, 1);
    scales.data()[3] = value;
    return scales;
  };
  const float infinity = std::numeric_limits<float>::infinity();
  expect(with(std::numeric_limits<float>::quiet_NaN()), 2, {"finite", "nan", "[1, 1]"});
  expect(with(infinity), 2, {"finite", "inf", "[1, 1]"});
  expect(with(-1), 2, {"at least 0", "got -1", "[1, 1]"});
  expect(Tensor::full({2, 3}, 1), 2, {"expected shape [2, 2]", "4 x 4", "got [2, 3]"});
  expect(Tensor::full({4}, 1), 2, {"expected shape [2, 2]", "got [4]"});
  expect(Tensor::full({2, 2}, 1), 0, {"weight_block_size", "0 x 0"});
  expect(Tensor::empty({2, 2}, DType::i32), 2, {"F32", "got I32"});
  const Tensor e8m0 = Tensor::empty({2, 2}, DType::e8m0);
  std::fill_n(e8m0.bytes(), 4, std::byte{0xFF});
  expect(e8m0, 2, {"nan", "[0, 0]"});
}

}  // namespace
}  // namespace deepseek
