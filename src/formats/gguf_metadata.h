// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace deepseek {

/// Type of a metadata value, with its id in a GGUF file.
/// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
enum class GgufType : uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

/// "u32", "string", "array".
std::string_view gguf_type_name(GgufType type);
/// Bytes of a value; 0 for strings and arrays, which have no fixed size.
int64_t gguf_type_size(GgufType type);

/// A verified value where it lies in the file; nothing of it is copied.
struct GgufValue {
  GgufType type = GgufType::u8;
  GgufType element_type = GgufType::u8;  // of an array
  int64_t count = 1;                     // elements of an array
  std::span<const std::byte> bytes;      // as stored: a string's text, an array's elements

  /// "u32", "array of string".
  std::string type_text() const;
};

struct GgufEntry {
  std::string_view key;
  GgufValue value;
};

/// The metadata of a GGUF file. Views are valid as long as the file they came from is.
///
/// `get_…` throw bad_file naming file and key when the key is missing; all throw it when the value
/// has another type than asked for. Integers are taken from any integer type.
class GgufMetadata {
 public:
  GgufMetadata() = default;
  /// Throws bad_file when a key occurs twice.
  GgufMetadata(std::filesystem::path path, std::vector<GgufEntry> entries);

  const std::filesystem::path& path() const { return path_; }
  /// In the order of the file.
  std::span<const GgufEntry> entries() const { return entries_; }
  bool has(std::string_view key) const { return find(key) != nullptr; }
  const GgufValue* find(std::string_view key) const;

  std::string_view get_string(std::string_view key) const;
  std::optional<std::string_view> find_string(std::string_view key) const;
  int64_t get_int(std::string_view key) const;
  std::optional<int64_t> find_int(std::string_view key) const;
  /// A size, an index or a count: an integer that is not negative.
  int64_t get_uint(std::string_view key) const;
  std::optional<int64_t> find_uint(std::string_view key) const;
  double get_float(std::string_view key) const;  // f32 or f64
  std::optional<double> find_float(std::string_view key) const;
  bool get_bool(std::string_view key) const;
  std::optional<bool> find_bool(std::string_view key) const;

  std::vector<std::string_view> get_strings(std::string_view key) const;
  std::optional<std::vector<std::string_view>> find_strings(std::string_view key) const;
  std::vector<int64_t> get_ints(std::string_view key) const;
  std::optional<std::vector<int64_t>> find_ints(std::string_view key) const;
  std::vector<float> get_floats(std::string_view key) const;  // f32
  std::optional<std::vector<float>> find_floats(std::string_view key) const;

  /// A value for people: "1024", "0.5", "llama", "[128000 × string]"; long text is cut.
  std::string text(const GgufValue& value) const;

 private:
  [[noreturn]] void fail_missing(std::string_view key) const;
  [[noreturn]] void fail_type(std::string_view key, std::string_view expected,
                              const GgufValue& got) const;
  int64_t integer(std::string_view key, GgufType type, const std::byte* at) const;

  std::filesystem::path path_;
  std::vector<GgufEntry> entries_;
  std::vector<uint32_t> by_key_;  // indices of entries_
};

}  // namespace deepseek
