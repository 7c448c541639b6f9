// SPDX-License-Identifier: Apache-2.0
#include "formats/gguf.h"

#include <gtest/gtest.h>

#include <cstring>
#include <utility>

#include "formats/gguf_writer.h"
#include "formats/json.h"
#include "kernels/dequantize.h"
#include "tests/formats/refusal.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

TEST(Gguf, MetadataOfEveryTypeIsReadBack) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "m.gguf";
  GgufFields fields;
  fields.add_string("general.architecture", "llama");
  fields.add_u32("a.u32", 7);
  fields.add_i32("a.i32", -7);
  fields.add_u64("a.u64", uint64_t{1} << 40);
  fields.add_f32("a.f32", 0.5f);
  fields.add_bool("a.bool", true);
  fields.add_strings("a.strings", std::vector<std::string>{"one", "", "中\n"});
  fields.add_i32s("a.i32s", std::vector<int32_t>{1, -2, 3});
  fields.add_f32s("a.f32s", std::vector<float>{0.25f, -1});
  fields.add_strings("a.none", {});
  EXPECT_THROW(fields.add_bool("a.bool", false), Error);
  const double wide = 0.1;
  fields.add("a.f64", {GgufType::f64, GgufType::u8, 1, std::as_bytes(std::span(&wide, 1))});
  GgufWriter(path, fields, {}).commit();

  const GgufFile file = GgufFile::open(path);
  const GgufMetadata& metadata = file.metadata();
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(metadata.entries().size(), 11u);
  EXPECT_EQ(metadata.get_string("general.architecture"), "llama");
  EXPECT_EQ(metadata.get_uint("a.u32"), 7);
  EXPECT_EQ(metadata.get_int("a.i32"), -7);
  EXPECT_EQ(metadata.get_uint("a.u64"), int64_t{1} << 40);
  EXPECT_EQ(metadata.get_float("a.f32"), 0.5);
  EXPECT_EQ(metadata.get_float("a.f64"), 0.1);
  EXPECT_TRUE(metadata.get_bool("a.bool"));
  EXPECT_EQ(metadata.get_strings("a.strings"), (std::vector<std::string_view>{"one", "", "中\n"}));
  EXPECT_EQ(metadata.get_ints("a.i32s"), (std::vector<int64_t>{1, -2, 3}));
  EXPECT_EQ(metadata.get_floats("a.f32s"), (std::vector<float>{0.25f, -1}));
  EXPECT_TRUE(metadata.get_strings("a.none").empty());
  EXPECT_EQ(metadata.text(*metadata.find("a.strings")), "[3 × string]");
  EXPECT_EQ(metadata.text(*metadata.find("a.i32")), "-7");
  EXPECT_FALSE(metadata.has("a"));
  EXPECT_FALSE(metadata.find_string("b").has_value());
}

TEST(Gguf, AMissingOrWronglyTypedKeyIsNamed) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "m.gguf";
  GgufFields fields;
  fields.add_string("text", "x");
  fields.add_i32("negative", -1);
  fields.add_u64("huge", UINT64_MAX);
  fields.add_i32s("numbers", std::vector<int32_t>{1});
  GgufWriter(path, fields, {}).commit();
  const GgufFile file = GgufFile::open(path);
  const GgufMetadata& m = file.metadata();
  const auto kind = ErrorKind::bad_file;
  testing::expect_refusal([&] { m.get_uint("gone"); }, kind, {"m.gguf", "gone", "none"});
  testing::expect_refusal([&] { m.get_int("text"); }, kind, {"text", "integer", "got string"});
  testing::expect_refusal([&] { m.find_bool("text"); }, kind, {"text", "bool", "got string"});
  testing::expect_refusal([&] { m.find_float("huge"); }, kind, {"huge", "float", "got u64"});
  testing::expect_refusal([&] { m.find_string("huge"); }, kind, {"huge", "string", "got u64"});
  testing::expect_refusal([&] { m.get_uint("negative"); }, kind, {"negative", "0 or more", "-1"});
  testing::expect_refusal([&] { m.get_int("huge"); }, kind, {"huge", "18446744073709551615"});
  testing::expect_refusal([&] { m.get_strings("numbers"); }, kind,
                          {"numbers", "array of string", "array of i32"});
  testing::expect_refusal([&] { m.get_ints("text"); }, kind, {"text", "integers", "string"});
  testing::expect_refusal([&] { m.get_floats("numbers"); }, kind, {"numbers", "array of f32"});
}

