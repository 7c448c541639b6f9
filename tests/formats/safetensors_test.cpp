// SPDX-License-Identifier: Apache-2.0
#include "formats/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "formats/safetensors_writer.h"
#include "tests/formats/refusal.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

std::span<const std::byte> bytes_of(const Tensor& tensor) {
  return {tensor.bytes(), static_cast<size_t>(tensor.size_bytes())};
}

Tensor counting(Shape shape, DType dtype) {
  Tensor tensor = Tensor::empty(std::move(shape), dtype);
  for (int64_t i = 0; i < tensor.size_bytes(); ++i) tensor.bytes()[i] = std::byte(i % 251);
  return tensor;
}

TEST(Safetensors, WhatIsWrittenIsReadForEveryType) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "t.safetensors";
  std::map<std::string, Tensor> tensors;
  for (const DType dtype :
       {DType::f32, DType::f64, DType::bf16, DType::f16, DType::e4m3, DType::e5m2, DType::e8m0,
        DType::i8, DType::u8, DType::i16, DType::i32, DType::i64, DType::boolean})
    tensors["t." + std::string(dtype_name(dtype))] = counting({3, 5}, dtype);
  tensors["scalar"] = counting({}, DType::f32);
  tensors["empty"] = counting({4, 0, 2}, DType::bf16);
  tensors["name \"quoted\" 中"] = counting({2, 1, 3}, DType::f16);
  write_safetensors(path, tensors, {{"format", "pt"}, {"note", "a\"b"}});

  const SafetensorsFile file = SafetensorsFile::open(path);
  EXPECT_EQ(file.entries().size(), tensors.size());
  EXPECT_EQ(file.metadata().at("note"), "a\"b");
  for (const auto& [name, tensor] : tensors) {
    const Tensor read = file.tensor(name);
    EXPECT_EQ(read.dtype(), tensor.dtype()) << name;
    EXPECT_EQ(read.shape(), tensor.shape()) << name;
    EXPECT_TRUE(std::ranges::equal(bytes_of(read), bytes_of(tensor))) << name;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(read.bytes()) % dtype_size(read.dtype()), 0u);
  }
  EXPECT_EQ(file.find("missing"), nullptr);
  testing::expect_refusal([&] { file.tensor("missing"); }, ErrorKind::bad_file,
                          {"t.safetensors", "missing", "16"});
}

TEST(Safetensors, ATensorKeepsTheMappingAlive) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "t.safetensors";
  write_safetensors(path, {{"a", Tensor::full({7}, 2.5f)}});
  Tensor tensor;
  {
    const SafetensorsFile file = SafetensorsFile::open(path);
    tensor = file.tensor("a");
    file.release(std::as_bytes(tensor.values()));
  }
  for (const float value : tensor.values()) EXPECT_EQ(value, 2.5f);
}

TEST(Safetensors, WritingAReferenceFileAgainGivesTheSameBytes) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden");
  const testing::TemporaryFolder folder;
  for (const char* name : {"llama_mha/model.safetensors", "v3_yarn-fp8/model.safetensors",
                           "v3_yarn-bf16/model.safetensors", "v4/model.safetensors",
                           "llama_mha/golden.safetensors", "gguf/blocks.safetensors"}) {
    const SafetensorsFile file = SafetensorsFile::open(golden / name);
    std::map<std::string, Tensor> tensors;
    for (const SafetensorsEntry& entry : file.entries()) tensors[entry.name] = file.tensor(entry);
    const auto copy = folder.path() / "copy.safetensors";
    write_safetensors(copy, tensors, file.metadata());
    EXPECT_TRUE(read_text_file(copy) == read_text_file(golden / name)) << name;
  }
}

TEST(SafetensorsWriter, RefusesWhatWasNotDeclared) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "t.safetensors";
  SafetensorsWriter writer(path, {{"a", DType::f32, {2}}, {"b", DType::f32, {2}}});
  const Tensor two = Tensor::zeros({2});
  EXPECT_THROW(writer.write("c", two), Error);
  EXPECT_THROW(writer.write("a", Tensor::zeros({3})), Error);
  writer.write("b", two);
  EXPECT_THROW(writer.write("b", two), Error);
  EXPECT_THROW(writer.commit(), Error);
  writer.write("a", two);
  writer.commit();
  EXPECT_EQ(SafetensorsFile::open(path).entries().size(), 2u);
  EXPECT_THROW(SafetensorsWriter(path, {{"a", DType::f32, {2}}, {"a", DType::f32, {2}}}), Error);
}

}  // namespace
}  // namespace deepseek
