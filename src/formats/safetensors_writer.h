// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/file.h"
#include "formats/safetensors.h"
#include "tensor/tensor.h"

namespace deepseek {

/// A tensor that is going to be written.
struct TensorSpec {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;

  int64_t size_bytes() const;
};

using SafetensorsMetadata = std::map<std::string, std::string>;

/// Writes a safetensors file in the order the reference implementation uses (wide types first, then
/// by name), so that equal tensors give equal files. Tensors may arrive in any order, one at a
/// time; the file appears, whole, at commit().
class SafetensorsWriter {
 public:
  /// Throws invalid_input when two tensors have the same name or a shape does not fit 63 bits.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorSpec> tensors,
                    const SafetensorsMetadata& metadata = {{"format", "pt"}})
      : SafetensorsWriter(AtomicFile(path), std::move(tensors), metadata) {}
  /// Into a file that nothing was written to yet.
  SafetensorsWriter(AtomicFile file, std::vector<TensorSpec> tensors,
                    const SafetensorsMetadata& metadata = {{"format", "pt"}});

  /// Throws internal unless the tensor was declared with that many bytes and not written yet.
  void write(std::string_view name, std::span<const std::byte> bytes);
  void write(std::string_view name, const Tensor& tensor);
  /// Throws internal naming a declared tensor that was not written.
  void commit();

 private:
  struct Slot {
    int64_t offset_bytes, size_bytes;
    bool written = false;
  };
  std::string path_;
  AtomicFile file_;
  std::unordered_map<std::string, Slot> slots_;
};

/// Writes a folder's weights: `model.safetensors` when they fit `shard_bytes`, otherwise shards of
/// at most that (a larger tensor gets one of its own) and `model.safetensors.index.json`. Tensors
/// are assigned in the order given; nothing appears before commit(), the index last.
class CheckpointWriter {
 public:
  static constexpr int64_t default_shard_bytes = 5'000'000'000;

  CheckpointWriter(std::filesystem::path folder, std::vector<TensorSpec> tensors,
                   int64_t shard_bytes = default_shard_bytes);

  void write(std::string_view name, std::span<const std::byte> bytes);
  void write(std::string_view name, const Tensor& tensor);
  void commit();

 private:
  std::filesystem::path folder_;
  std::vector<std::unique_ptr<SafetensorsWriter>> shards_;
  std::vector<std::string> shard_names_;
  std::map<std::string, size_t> shard_of_;  // by tensor name
  int64_t total_bytes_ = 0, total_elements_ = 0;
};

/// One file with all of `tensors`.
void write_safetensors(AtomicFile file, const std::map<std::string, Tensor>& tensors,
                       const SafetensorsMetadata& metadata = {{"format", "pt"}});
void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, Tensor>& tensors,
                       const SafetensorsMetadata& metadata = {{"format", "pt"}});

}  // namespace deepseek
