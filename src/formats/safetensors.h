// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "tensor/tensor.h"

namespace deepseek {

/// One tensor of a safetensors file and where its bytes lie, counted from the start of the file.
struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  int64_t offset_bytes = 0;
  int64_t size_bytes = 0;
};

/// A safetensors file, mapped and verified when it is opened: 8 bytes with the length of the
/// header, a JSON header, then the tensors, which cover the rest without gap or overlap.
/// https://github.com/huggingface/safetensors#format
class SafetensorsFile {
 public:
  static constexpr int64_t max_header_bytes = 100'000'000;

  /// Throws not_found; or bad_file naming the file, the tensor, what was expected and got.
  static SafetensorsFile open(const std::filesystem::path& path);
  /// The same over bytes in memory, aligned to 8, that live as long as `owner`; `path` is what
  /// messages call them.
  static SafetensorsFile parse(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                               const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  /// In the order of their bytes.
  std::span<const SafetensorsEntry> entries() const { return entries_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// Null when there is no such tensor.
  const SafetensorsEntry* find(std::string_view name) const;

  /// A view of the mapped bytes, which stay alive with it. Throws bad_file when there is none.
  Tensor tensor(std::string_view name) const;
  Tensor tensor(const SafetensorsEntry& entry) const;
  /// Lets the kernel drop these bytes of tensors from memory; they are read again when touched.
  /// Bytes of other files are left alone.
  void release(std::span<const std::byte> part) const;

 private:
  SafetensorsFile() = default;
  void index_names();

  std::filesystem::path path_;
  std::shared_ptr<Storage> storage_;          // the whole file
  std::shared_ptr<const MappedFile> mapped_;  // null when parsed from memory
  std::vector<SafetensorsEntry> entries_;
  std::vector<uint32_t> by_name_;  // indices of entries_
  std::map<std::string, std::string> metadata_;
};

}  // namespace deepseek
