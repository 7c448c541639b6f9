// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "formats/safetensors.h"

namespace deepseek {

/// The weights of a Hugging Face folder: `model.safetensors`, or the shards that
/// `model.safetensors.index.json` names. All headers are read and verified when it is opened; bytes
/// of tensors are mapped and read when touched.
class Checkpoint {
 public:
  /// A folder, or one safetensors file. Throws not_found when the folder holds no weights or a
  /// shard is missing; bad_file when an index names a shard outside the folder, a tensor its shard
  /// lacks or a tensor lies in two shards, and all that SafetensorsFile::open refuses.
  static Checkpoint open(const std::filesystem::path& path);
  static bool is_checkpoint(const std::filesystem::path& folder);

  /// What messages call it: the folder or the file.
  const std::filesystem::path& path() const { return path_; }
  const std::vector<SafetensorsFile>& shards() const { return shards_; }
  /// Sorted.
  std::vector<std::string_view> names() const;
  int64_t size_bytes() const;  // of all tensors

  /// The file that holds a tensor; path() when there is no such tensor.
  const std::filesystem::path& file_of(std::string_view name) const;

  bool has(std::string_view name) const { return locate(name) != nullptr; }
  /// Null when there is no such tensor.
  const SafetensorsEntry* find(std::string_view name) const;
  /// A view of the mapped bytes. Throws bad_file when there is no such tensor.
  Tensor tensor(std::string_view name) const;
  /// Lets the kernel drop these bytes of tensors from memory; they are read again when touched.
  void release(std::span<const std::byte> part) const;

 private:
  struct Location {
    std::string name;
    uint32_t shard, entry;
  };
  Checkpoint(std::filesystem::path path, std::vector<SafetensorsFile> shards);
  const Location* locate(std::string_view name) const;
  const SafetensorsEntry& entry(const Location& at) const {
    return shards_[at.shard].entries()[at.entry];
  }

  std::filesystem::path path_;
  std::vector<SafetensorsFile> shards_;
  std::vector<Location> locations_;  // by name
};

/// What the text of a `model.safetensors.index.json` says: the names of tensors by the shard that
/// holds them. Throws bad_file naming `path` when it is malformed or names a shard that is not a
/// safetensors file inside the folder.
std::map<std::string, std::vector<std::string>> safetensors_index_from_json(
    std::string_view text, const std::filesystem::path& path);

}  // namespace deepseek
