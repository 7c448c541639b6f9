// SPDX-License-Identifier: Apache-2.0
#include "formats/safetensors_header.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"
#include "formats/json.h"

namespace deepseek {
namespace {

using nlohmann::json;

constexpr size_t most_dimensions = 16;

[[noreturn]] void refuse_twice(std::string_view name, const std::filesystem::path& path) {
  fail(ErrorKind::bad_file, path.string(), ": header: expected every key once, got \"",
       printable(name), "\" twice; the file was written wrongly, download it again");
}

/// Walks the header's one permitted structure,
/// {"__metadata__": {key: string}, name: {"dtype": …, "shape": […], "data_offsets": […]}},
/// without building a document of whatever else the bytes may hold.
class HeaderReader final : public nlohmann::json_sax<json> {
 public:
  HeaderReader(const std::filesystem::path& path, SafetensorsHeader& header)
      : path_(path), header_(header) {}

  bool null() override { wrong("null"); }
  bool boolean(bool) override { wrong("a boolean"); }
  bool number_integer(number_integer_t value) override { wrong(concat(value)); }
  bool number_float(number_float_t, const string_t& text) override { wrong(text); }
  bool binary(binary_t&) override { wrong("binary data"); }
  bool end_array() override {
    place_ = Place::entry;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    const bool in_shape = place_ == Place::shape;
    if ((!in_shape && place_ != Place::offsets) || value > uint64_t{INT64_MAX})
      wrong(concat(value));
    const auto number = static_cast<int64_t>(value);
    if (in_shape) {
      if (entry().shape.size() == most_dimensions) wrong("more dimensions");
      entry().shape.push_back(number);
    } else {
      if (offset_count_ == 2) wrong("a third number");
      offsets_[offset_count_++] = number;
    }
    return true;
  }

  bool string(string_t& text) override {
    if (place_ == Place::metadata) {
      header_.metadata[key_] = text;
    } else if (place_ == Place::entry && key_ == "dtype") {
      const std::optional<DType> dtype = dtype_from_safetensors(text);
      if (!dtype)
        fail_here("dtype: expected a type this program reads, such as F32, BF16 or F8_E4M3, got ",
                  printable(text), "; convert the checkpoint to one of those");
      entry().dtype = *dtype;
      has_dtype_ = true;
    } else {
      wrong(concat('"', printable(text), '"'));
    }
    return true;
  }

  bool start_object(size_t) override {
    if (place_ == Place::outside) {
      place_ = Place::top;
    } else if (place_ == Place::top && key_ == "__metadata__") {
      if (std::exchange(has_metadata_, true)) refuse_twice(key_, path_);
      place_ = Place::metadata;
    } else if (place_ == Place::top) {
      header_.entries.emplace_back().name = key_;
      place_ = Place::entry;
      has_dtype_ = has_shape_ = has_offsets_ = false;
      offset_count_ = 0;
    } else {
      wrong("an object");
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::entry) end_entry();
    place_ = place_ == Place::top ? Place::outside : Place::top;
    return true;
  }

  bool start_array(size_t) override {
    if (place_ == Place::entry && key_ == "shape") {
      place_ = Place::shape;
      has_shape_ = true;
    } else if (place_ == Place::entry && key_ == "data_offsets") {
      place_ = Place::offsets;
      has_offsets_ = true;
    } else {
      wrong("an array");
    }
    return true;
  }

  bool key(string_t& name) override {
    bool first = true;
    if (place_ == Place::metadata) first = !header_.metadata.contains(name);
    if (place_ == Place::entry) {
      if (name != "dtype" && name != "shape" && name != "data_offsets")
        fail_here("expected the fields dtype, shape and data_offsets, got ", printable(name),
                  "; the header is damaged, download the file again");
      first = !(name == "dtype" ? has_dtype_ : name == "shape" ? has_shape_ : has_offsets_);
    }
    if (!first) refuse_twice(name, path_);
    key_ = name;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const json::exception& error) override {
    fail(ErrorKind::bad_file, path_.string(), ": header: expected JSON, got an error at byte ",
         position, ": ", json_error_text(error),
         "; the file is damaged or not safetensors, download it again");
  }

 private:
  enum class Place { outside, top, metadata, entry, shape, offsets };

  SafetensorsEntry& entry() { return header_.entries.back(); }

  template <class... Parts>
  [[noreturn]] void fail_here(const Parts&... parts) {
    fail(ErrorKind::bad_file, path_.string(), ": tensor ", printable(entry().name), ": ", parts...);
  }

