// SPDX-License-Identifier: Apache-2.0
#include "kernels/dequantize.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>

#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "tests/support/shared_data.h"

namespace deepseek {
namespace {

std::vector<uint32_t> bits_of(const Tensor& tensor) {
  std::vector<uint32_t> bits(static_cast<size_t>(tensor.numel()));
  std::memcpy(bits.data(), tensor.bytes(), static_cast<size_t>(tensor.size_bytes()));
  return bits;
}

Tensor dequantized(Format format, const std::byte* blocks, const Shape& shape) {
  Tensor out = Tensor::empty(shape);
  kernels::dequantize_row(format, blocks, out.data(), out.numel());
  return out;
}

/// Calls check(format, case name) for every type and case of the reference blocks.
template <class Check>
int for_each_case(const SafetensorsFile& blocks, Check check) {
  int cases = 0;
  for (const FormatInfo& info : all_formats())
    for (const char* name : {"random", "zero", "extreme", "quant"}) {
      const std::string prefix = concat(info.name, '.', name, '.');
      if (blocks.find(prefix + "f32") == nullptr) continue;
      SCOPED_TRACE(prefix);
      check(info.format, prefix);
      ++cases;
    }
  return cases;
}

TEST(Dequantize, EveryReferenceBlockIsReproducedBitForBit) {
  DEEPSEEK_SHARED_OR_SKIP(path, "golden/gguf/blocks.safetensors");
  const SafetensorsFile blocks = SafetensorsFile::open(path);
  const int cases = for_each_case(blocks, [&](Format format, const std::string& prefix) {
    const Tensor expected = blocks.tensor(prefix + "f32");
    const SafetensorsEntry* stored = blocks.find(prefix + "bytes");
    ASSERT_NE(stored, nullptr);
    const Tensor got = dequantized(format, blocks.tensor(*stored).bytes(), expected.shape());
    EXPECT_EQ(bits_of(got), bits_of(expected));
  });
  EXPECT_EQ(cases, 26 * 3 + 11);
}

TEST(Dequantize, TheGgufContainerGivesTheSameValues) {
  DEEPSEEK_SHARED_OR_SKIP(folder, "golden/gguf");
  const SafetensorsFile blocks = SafetensorsFile::open(folder / "blocks.safetensors");
  const GgufFile file = GgufFile::open(folder / "blocks.gguf");
  int compared = 0;
  for (const GgufTensor& tensor : file.tensors()) {
    const SafetensorsEntry* expected = blocks.find(std::string(tensor.name) + ".f32");
    if (expected == nullptr) continue;
    EXPECT_EQ(bits_of(file.to_f32(tensor)), bits_of(blocks.tensor(*expected))) << tensor.name;
    ++compared;
  }
  EXPECT_EQ(compared, 26 * 3 + 11);
}

TEST(Dequantize, MisalignedBlocksGiveTheSameValues) {
  DEEPSEEK_SHARED_OR_SKIP(path, "golden/gguf/blocks.safetensors");
  const SafetensorsFile blocks = SafetensorsFile::open(path);
  for_each_case(blocks, [&](Format format, const std::string& prefix) {
    const Tensor expected = blocks.tensor(prefix + "f32");
    const Tensor stored = blocks.tensor(prefix + "bytes");
    std::vector<std::byte> shifted(static_cast<size_t>(stored.size_bytes()) + 1);
    std::memcpy(shifted.data() + 1, stored.bytes(), shifted.size() - 1);
    EXPECT_EQ(bits_of(dequantized(format, shifted.data() + 1, expected.shape())),
              bits_of(expected));
  });
}

TEST(Quantize, ReferenceRoundingIsReproducedByteForByte) {
  DEEPSEEK_SHARED_OR_SKIP(path, "golden/gguf/blocks.safetensors");
  const SafetensorsFile blocks = SafetensorsFile::open(path);
  int formats = 0;
  for_each_case(blocks, [&](Format format, const std::string& prefix) {
    const SafetensorsEntry* input = blocks.find(prefix + "input");
    if (input == nullptr || !kernels::can_quantize(format)) return;
    const Tensor x = blocks.tensor(*input), expected = blocks.tensor(prefix + "bytes");
    std::vector<uint8_t> got(static_cast<size_t>(expected.size_bytes()));
    kernels::quantize_row(format, x.data(), got.data(), x.numel());
    EXPECT_EQ(0, std::memcmp(got.data(), expected.bytes(), got.size()));
    ++formats;
  });
  EXPECT_EQ(formats, 8);
}

TEST(Quantize, DequantizedBlocksStayWithinHalfAStep) {
  for (const Format format : {Format::q8_0, Format::q4_0, Format::q4_1, Format::q5_0, Format::q5_1,
                              Format::f16, Format::bf16, Format::f32}) {
    SCOPED_TRACE(format_info(format).name);
    std::vector<float> x(64), back(64);
    for (size_t i = 0; i < x.size(); ++i) x[i] = float(int(i * 37 % 64)) / 32 - 1;
    std::vector<uint8_t> blocks(static_cast<size_t>(format_info(format).row_bytes(64)));
    kernels::quantize_row(format, x.data(), blocks.data(), 64);
    kernels::dequantize_row(format, blocks.data(), back.data(), 64);
    const float step = format == Format::q8_0                             ? 1.0f / 127
                       : format == Format::q4_0                           ? 1.0f / 4
                       : format == Format::q4_1 || format == Format::q5_0 ? 2.0f / 15
                                                                          : 2.0f / 31;
    for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(back[i], x[i], step * 0.51f) << i;
  }
}

TEST(Quantize, NumbersThatAreNotFiniteDoNotCrash) {
  for (const FormatInfo& info : all_formats()) {
    if (!kernels::can_quantize(info.format)) continue;
    for (const uint32_t bits : {0x7FC00000u, 0x7F800000u, 0xFF800000u, 1u, 0x80000001u}) {
      std::vector<float> x(32, std::bit_cast<float>(bits));
      x[3] = 1;
      std::vector<uint8_t> blocks(static_cast<size_t>(info.row_bytes(32)));
      kernels::quantize_row(info.format, x.data(), blocks.data(), 32);
      kernels::dequantize_row(info.format, blocks.data(), x.data(), 32);
    }
  }
}

TEST(Dequantize, IntegersAndWideFloatsConvert) {
  const std::vector<int8_t> bytes{-128, 0, 127};
  const std::vector<int64_t> words{-3, int64_t{1} << 40, 7};
  const std::vector<double> doubles{0.1, -2, 1e300};
  std::vector<float> out(3);
  kernels::dequantize_row(Format::i8, bytes.data(), out.data(), 3);
  EXPECT_EQ(out, (std::vector<float>{-128, 0, 127}));
  kernels::dequantize_row(Format::i64, words.data(), out.data(), 3);
  EXPECT_EQ(out, (std::vector<float>{-3, 1099511627776.0f, 7}));
  kernels::dequantize_row(Format::f64, doubles.data(), out.data(), 3);
  EXPECT_EQ(out[0], 0.1f);
}

}  // namespace
}  // namespace deepseek
