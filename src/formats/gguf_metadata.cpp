// SPDX-License-Identifier: Apache-2.0
#include "formats/gguf_metadata.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "core/error.h"

namespace deepseek {
namespace {

struct TypeRow {
  std::string_view name;
  int64_t size;
};

constexpr std::array<TypeRow, 13> types{{{"u8", 1},
                                         {"i8", 1},
                                         {"u16", 2},
                                         {"i16", 2},
                                         {"u32", 4},
                                         {"i32", 4},
                                         {"f32", 4},
                                         {"bool", 1},
                                         {"string", 0},
                                         {"array", 0},
                                         {"u64", 8},
                                         {"i64", 8},
                                         {"f64", 8}}};

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

bool is_integer(GgufType type) {
  return type <= GgufType::i32 || type == GgufType::u64 || type == GgufType::i64;
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <class T>
T value_or_fail(std::optional<T> value, const auto& otherwise) {
  if (!value) otherwise();
  return *std::move(value);
}

}  // namespace

std::string_view gguf_type_name(GgufType type) { return types[static_cast<size_t>(type)].name; }
int64_t gguf_type_size(GgufType type) { return types[static_cast<size_t>(type)].size; }

std::string GgufValue::type_text() const {
  if (type != GgufType::array) return std::string(gguf_type_name(type));
  return concat("array of ", gguf_type_name(element_type));
}

GgufMetadata::GgufMetadata(std::filesystem::path path, std::vector<GgufEntry> entries)
    : path_(std::move(path)), entries_(std::move(entries)), by_key_(entries_.size()) {
  const auto key = [&](uint32_t i) { return entries_[i].key; };
  std::iota(by_key_.begin(), by_key_.end(), 0u);
  std::ranges::sort(by_key_, {}, key);
  const auto twice = std::ranges::adjacent_find(by_key_, {}, key);
  if (twice != by_key_.end())
    fail(ErrorKind::bad_file, path_.string(), ": metadata ", printable(key(*twice)),
         ": expected every key once, got it twice; the file was written wrongly, get another");
}

const GgufValue* GgufMetadata::find(std::string_view key) const {
  const auto at =
      std::ranges::lower_bound(by_key_, key, {}, [&](uint32_t i) { return entries_[i].key; });
  return at != by_key_.end() && entries_[*at].key == key ? &entries_[*at].value : nullptr;
}

void GgufMetadata::fail_missing(std::string_view key) const {
  fail(ErrorKind::bad_file, path_.string(), ": metadata ", key,
       ": expected this key, got none; convert the model again with a current converter");
}

void GgufMetadata::fail_type(std::string_view key, std::string_view expected,
                             const GgufValue& got) const {
  fail(ErrorKind::bad_file, path_.string(), ": metadata ", key, ": expected ", expected, ", got ",
       got.type_text(), "; convert the model again with a current converter");
}

int64_t GgufMetadata::integer(std::string_view key, GgufType type, const std::byte* at) const {
  switch (type) {
    case GgufType::u8:
      return load<uint8_t>(at);
    case GgufType::i8:
      return load<int8_t>(at);
    case GgufType::u16:
      return load<uint16_t>(at);
    case GgufType::i16:
      return load<int16_t>(at);
    case GgufType::u32:
      return load<uint32_t>(at);
    case GgufType::i32:
      return load<int32_t>(at);
    case GgufType::i64:
      return load<int64_t>(at);
    default:
      break;
  }
  const auto value = load<uint64_t>(at);
  if (value > uint64_t{INT64_MAX})
    fail(ErrorKind::bad_file, path_.string(), ": metadata ", key, ": expected at most ", INT64_MAX,
         ", got ", value, "; convert the model again with a current converter");
  return static_cast<int64_t>(value);
}

std::optional<std::string_view> GgufMetadata::find_string(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != GgufType::string) fail_type(key, "a string", *value);
  return text_of(value->bytes);
}

std::optional<int64_t> GgufMetadata::find_int(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!is_integer(value->type)) fail_type(key, "an integer", *value);
  return integer(key, value->type, value->bytes.data());
}

