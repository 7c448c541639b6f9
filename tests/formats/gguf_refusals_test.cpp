// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>

#include "formats/gguf.h"
#include "tests/formats/refusal.h"

namespace deepseek {
namespace {

template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string text(std::string_view value) {
  return raw(uint64_t{value.size()}) + std::string(value);
}

std::string field(std::string_view key, GgufType type, std::string_view value) {
  return text(key) + raw(type) + std::string(value);
}

std::string array(std::string_view key, GgufType type, uint64_t count, std::string_view value) {
  return field(key, GgufType::array, raw(type) + raw(count) + std::string(value));
}

std::string tensor(std::string_view name, const std::vector<uint64_t>& sizes, uint32_t type,
                   uint64_t offset) {
  std::string row = text(name) + raw(uint32_t(sizes.size()));
  for (const uint64_t size : sizes) row += raw(size);
  return row + raw(type) + raw(offset);
}

constexpr uint32_t f32 = 0, q8_0 = 8;

struct File {
  std::string magic = "GGUF";
  uint32_t version = 3;
  std::vector<std::string> tensors{tensor("w", {4, 2}, f32, 0)};
  std::vector<std::string> fields{field("general.architecture", GgufType::string, text("llama"))};
  std::optional<uint64_t> tensor_count, field_count;
  size_t data_bytes = 32;

