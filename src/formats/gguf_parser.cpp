// SPDX-License-Identifier: Apache-2.0
#include "formats/gguf_parser.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/error.h"
#include "core/utf8.h"

namespace deepseek {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF is read in place");

constexpr std::string_view truncated = "; the file is truncated or damaged, download it again";
constexpr int max_array_depth = 4;

/// Reads forward through the bytes; whatever would pass their end is refused.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, const std::filesystem::path& path)
      : bytes_(bytes), path_(path) {}

  size_t position() const { return position_; }
  size_t left() const { return bytes_.size() - position_; }

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(ErrorKind::bad_file, path_.string(), ": ", parts...);
  }

  std::span<const std::byte> take(uint64_t size, std::string_view what) {
    if (size > left())
      refuse(what, " at byte ", position_, ": expected ", size, " bytes, got ", left(), truncated);
    const auto part = bytes_.subspan(position_, static_cast<size_t>(size));
    position_ += static_cast<size_t>(size);
    return part;
  }

  template <class T>
  T number(std::string_view what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
    return value;
  }

  std::string_view string(std::string_view what) {
    const auto size = number<uint64_t>(what);
    const auto part = take(size, what);
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }

  /// A count of things of at least `bytes_each`, no larger than the file can hold.
  int64_t count(std::string_view what, int64_t bytes_each) {
    const auto n = number<uint64_t>(what);
    const uint64_t most = left() / static_cast<size_t>(bytes_each);
    if (n > most)
      refuse(what, ": expected at most ", most,
             ", which is what the rest of the file could hold, got ", n, truncated);
    return static_cast<int64_t>(n);
  }

  /// A key or a tensor's name.
  std::string_view name(std::string_view what, size_t max_bytes) {
    const std::string_view text = string(what);
    if (text.empty() || text.size() > max_bytes || !is_valid_utf8(text))
      refuse(what, " at byte ", position_, ": expected UTF-8 of 1 to ", max_bytes, " bytes, got ",
             text.size() > max_bytes ? concat(text.size(), " bytes")
             : text.empty()          ? std::string("none")
                                     : concat('"', printable(text), '"'),
             truncated);
    return text;
  }

 private:
  std::span<const std::byte> bytes_;
  const std::filesystem::path& path_;
  size_t position_ = 0;
};

GgufType read_type(Cursor& cursor, std::string_view key) {
  const auto id = cursor.number<uint32_t>(key);
  if (id > uint32_t(GgufType::f64))
    cursor.refuse("metadata ", printable(key), ": expected a value type from 0 to 12, got ", id,
                  truncated);
  return static_cast<GgufType>(id);
}

void check_bools(Cursor& cursor, std::string_view key, std::span<const std::byte> values) {
  for (const std::byte value : values)
    if (value > std::byte{1})
      cursor.refuse("metadata ", printable(key), ": expected a bool of 0 or 1, got ", int(value),
                    truncated);
}

void read_elements(Cursor& cursor, std::string_view key, GgufValue& array, int depth) {
  array.element_type = read_type(cursor, key);
  const bool nested = array.element_type == GgufType::array;
  const bool strings = array.element_type == GgufType::string;
  if (nested && depth == max_array_depth)
    cursor.refuse("metadata ", printable(key), ": expected arrays nested at most ", max_array_depth,
                  " deep, got more", truncated);
  const int64_t size = gguf_type_size(array.element_type);
  array.count = cursor.count(key, nested ? 12 : strings ? 8 : size);
  if (!nested && !strings) {
    array.bytes = cursor.take(static_cast<uint64_t>(array.count * size), key);
    if (array.element_type == GgufType::boolean) check_bools(cursor, key, array.bytes);
    return;
  }
  const size_t before = cursor.left();
  const std::byte* data = cursor.take(0, key).data();
  for (int64_t i = 0; i < array.count; ++i) {
    if (strings) {
      cursor.string(key);
    } else {
      GgufValue inner;
      read_elements(cursor, key, inner, depth + 1);
    }
  }
  array.bytes = {data, before - cursor.left()};
}