std::optional<int64_t> GgufMetadata::find_uint(std::string_view key) const {
  const std::optional<int64_t> value = find_int(key);
  if (value && *value < 0)
    fail(ErrorKind::bad_file, path_.string(), ": metadata ", key, ": expected 0 or more, got ",
         *value, "; convert the model again with a current converter");
  return value;
}

std::optional<double> GgufMetadata::find_float(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type == GgufType::f32) return load<float>(value->bytes.data());
  if (value->type == GgufType::f64) return load<double>(value->bytes.data());
  fail_type(key, "a float", *value);
}

std::optional<bool> GgufMetadata::find_bool(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != GgufType::boolean) fail_type(key, "a bool", *value);
  return value->bytes[0] != std::byte{0};
}

std::optional<std::vector<std::string_view>> GgufMetadata::find_strings(
    std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != GgufType::array || value->element_type != GgufType::string)
    fail_type(key, "an array of string", *value);
  std::vector<std::string_view> strings(static_cast<size_t>(value->count));
  const std::byte* at = value->bytes.data();
  for (std::string_view& text : strings) {
    const auto size = static_cast<size_t>(load<uint64_t>(at));
    text = text_of({at + sizeof(uint64_t), size});
    at += sizeof(uint64_t) + size;
  }
  return strings;
}

std::optional<std::vector<int64_t>> GgufMetadata::find_ints(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != GgufType::array || !is_integer(value->element_type))
    fail_type(key, "an array of integers", *value);
  std::vector<int64_t> numbers(static_cast<size_t>(value->count));
  const auto size = static_cast<size_t>(gguf_type_size(value->element_type));
  for (size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = integer(key, value->element_type, value->bytes.data() + i * size);
  return numbers;
}

std::optional<std::vector<float>> GgufMetadata::find_floats(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != GgufType::array || value->element_type != GgufType::f32)
    fail_type(key, "an array of f32", *value);
  std::vector<float> numbers(static_cast<size_t>(value->count));
  if (!numbers.empty()) std::memcpy(numbers.data(), value->bytes.data(), value->bytes.size());
  return numbers;
}

std::string_view GgufMetadata::get_string(std::string_view key) const {
  return value_or_fail(find_string(key), [&] { fail_missing(key); });
}

int64_t GgufMetadata::get_int(std::string_view key) const {
  return value_or_fail(find_int(key), [&] { fail_missing(key); });
}

int64_t GgufMetadata::get_uint(std::string_view key) const {
  return value_or_fail(find_uint(key), [&] { fail_missing(key); });
}

double GgufMetadata::get_float(std::string_view key) const {
  return value_or_fail(find_float(key), [&] { fail_missing(key); });
}

bool GgufMetadata::get_bool(std::string_view key) const {
  return value_or_fail(find_bool(key), [&] { fail_missing(key); });
}

std::vector<std::string_view> GgufMetadata::get_strings(std::string_view key) const {
  return value_or_fail(find_strings(key), [&] { fail_missing(key); });
}

std::vector<int64_t> GgufMetadata::get_ints(std::string_view key) const {
  return value_or_fail(find_ints(key), [&] { fail_missing(key); });
}

std::vector<float> GgufMetadata::get_floats(std::string_view key) const {
  return value_or_fail(find_floats(key), [&] { fail_missing(key); });
}

std::string GgufMetadata::text(const GgufValue& value) const {
  switch (value.type) {
    case GgufType::string:
      return printable(text_of(value.bytes));
    case GgufType::array:
      return concat('[', value.count, " × ", gguf_type_name(value.element_type), ']');
    case GgufType::boolean:
      return value.bytes[0] != std::byte{0} ? "true" : "false";
    case GgufType::f32:
      return concat(load<float>(value.bytes.data()));
    case GgufType::f64:
      return concat(load<double>(value.bytes.data()));
    case GgufType::u64:
      return concat(load<uint64_t>(value.bytes.data()));
    default:
      return concat(integer("", value.type, value.bytes.data()));
  }
}

}  // namespace deepseek
