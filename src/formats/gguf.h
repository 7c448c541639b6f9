// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "formats/gguf_metadata.h"
#include "formats/gguf_parser.h"
#include "tensor/tensor.h"

namespace deepseek {

/// A GGUF model, mapped and verified when it is opened: one file, or all parts of a split one
/// (`name-00001-of-00003.gguf`), whichever part was named.
class GgufFile {
 public:
  /// Throws not_found when the file or another part of it is missing; bad_file naming file, tensor
  /// or key, expected and got.
  static GgufFile open(const std::filesystem::path& path);
  /// The same over the bytes of one file in memory, which live as long as `owner`; `path` is what
  /// messages call them.
  static GgufFile parse(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                        const std::filesystem::path& path);

  /// Of the first part.
  const std::filesystem::path& path() const { return parts_[0].path; }
  size_t part_count() const { return parts_.size(); }
  uint32_t version() const { return version_; }
  int64_t size_bytes() const;  // of all files

  const GgufMetadata& metadata() const { return metadata_; }
  /// Part by part, in the order of the files.
  std::span<const GgufTensor> tensors() const { return tensors_; }
  /// Null when there is no such tensor.
  const GgufTensor* find(std::string_view name) const;
  /// Throws bad_file when there is no such tensor.
  const GgufTensor& get(std::string_view name) const;

  /// The file a tensor lies in, at `tensor.offset_bytes`; keeps the mapping alive.
  const std::shared_ptr<Storage>& storage(const GgufTensor& tensor) const {
    return parts_[tensor.part].storage;
  }
  std::span<const std::byte> bytes(const GgufTensor& tensor) const {
    return {storage(tensor)->data() + tensor.offset_bytes, static_cast<size_t>(tensor.size_bytes)};
  }
  /// The tensor as f32: a view when it is stored so, else dequantised into new memory.
  Tensor to_f32(const GgufTensor& tensor) const;
  /// Lets the kernel drop these bytes of tensors from memory; they are read again when touched.
  /// Bytes of other files are left alone.
  void release(std::span<const std::byte> bytes) const;

 private:
  struct Part {
    std::filesystem::path path;
    std::shared_ptr<Storage> storage;          // the whole file
    std::shared_ptr<const MappedFile> mapped;  // null when parsed from memory
  };
  GgufFile() = default;
  void add_part(Part part, GgufContents contents);
  void index_names();

  std::vector<Part> parts_;
  uint32_t version_ = 0;
  GgufMetadata metadata_;
  std::vector<GgufTensor> tensors_;
  std::vector<uint32_t> by_name_;  // indices of tensors_
};

/// The path of part `index` (from 0) of `count`, given the path of any part; nothing when the file
/// is not named `…-00001-of-00003.gguf` with that count.
std::optional<std::filesystem::path> gguf_part_path(const std::filesystem::path& path,
                                                    int64_t index, int64_t count);

}  // namespace deepseek