GgufEntry read_entry(Cursor& cursor) {
  GgufEntry entry;
  entry.key = cursor.name("metadata key", 65535);
  GgufValue& value = entry.value;
  value.type = read_type(cursor, entry.key);
  if (value.type == GgufType::array) {
    read_elements(cursor, entry.key, value, 1);
  } else if (value.type == GgufType::string) {
    value.bytes = std::as_bytes(std::span(cursor.string(entry.key)));
  } else {
    value.bytes = cursor.take(static_cast<uint64_t>(gguf_type_size(value.type)), entry.key);
    if (value.type == GgufType::boolean) check_bools(cursor, entry.key, value.bytes);
  }
  return entry;
}

uint32_t read_version(Cursor& cursor) {
  const auto magic = cursor.take(4, "magic");
  if (std::memcmp(magic.data(), "GGUF", 4) != 0)
    cursor.refuse("expected a file that starts with \"GGUF\", got \"",
                  printable({reinterpret_cast<const char*>(magic.data()), 4}),
                  "\"; this is not a GGUF file");
  const auto version = cursor.number<uint32_t>("version");
  if (version != 0 && (version & 0xFFFF) == 0)
    cursor.refuse("expected a little-endian file, got a big-endian one (version ",
                  __builtin_bswap32(version), "); download or convert the little-endian form");
  if (version != 2 && version != 3)
    cursor.refuse("expected GGUF version 2 or 3, got ", version,
                  version == 1 ? "; convert the model again with a current converter"
                               : "; a newer release of this program may read it");
  return version;
}

int64_t read_alignment(const Cursor& cursor, const GgufMetadata& metadata) {
  constexpr std::string_view key = "general.alignment";
  const GgufValue* value = metadata.find(key);
  if (value == nullptr) return 32;
  const int64_t alignment = metadata.get_uint(key);
  if (alignment < 8 || alignment > (int64_t{1} << 20) ||
      !std::has_single_bit(static_cast<uint64_t>(alignment)))
    cursor.refuse("metadata ", key, ": expected a power of two from 8 to 1048576, got ", alignment,
                  truncated);
  return alignment;
}

/// The remedy for a tensor type that this program does not read.
std::string unknown_type_text(uint32_t id) {
  switch (id) {
    case 4:
    case 5:
    case 31:
    case 32:
    case 33:
    case 36:
    case 37:
    case 38:
      return concat(id,
                    ", a repacked or early type that llama.cpp removed; download the model in "
                    "another quantisation, such as Q4_0");
    case 9:
    case 15:
      return concat(id, ", a type for intermediate results only", truncated);
    default:
      return concat(id, "; download the model in another quantisation, such as Q4_K_M or Q8_0");
  }
}

/// Reads one row of the table; its offset still counts from the start of the data.
GgufTensor read_tensor(Cursor& cursor) {
  GgufTensor tensor;
  tensor.name = cursor.name("tensor name", 255);
  const auto refuse = [&](const auto&... parts) {
    cursor.refuse("tensor ", printable(tensor.name), ": ", parts...);
  };
  const auto rank = cursor.number<uint32_t>(tensor.name);
  if (rank < 1 || rank > 4) refuse("expected 1 to 4 dimensions, got ", rank, truncated);
  int64_t elements = 1;
  for (uint32_t i = 0; i < rank; ++i) {
    const auto size = cursor.number<uint64_t>(tensor.name);
    if (size == 0 || size > uint64_t{INT64_MAX})
      refuse("expected dimension ", i, " from 1 to ", INT64_MAX, ", got ", size, truncated);
    tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(size));
    if (__builtin_mul_overflow(elements, static_cast<int64_t>(size), &elements))
      refuse("expected a shape that fits 63 bits, got ", shape_text(tensor.shape), truncated);
  }
  const auto id = cursor.number<uint32_t>(tensor.name);
  const std::optional<Format> format = format_from_ggml(id);
  if (!format) refuse("expected a type this program reads, got ", unknown_type_text(id));
  tensor.format = *format;
  const FormatInfo& info = format_info(tensor.format);
  if (tensor.cols() % info.block_size != 0)
    refuse("expected rows of a multiple of ", info.block_size, " elements for ", info.name,
           ", got ", tensor.cols(), truncated);
  if (__builtin_mul_overflow(elements / info.block_size, info.block_bytes, &tensor.size_bytes))
    refuse("expected a size that fits 63 bits, got ", shape_text(tensor.shape), " of ", info.name,
           truncated);
  const auto offset = cursor.number<uint64_t>(tensor.name);
  if (offset > uint64_t{INT64_MAX})
    refuse("expected an offset of at most ", INT64_MAX, ", got ", offset, truncated);
  tensor.offset_bytes = static_cast<int64_t>(offset);
  return tensor;
}

