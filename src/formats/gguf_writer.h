// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/file.h"
#include "formats/gguf_metadata.h"
#include "tensor/format.h"
#include "tensor/tensor.h"

namespace deepseek {

/// The metadata of a GGUF file that is going to be written, in the order of the calls. Every call
/// throws invalid_input when its key was added before.
class GgufFields {
 public:
  void add_string(std::string_view key, std::string_view text);
  void add_u32(std::string_view key, uint32_t value);
  void add_i32(std::string_view key, int32_t value);
  void add_u64(std::string_view key, uint64_t value);
  void add_f32(std::string_view key, float value);
  void add_bool(std::string_view key, bool value);
  void add_strings(std::string_view key, std::span<const std::string> texts);
  void add_i32s(std::string_view key, std::span<const int32_t> values);
  void add_f32s(std::string_view key, std::span<const float> values);
  /// A value of any type as another file holds it.
  void add(std::string_view key, const GgufValue& value);

  uint64_t count() const { return keys_.size(); }
  bool has(const std::string& key) const { return keys_.contains(key); }
  /// As stored in a file.
  std::string_view bytes() const { return bytes_; }

 private:
  void begin(std::string_view key, GgufType type);
  template <class T>
  void append(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void append_string(std::string_view text);
  template <class T>
  void add_array(std::string_view key, GgufType type, std::span<const T> values);

  std::string bytes_;
  std::set<std::string, std::less<>> keys_;
};

/// A tensor that is going to be written. `shape` is slowest axis first.
struct GgufTensorSpec {
  std::string name;
  Format format = Format::f32;
  Shape shape;

  int64_t size_bytes() const;
};

/// Writes a GGUF version 3 file, tensors in the order given; they may arrive in any order, one at a
/// time. The file appears, whole, at commit().
class GgufWriter {
 public:
  /// Throws invalid_input naming the tensor when two have one name, the format has no GGUF type,
  /// rows are not whole blocks, or the shape has no or more than four dimensions or a zero.
  GgufWriter(const std::filesystem::path& path, const GgufFields& fields,
             const std::vector<GgufTensorSpec>& tensors);

  /// Blocks as they are to be stored. A tensor may come in parts, each following the one before.
  /// Throws internal when the tensor was not declared or with fewer bytes.
  void write(std::string_view name, std::span<const std::byte> blocks);
  /// Values, packed into the declared format, one of those that kernels::can_quantize.
  void write_values(std::string_view name, std::span<const float> values);
  /// Throws internal naming a declared tensor that was not written whole.
  void commit();

 private:
  struct Slot {
    Format format;
    uint64_t offset_bytes;
    int64_t size_bytes;
    int64_t written_bytes = 0;
  };
  std::string path_;
  AtomicFile file_;
  std::unordered_map<std::string, Slot> slots_;
};

}  // namespace deepseek