TEST(Gguf, TensorsOfEveryWrittenFormatAreReadBack) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "t.gguf";
  std::vector<float> values(3 * 64);
  for (size_t i = 0; i < values.size(); ++i) values[i] = float(int(i * 29 % 101)) / 50 - 1;
  const std::vector<Format> formats{Format::f32,  Format::f16,  Format::bf16,
                                    Format::q8_0, Format::q4_0, Format::q4_1};
  std::vector<GgufTensorSpec> specs;
  specs.reserve(formats.size() + 1);
  for (const Format format : formats)
    specs.push_back({std::string(format_info(format).name), format, {3, 64}});
  specs.push_back({"odd", Format::f32, {5}});
  GgufWriter writer(path, {}, specs);
  EXPECT_THROW(writer.commit(), Error);
  for (size_t i = specs.size() - 1; i-- > 0;) writer.write_values(specs[i].name, values);
  writer.write_values("odd", std::span(values).first(5));
  EXPECT_THROW(writer.write_values("odd", std::span(values).first(5)), Error);
  EXPECT_THROW(writer.write_values("none", values), Error);
  writer.commit();

  const GgufFile file = GgufFile::open(path);
  for (const Format format : formats) {
    const GgufTensor& tensor = file.get(format_info(format).name);
    EXPECT_EQ(tensor.shape, (Shape{3, 64}));
    EXPECT_EQ(tensor.rows(), 3);
    EXPECT_EQ(tensor.format, format);
    std::vector<std::byte> expected(static_cast<size_t>(tensor.size_bytes));
    kernels::quantize_row(format, values.data(), expected.data(), 3 * 64);
    EXPECT_TRUE(std::ranges::equal(file.bytes(tensor), expected));
    file.release(file.bytes(tensor));
    std::vector<float> dequantized(values.size());
    kernels::dequantize_row(format, expected.data(), dequantized.data(), 3 * 64);
    EXPECT_TRUE(std::ranges::equal(file.to_f32(tensor).values(), dequantized));
  }
  EXPECT_EQ(file.find("none"), nullptr);
  testing::expect_refusal([&] { file.get("none"); }, ErrorKind::bad_file, {"t.gguf", "none"});
}

TEST(GgufWriter, RefusesWhatAFileCannotHold) {
  const testing::TemporaryFolder folder;
  const auto path = folder.path() / "t.gguf";
  const auto open = [&](const std::vector<GgufTensorSpec>& specs) { GgufWriter(path, {}, specs); };
  const auto kind = ErrorKind::invalid_input;
  testing::expect_refusal([&] { open({{"w", Format::fp8, {32}}}); }, kind, {"w", "FP8"});
  testing::expect_refusal([&] { open({{"w", Format::q8_0, {33}}}); }, kind, {"w", "32", "33"});
  testing::expect_refusal([&] { open({{"w", Format::f32, {}}}); }, kind, {"w", "dimensions"});
  testing::expect_refusal([&] { open({{"w", Format::f32, {2, 0}}}); }, kind, {"w", "[2, 0]"});
  testing::expect_refusal([&] { open({{"w", Format::f32, {1, 1, 1, 1, 1}}}); }, kind, {"w"});
  testing::expect_refusal(
      [&] {
        open({{"w", Format::f32, {1}}, {"w", Format::f32, {1}}});
      },
      kind, {"w", "twice"});
  EXPECT_FALSE(std::filesystem::exists(path));
}

/// Every reference model: what the manifest lists, and the same bytes when written again.
TEST(Gguf, ReferenceModelsAreReadAndWrittenAgainUnchanged) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden/gguf");
  const testing::TemporaryFolder folder;
  int models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(golden)) {
    const auto path = entry.path() / "model.gguf";
    if (!std::filesystem::exists(path)) continue;
    SCOPED_TRACE(path.string());
    ++models;
    const GgufFile file = GgufFile::open(path);
    const nlohmann::json manifest = read_json_object(entry.path() / "manifest.json");
    EXPECT_EQ(file.metadata().entries().size(), manifest["keys"].size());
    for (const auto& [key, value] : manifest["keys"].items()) {
      if (value.is_string() && !value.get<std::string>().ends_with(" entries"))
        EXPECT_EQ(file.metadata().get_string(key), value.get<std::string>());
      else if (value.is_boolean())
        EXPECT_EQ(file.metadata().get_bool(key), value.get<bool>());
      else if (value.is_number_integer())
        EXPECT_EQ(file.metadata().get_int(key), value.get<int64_t>());
      else if (value.is_number_float())
        EXPECT_EQ(float(file.metadata().get_float(key)), value.get<float>());
      else
        EXPECT_TRUE(file.metadata().has(key)) << key;
    }
    ASSERT_EQ(file.tensors().size(), manifest["tensors"].size());

    GgufFields fields;
    for (const GgufEntry& field : file.metadata().entries()) fields.add(field.key, field.value);
    std::vector<GgufTensorSpec> specs;
    for (size_t i = 0; i < file.tensors().size(); ++i) {
      const GgufTensor& tensor = file.tensors()[i];
      const auto& listed = manifest["tensors"][i];
      EXPECT_EQ(tensor.name, listed[0].get<std::string>());
      EXPECT_EQ(format_info(tensor.format).name, listed[1].get<std::string>());
      Shape fastest_first(tensor.shape.rbegin(), tensor.shape.rend());
      EXPECT_EQ(fastest_first, listed[2].get<Shape>()) << tensor.name;
      specs.push_back({std::string(tensor.name), tensor.format, tensor.shape});
    }
    const auto copy = folder.path() / "copy.gguf";
    GgufWriter writer(copy, fields, specs);
    for (const GgufTensor& tensor : file.tensors()) writer.write(tensor.name, file.bytes(tensor));
    writer.commit();
    EXPECT_TRUE(read_text_file(copy) == read_text_file(path));
  }
  EXPECT_EQ(models, 10);
}

