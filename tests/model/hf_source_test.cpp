// SPDX-License-Identifier: Apache-2.0
#include "model/hf_source.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "formats/safetensors_writer.h"
#include "model/hf_config.h"
#include "tensor/float_convert.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

using Use = ParamSource::Use;

HfSource open_source(const std::filesystem::path& folder) {
  return HfSource(Checkpoint::open(folder), read_hf_config(folder));
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_file) << error.what();
    return error.what();
  }
  return "accepted";
}

TEST(HfSource, GivesMatricesWhereTheyLieInTheFile) {
  DEEPSEEK_SHARED_OR_SKIP(folder, "golden/llama_mha-bf16");
  HfSource source = open_source(folder);
  const std::string name = "model.layers.0.self_attn.q_proj.weight";
  const Weight weight = source.weight(name, 64, 64, Use::linear);
  EXPECT_EQ(weight.format(), Format::bf16);
  EXPECT_EQ(weight.layout(), Weight::Layout::rows);
  EXPECT_EQ(weight.data(), source.checkpoint().tensor(name).bytes());
  source.release(weight);
  EXPECT_EQ(weight.dequantized_rows(0, 1).data()[0],
            source.checkpoint().tensor(name).to_f32().data()[0]);
}

TEST(HfSource, WidensVectors) {
  DEEPSEEK_SHARED_OR_SKIP(folder, "golden/llama_mha-bf16");
  HfSource source = open_source(folder);
  EXPECT_EQ(source.vector("model.norm.weight", 64).dtype(), DType::f32);
}

TEST(HfSource, ReadsShards) {
  DEEPSEEK_SHARED_OR_SKIP(folder, "golden/llama_gqa");
  HfSource source = open_source(folder);
  for (int layer = 0; layer < 4; ++layer)
    EXPECT_NO_THROW(source.weight(concat("model.layers.", layer, ".mlp.down_proj.weight"), 64, 96,
                                  Use::linear));
}

TEST(HfSource, Fp8WeightsComeWithTheirScales) {
  DEEPSEEK_SHARED_OR_SKIP(folder, "golden/v3_yarn-fp8");
  HfSource source = open_source(folder);
  // 96 x 64 in blocks of 32; kv_a_proj_with_mqa has 28 rows, so its only row of blocks is ragged.
  for (const auto& [name, rows, cols] :
       {std::tuple{"model.layers.0.mlp.gate_proj.weight", 96, 64},
        std::tuple{"model.layers.0.self_attn.kv_a_proj_with_mqa.weight", 28, 64}}) {
    const Weight weight = source.weight(name, rows, cols, Use::linear);
    ASSERT_EQ(weight.format(), Format::fp8);
    const Tensor scales = source.checkpoint().tensor(std::string(name) + "_scale_inv").to_f32();
    const auto* stored = reinterpret_cast<const uint8_t*>(source.checkpoint().tensor(name).bytes());
    const Tensor got = weight.dequantized_rows(0, rows);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c)
        ASSERT_EQ(got.data()[r * cols + c], e4m3_to_f32(stored[r * cols + c]) *
                                                scales.data()[r / 32 * scales.dim(1) + c / 32])
            << name << " " << r << " " << c;
  }
  EXPECT_EQ(source.weight("model.embed_tokens.weight", 256, 64, Use::gather).format(),
            Format::bf16);
}

TEST(HfSource, ReadsScalesStoredAsPowersOfTwo) {
  const testing::TemporaryFolder folder;
  SafetensorsWriter writer(
      folder.path() / "model.safetensors",
      {{"w.weight", DType::e4m3, {3, 2}}, {"w.weight_scale_inv", DType::e8m0, {2, 1}}});
  const std::array<std::byte, 6> ones{std::byte{0x38}, std::byte{0x38}, std::byte{0x38},
                                      std::byte{0x38}, std::byte{0x38}, std::byte{0x38}};
  writer.write("w.weight", ones);
  writer.write("w.weight_scale_inv", std::array<std::byte, 2>{std::byte{128}, std::byte{126}});
  writer.commit();
  ModelConfig config;
  config.fp8 = Fp8Config{.block_rows = 2, .block_cols = 2, .ue8m0_scales = true};
  HfSource source(Checkpoint::open(folder.path()), config);
  const Tensor got = source.weight("w.weight", 3, 2, Use::linear).dequantized_rows(0, 3);
  EXPECT_EQ(got.data()[0], 2);
  EXPECT_EQ(got.data()[5], 0.5);
}