void check_places(const Cursor& cursor, std::vector<GgufTensor>& tensors, int64_t alignment,
                  int64_t data_offset, int64_t data_bytes) {
  std::vector<const GgufTensor*> by_offset;
  for (GgufTensor& tensor : tensors) {
    if (tensor.offset_bytes % alignment != 0)
      cursor.refuse("tensor ", printable(tensor.name), ": expected an offset aligned to ",
                    alignment, " bytes, got ", tensor.offset_bytes, truncated);
    if (tensor.size_bytes > data_bytes || tensor.offset_bytes > data_bytes - tensor.size_bytes)
      cursor.refuse("tensor ", printable(tensor.name), ": expected ", tensor.size_bytes,
                    " bytes at offset ", tensor.offset_bytes, ", got ", data_bytes,
                    " bytes of data in all", truncated);
    tensor.offset_bytes += data_offset;
    by_offset.push_back(&tensor);
  }
  std::ranges::sort(by_offset, {}, &GgufTensor::offset_bytes);
  for (size_t i = 1; i < by_offset.size(); ++i) {
    const GgufTensor& before = *by_offset[i - 1];
    if (before.offset_bytes + before.size_bytes > by_offset[i]->offset_bytes)
      cursor.refuse("tensor ", printable(by_offset[i]->name), ": expected it to begin after ",
                    printable(before.name), " ends at byte ",
                    before.offset_bytes + before.size_bytes, ", got an overlap from byte ",
                    by_offset[i]->offset_bytes, truncated);
  }
  std::ranges::sort(by_offset, {}, &GgufTensor::name);
  const auto twice = std::ranges::adjacent_find(by_offset, {}, &GgufTensor::name);
  if (twice != by_offset.end())
    cursor.refuse("tensor ", printable((*twice)->name), ": expected every name once, got it twice",
                  truncated);
}

}  // namespace

int64_t GgufTensor::rows() const {
  int64_t n = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i) n *= shape[i];
  return n;
}

GgufContents parse_gguf(std::span<const std::byte> bytes, const std::filesystem::path& path) {
  constexpr int64_t least_tensor_bytes = 8 + 1 + 4 + 8 + 4 + 8, least_entry_bytes = 8 + 1 + 4 + 1;
  Cursor cursor(bytes, path);
  GgufContents contents;
  contents.version = read_version(cursor);
  const int64_t tensor_count = cursor.count("tensor count", least_tensor_bytes);
  const int64_t entry_count = cursor.count("metadata count", least_entry_bytes);

  std::vector<GgufEntry> entries;
  entries.reserve(static_cast<size_t>(entry_count));
  for (int64_t i = 0; i < entry_count; ++i) entries.push_back(read_entry(cursor));
  contents.metadata = GgufMetadata(path, std::move(entries));
  contents.alignment = read_alignment(cursor, contents.metadata);

  contents.tensors.reserve(static_cast<size_t>(tensor_count));
  for (int64_t i = 0; i < tensor_count; ++i) contents.tensors.push_back(read_tensor(cursor));
  const auto end = static_cast<int64_t>(cursor.position());
  const int64_t data_offset =
      (end + contents.alignment - 1) / contents.alignment * contents.alignment;
  const int64_t data_bytes = std::max(int64_t{0}, int64_t(bytes.size()) - data_offset);
  check_places(cursor, contents.tensors, contents.alignment, data_offset, data_bytes);
  return contents;
}

}  // namespace deepseek