  [[noreturn]] void wrong(const std::string& got) {
    static constexpr std::string_view damaged = "; the header is damaged, download the file again";
    switch (place_) {
      case Place::outside:
        fail(ErrorKind::bad_file, path_.string(), ": header: expected an object, got ", got,
             damaged);
      case Place::top:
        fail(ErrorKind::bad_file, path_.string(), ": header: ", printable(key_),
             ": expected an object, got ", got, damaged);
      case Place::metadata:
        fail(ErrorKind::bad_file, path_.string(), ": header: __metadata__: ", printable(key_),
             ": expected a string, got ", got, damaged);
      case Place::entry:
        fail_here(key_, ": expected ", key_ == "dtype" ? "a string" : "an array", ", got ", got,
                  damaged);
      case Place::shape:
        fail_here("shape: expected at most ", most_dimensions, " sizes from 0 to ", INT64_MAX,
                  ", got ", got, damaged);
      case Place::offsets:
        fail_here("data_offsets: expected two numbers from 0 to ", INT64_MAX, ", got ", got,
                  damaged);
    }
    fail(ErrorKind::internal, "safetensors: no such place in a header");
  }

  void end_entry() {
    if (!has_dtype_ || !has_shape_ || offset_count_ != 2)
      fail_here("expected dtype, shape and two data_offsets, got no ",
                !has_dtype_   ? "dtype"
                : !has_shape_ ? "shape"
                              : "complete data_offsets",
                "; the header is damaged, download the file again");
    if (offsets_[1] < offsets_[0])
      fail_here("data_offsets: expected begin ≤ end, got [", offsets_[0], ", ", offsets_[1],
                "]; the header is damaged, download the file again");
    entry().offset_bytes = offsets_[0];
    entry().size_bytes = offsets_[1] - offsets_[0];
  }

  const std::filesystem::path& path_;
  SafetensorsHeader& header_;
  Place place_ = Place::outside;
  std::string key_;
  std::array<int64_t, 2> offsets_{};
  size_t offset_count_ = 0;
  bool has_metadata_ = false, has_dtype_ = false, has_shape_ = false, has_offsets_ = false;
};

/// Offsets still count from the start of the data section here.
void check_entry(const SafetensorsEntry& entry, int64_t data_offset, int64_t data_bytes,
                 const std::filesystem::path& path) {
  const auto refuse = [&](const auto&... parts) {
    fail(ErrorKind::bad_file, path.string(), ": tensor ", printable(entry.name), ": ", parts...);
  };
  int64_t expected = dtype_size(entry.dtype);
  bool empty = false, overflow = false;
  for (const int64_t size : entry.shape) {
    empty |= size == 0;
    overflow |= __builtin_mul_overflow(expected, size == 0 ? 1 : size, &expected);
  }
  if (overflow)
    refuse("expected a shape that fits 63 bits, got ", shape_text(entry.shape),
           "; the header is damaged, download the file again");
  if (empty) expected = 0;
  if (entry.size_bytes != expected)
    refuse("expected ", expected, " bytes for ", safetensors_name(entry.dtype), ' ',
           shape_text(entry.shape), ", got data_offsets of ", entry.size_bytes,
           " bytes; the header is damaged, download the file again");
  if (entry.offset_bytes + entry.size_bytes > data_bytes)
    refuse("expected its bytes to end within the ", data_bytes, " bytes of data, got end ",
           entry.offset_bytes + entry.size_bytes, "; the file is truncated, download it again");
  if (!empty && (data_offset + entry.offset_bytes) % dtype_size(entry.dtype) != 0)
    refuse("expected an offset aligned to ", dtype_size(entry.dtype), " bytes, got ",
           data_offset + entry.offset_bytes,
           "; save the checkpoint again with a current safetensors package");
}

}  // namespace

SafetensorsHeader read_safetensors_header(std::string_view json_text, int64_t data_offset,
                                          int64_t data_bytes, const std::filesystem::path& path) {
  SafetensorsHeader header;
  HeaderReader reader(path, header);
  json::sax_parse(json_text, &reader);

  std::vector<std::string_view> names;
  for (const SafetensorsEntry& entry : header.entries) {
    check_entry(entry, data_offset, data_bytes, path);
    names.push_back(entry.name);
  }
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice != names.end()) refuse_twice(*twice, path);
  std::ranges::sort(header.entries, [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
    return std::pair(a.offset_bytes, a.size_bytes) < std::pair(b.offset_bytes, b.size_bytes);
  });
  int64_t covered = 0;
  const std::string* before = nullptr;
  for (SafetensorsEntry& entry : header.entries) {
    if (entry.offset_bytes != covered)
      fail(ErrorKind::bad_file, path.string(), ": tensor ", printable(entry.name),
           ": expected it to begin at byte ", covered, " of the data, ",
           before ? concat("where ", printable(*before), " ends") : "the start", ", got ",
           entry.offset_bytes, " (", entry.offset_bytes < covered ? "an overlap" : "a hole",
           "); the header is damaged, download the file again");
    covered += entry.size_bytes;
    entry.offset_bytes += data_offset;
    before = &entry.name;
  }
  if (covered != data_bytes)
    fail(ErrorKind::bad_file, path.string(), ": expected ", covered,
         " bytes of data for the tensors of the header, got ", data_bytes,
         "; the file is damaged, download it again");
  return header;
}

}  // namespace deepseek