TEST(HfSource, RefusesMissingAndMisshapenTensorsByName) {
  DEEPSEEK_SHARED_OR_SKIP(folder, "golden/llama_mha");
  HfSource source = open_source(folder);
  const auto expect = [&](const std::string& message, const std::string& part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_EQ(message.rfind(folder.string(), 0), 0u) << message;
  };
  expect(message_of([&] { source.weight("model.layers.9.w.weight", 4, 4, Use::linear); }),
         "tensor model.layers.9.w.weight: expected [4, 4], got no such tensor");
  expect(message_of([&] { source.weight("model.embed_tokens.weight", 64, 256, Use::gather); }),
         "tensor model.embed_tokens.weight: expected shape [64, 256], got [256, 64]");
  expect(message_of([&] { source.vector("model.norm.weight", 63); }),
         "tensor model.norm.weight: expected shape [63], got [64]");
}

TEST(HfSource, RefusalsNameTheShard) {
  const testing::TemporaryFolder folder;
  write_safetensors(folder.path() / "a.safetensors", {{"x", Tensor::zeros({2, 2})}});
  write_safetensors(folder.path() / "b.safetensors", {{"y", Tensor::zeros({2, 2})}});
  folder.write("model.safetensors.index.json",
               R"({"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}})");
  HfSource source(Checkpoint::open(folder.path()), ModelConfig());
  EXPECT_NE(
      message_of([&] { source.weight("y", 4, 4, Use::linear); }).find("b.safetensors: tensor y: "),
      std::string::npos);
}

TEST(HfSource, RefusesFp8WithoutScalesOrWithBadOnes) {
  const testing::TemporaryFolder folder;
  const auto write = [&](const std::vector<TensorSpec>& specs, float scale) {
    SafetensorsWriter writer(folder.path() / "model.safetensors", specs);
    writer.write("w.weight", std::array<std::byte, 4>{});
    for (const TensorSpec& spec : specs)
      if (spec.name != "w.weight") writer.write(spec.name, Tensor::full(spec.shape, scale));
    writer.commit();
  };
  const auto read = [&](bool announced) {
    ModelConfig config;
    if (announced) config.fp8 = Fp8Config{.block_rows = 2, .block_cols = 2};
    HfSource source(Checkpoint::open(folder.path()), config);
    source.weight("w.weight", 2, 2, Use::linear);
  };
  write({{"w.weight", DType::e4m3, {2, 2}}}, 1);
  EXPECT_NE(message_of([&] {
              read(true);
            }).find("tensor w.weight_scale_inv: expected [1, 1], got no such tensor"),
            std::string::npos);
  EXPECT_NE(message_of([&] { read(false); }).find("without quantization_config"),
            std::string::npos);
  write({{"w.weight", DType::e4m3, {2, 2}}, {"w.weight_scale_inv", DType::f32, {2, 1}}}, 1);
  EXPECT_NE(message_of([&] { read(true); }).find("expected shape [1, 1], got [2, 1]"),
            std::string::npos);
  write({{"w.weight", DType::e4m3, {2, 2}}, {"w.weight_scale_inv", DType::f32, {1, 1}}},
        std::numeric_limits<float>::quiet_NaN());
  EXPECT_NE(message_of([&] { read(true); }).find("expected finite scales of at least 0, got nan"),
            std::string::npos);
}

TEST(HfSource, RefusesMatricesOfIntegers) {
  const testing::TemporaryFolder folder;
  write_safetensors(folder.path() / "model.safetensors",
                    {{"w", Tensor::zeros({2, 2}, DType::i32)}});
  HfSource source(Checkpoint::open(folder.path()), ModelConfig());
  EXPECT_NE(message_of([&] {
              source.weight("w", 2, 2, Use::linear);
            }).find("tensor w: expected F32, BF16, F16 or F8_E4M3, got I32"),
            std::string::npos);
}

}  // namespace
}  // namespace deepseek