TEST(Gguf, AnyPartOfASplitModelOpensTheWhole) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden/gguf/llama-Q8_0");
  const GgufFile whole = GgufFile::open(golden / "model.gguf");
  for (int part = 1; part <= 3; ++part) {
    const GgufFile split = GgufFile::open(golden / concat("split-0000", part, "-of-00003.gguf"));
    EXPECT_EQ(split.part_count(), 3u);
    EXPECT_EQ(split.path().filename(), "split-00001-of-00003.gguf");
    EXPECT_EQ(split.metadata().get_string("general.architecture"), "llama");
    ASSERT_EQ(split.tensors().size(), whole.tensors().size());
    for (const GgufTensor& tensor : whole.tensors())
      EXPECT_TRUE(std::ranges::equal(split.bytes(split.get(tensor.name)), whole.bytes(tensor)));
  }
}

TEST(Gguf, PartsThatDoNotBelongTogetherAreRefused) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden/gguf/llama-Q8_0");
  const testing::TemporaryFolder folder;
  const auto name = [](int part) { return concat("split-0000", part, "-of-00003.gguf"); };
  const auto put = [&](int from, const std::string& to) {
    std::filesystem::copy_file(golden / name(from), folder.path() / to,
                               std::filesystem::copy_options::overwrite_existing);
    return folder.path() / to;
  };
  const auto first = put(1, name(1));
  put(3, name(3));
  testing::expect_refusal([&] { GgufFile::open(first); }, ErrorKind::not_found,
                          {name(2), "part 2 of 3", "download"});
  put(3, name(2));
  testing::expect_refusal([&] { GgufFile::open(first); }, ErrorKind::bad_file,
                          {name(2), "split.no", "expected 1", "got 2"});
  const auto renamed = put(1, "model.gguf");
  testing::expect_refusal([&] { GgufFile::open(renamed); }, ErrorKind::bad_file,
                          {"model.gguf", "3 parts", "names back"});
  put(1, "a-00004-of-00003.gguf");
  testing::expect_refusal([&] { GgufFile::open(folder.path() / "a-00004-of-00003.gguf"); },
                          ErrorKind::bad_file, {"names back"});
  testing::expect_refusal(
      [&] {
        const auto mapped = MappedFile::open(first);
        GgufFile::parse(mapped->bytes(), mapped, "x.gguf");
      },
      ErrorKind::bad_file, {"x.gguf", "one part of 3"});
}

TEST(Gguf, AVocabularyOf150000LoadsLazily) {
  const testing::TemporaryFolder folder;
  std::vector<std::string> tokens;
  tokens.reserve(150'000);
  for (int i = 0; i < 150'000; ++i) tokens.push_back(concat("token", i));
  GgufFields fields;
  fields.add_strings("tokenizer.ggml.tokens", tokens);
  GgufWriter(folder.path() / "v.gguf", fields, {}).commit();
  const GgufFile file = GgufFile::open(folder.path() / "v.gguf");
  const auto read = file.metadata().get_strings("tokenizer.ggml.tokens");
  ASSERT_EQ(read.size(), tokens.size());
  EXPECT_EQ(read.back(), tokens.back());
  const auto* in_file =
      reinterpret_cast<const char*>(file.metadata().find("tokenizer.ggml.tokens")->bytes.data());
  EXPECT_EQ(read.front().data(), in_file + 8);
}

}  // namespace
}  // namespace deepseek