  std::string bytes() const {
    std::string file = magic + raw(version) + raw(tensor_count.value_or(tensors.size())) +
                       raw(field_count.value_or(fields.size()));
    for (const std::string& part : fields) file += part;
    for (const std::string& part : tensors) file += part;
    file.resize((file.size() + 31) / 32 * 32, '\0');
    return file + std::string(data_bytes, '\1');
  }
};

GgufFile parse(std::string_view content) {
  const std::shared_ptr<Storage> copy = Storage::allocate(static_cast<int64_t>(content.size()));
  std::memcpy(copy->data(), content.data(), content.size());
  return GgufFile::parse({copy->data(), content.size()}, copy, "x.gguf");
}

struct Mutation {
  std::string_view fact;
  std::vector<std::string_view> message;
  std::string file;
};

template <class Change>
Mutation mutated(std::string_view fact, std::vector<std::string_view> message, Change change) {
  File file;
  change(file);
  return {fact, std::move(message), file.bytes()};
}

Mutation with_tensor(std::string_view fact, std::vector<std::string_view> message,
                     const std::string& row) {
  message.push_back("w");
  return mutated(fact, std::move(message), [&](File& file) { file.tensors = {row}; });
}

Mutation with_field(std::string_view fact, std::vector<std::string_view> message,
                    const std::string& row) {
  return mutated(fact, std::move(message), [&](File& file) { file.fields.push_back(row); });
}

TEST(GgufRefusals, TheUnmutatedFileIsAcceptedInBothVersions) {
  for (const uint32_t version : {2u, 3u}) {
    File file;
    file.version = version;
    const GgufFile read = parse(file.bytes());
    EXPECT_EQ(read.version(), version);
    EXPECT_EQ(read.get("w").shape, (Shape{2, 4}));
    EXPECT_EQ(read.bytes(read.get("w"))[31], std::byte{1});
  }
}

TEST(GgufRefusals, NestedArraysAreSkippedOver) {
  File file;
  file.fields.push_back(array("n", GgufType::array, 2,
                              raw(GgufType::u8) + raw(uint64_t{3}) + "abc" + raw(GgufType::string) +
                                  raw(uint64_t{1}) + text("x")));
  const GgufFile read = parse(file.bytes());
  EXPECT_EQ(read.metadata().find("n")->count, 2);
  EXPECT_TRUE(read.find("w") != nullptr);
}

TEST(GgufRefusals, EveryDamageIsNamed) {
  std::string nested;
  for (int i = 0; i < 100; ++i) nested += raw(GgufType::array) + raw(uint64_t{1});
  const uint64_t huge = UINT64_MAX, half = uint64_t{1} << 33;
  const std::vector<Mutation> mutations{
      {"empty", {"magic", "expected 4 bytes", "got 0"}, ""},
      mutated("another format", {"\"GGUF\"", "ggjt", "not a GGUF file"},
              [](File& f) { f.magic = "ggjt"; }),
      mutated("version 1", {"version 2 or 3", "got 1", "convert"}, [](File& f) { f.version = 1; }),
      mutated("version 4", {"version 2 or 3", "got 4"}, [](File& f) { f.version = 4; }),
      mutated("version 0", {"version 2 or 3", "got 0"}, [](File& f) { f.version = 0; }),
      mutated("big-endian", {"little-endian", "big-endian", "version 3"},
              [](File& f) { f.version = 0x03000000; }),
      mutated("absurd tensor count", {"tensor count", "could hold", "18446744073709551615"},
              [&](File& f) { f.tensor_count = huge; }),
      mutated("absurd metadata count", {"metadata count", "could hold"},
              [](File& f) { f.field_count = 1000; }),
      mutated("one tensor too many in the count", {"tensor"}, [](File& f) { f.tensor_count = 2; }),
      with_field("key length past the file", {"metadata key", "truncated"}, raw(huge)),
      with_field("empty key", {"metadata key", "got none"}, field("", GgufType::u8, "a")),
      with_field("key not UTF-8", {"metadata key", "UTF-8"}, field("\xff", GgufType::u8, "a")),
      with_field("key too long", {"metadata key", "65535", "got 70000 bytes"},
                 field(std::string(70000, 'k'), GgufType::u8, "a")),
      with_field("unknown value type", {"metadata k", "0 to 12", "got 13"},
                 field("k", GgufType(13), "a")),
      with_field("unknown element type", {"metadata k", "got 77"},
                 array("k", GgufType(77), 1, "a")),
      with_field("bool of 2", {"metadata k", "bool", "got 2"}, field("k", GgufType::boolean, "\2")),
      with_field("bool of 2 in an array", {"metadata k", "bool", "got 2"},
                 array("k", GgufType::boolean, 1, "\2")),
      with_field("string past the file", {"k", "truncated"},
                 field("k", GgufType::string, raw(huge))),
      with_field("array past the file", {"k", "could hold", "truncated"},
                 array("k", GgufType::u64, huge, "")),
      with_field("array of strings past the file", {"k", "could hold"},
                 array("k", GgufType::string, uint64_t{1} << 40, "")),
      with_field("string of an array past the file", {"k", "truncated"},
                 array("k", GgufType::string, 1, raw(half))),
      with_field("deeply nested arrays", {"k", "nested at most 4"},
                 field("k", GgufType::array, nested)),
      mutated("duplicate key", {"metadata a", "twice"},
              [](File& f) {
                f.fields = {field("a", GgufType::u8, "x"), field("b", GgufType::u8, "x"),
                            field("a", GgufType::i8, "y")};
              }),
      with_field("alignment not a power of two", {"general.alignment", "got 48"},
                 field("general.alignment", GgufType::u32, raw(uint32_t{48}))),
      with_field("alignment zero", {"general.alignment", "got 0"},
                 field("general.alignment", GgufType::u32, raw(uint32_t{0}))),
      with_field("alignment huge", {"general.alignment", "got 2147483648"},
                 field("general.alignment", GgufType::u32, raw(uint32_t{1} << 31))),
      with_field("alignment text", {"general.alignment", "integer", "got string"},
                 field("general.alignment", GgufType::string, text("32"))),
      mutated("tensor without name", {"tensor name", "got none"},
              [](File& f) { f.tensors = {tensor("", {4}, f32, 0)}; }),
      mutated("name with control characters", {"a\uFFFDb", "type"},
              [](File& f) { f.tensors = {tensor("a\nb", {4}, 99, 0)}; }),
      with_tensor("no dimensions", {"1 to 4 dimensions", "got 0"}, tensor("w", {}, f32, 0)),
      with_tensor("five dimensions", {"1 to 4 dimensions", "got 5"},
                  tensor("w", {1, 1, 1, 1, 1}, f32, 0)),
      with_tensor("zero dimension", {"dimension 1", "got 0"}, tensor("w", {4, 0}, f32, 0)),
      with_tensor("negative dimension", {"dimension 0", "got 18446744073709551615"},
                  tensor("w", {huge}, f32, 0)),
      with_tensor("overflowing shape", {"63 bits", "[8589934592, 8589934592]"},
                  tensor("w", {half, half}, f32, 0)),
      with_tensor("overflowing bytes", {"63 bits", "F32"},
                  tensor("w", {uint64_t{1} << 62}, f32, 0)),
      with_tensor("unknown type", {"type", "got 99", "another quantisation"},
                  tensor("w", {4}, 99, 0)),
      with_tensor("removed type", {"type", "got 4,", "removed"}, tensor("w", {4}, 4, 0)),
      with_tensor("intermediate type", {"type", "got 9,", "intermediate"}, tensor("w", {32}, 9, 0)),
      with_tensor("row not of whole blocks", {"multiple of 32", "Q8_0", "got 33"},
                  tensor("w", {33}, q8_0, 0)),
      with_tensor("misaligned offset", {"aligned to 32", "got 4"}, tensor("w", {4}, f32, 4)),
      with_tensor("offset of 2^63", {"offset", "9223372036854775808"},
                  tensor("w", {4}, f32, uint64_t{1} << 63)),
      with_tensor("offset past the end", {"offset 64", "got 32 bytes of data"},
                  tensor("w", {4}, f32, 64)),
      with_tensor("offset and size overflow", {"got 32 bytes of data"},
                  tensor("w", {uint64_t{1} << 60}, f32, (uint64_t{1} << 63) - 32)),
      with_tensor("size past the end", {"expected 36 bytes", "got 32 bytes of data"},
                  tensor("w", {9}, f32, 0)),
      mutated("no data at all", {"w", "got 0 bytes of data"}, [](File& f) { f.data_bytes = 0; }),
      mutated("duplicate tensor", {"tensor w", "twice"},
              [](File& f) {
                f.tensors = {tensor("w", {4}, f32, 0), tensor("w", {4}, f32, 32)};
                f.data_bytes = 64;
              }),
      mutated("overlap", {"tensor v", "begin after w", "overlap"},
              [](File& f) {
                f.tensors = {tensor("w", {12}, f32, 0), tensor("v", {4}, f32, 32)};
                f.data_bytes = 64;
              }),
      with_field("a part of a split model", {"one part of 3"},
                 field("split.count", GgufType::u16, raw(uint16_t{3}))),
  };
  for (const Mutation& mutation : mutations) {
    SCOPED_TRACE(mutation.fact);
    std::vector<std::string_view> parts = mutation.message;
    parts.push_back("x.gguf: ");
    testing::expect_refusal([&] { parse(mutation.file); }, ErrorKind::bad_file, parts);
  }
}

TEST(GgufRefusals, EveryTruncationIsRefused) {
  const std::string whole = File().bytes();
  for (size_t size = 0; size < whole.size(); ++size) {
    SCOPED_TRACE(size);
    testing::expect_refusal([&] { parse(whole.substr(0, size)); }, ErrorKind::bad_file, {"x.gguf"});
  }
}

}  // namespace
}  // namespace deepseek
