// SPDX-License-Identifier: Apache-2.0
#include "formats/safetensors.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/error.h"
#include "formats/safetensors_header.h"

namespace deepseek {

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  std::shared_ptr<const MappedFile> mapped = MappedFile::open(path);
  SafetensorsFile file = parse(mapped->bytes(), mapped, path);
  file.mapped_ = std::move(mapped);
  return file;
}

SafetensorsFile SafetensorsFile::parse(std::span<const std::byte> bytes,
                                       std::shared_ptr<const void> owner,
                                       const std::filesystem::path& path) {
  constexpr int64_t prefix_bytes = 8;
  const auto size = static_cast<int64_t>(bytes.size());
  if (size < prefix_bytes)
    fail(ErrorKind::bad_file, path.string(),
         ": expected a safetensors file of at least 8 bytes, got ", size,
         "; the file is truncated, download it again");
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), prefix_bytes);
  if (header_bytes > uint64_t{max_header_bytes})
    fail(ErrorKind::bad_file, path.string(), ": expected a header of at most ", max_header_bytes,
         " bytes, got ", header_bytes, "; this is not a safetensors file");
  const auto data_offset = static_cast<int64_t>(header_bytes) + prefix_bytes;
  if (data_offset > size)
    fail(ErrorKind::bad_file, path.string(), ": expected a header of ", header_bytes,
         " bytes, got ", size - prefix_bytes, "; the file is truncated, download it again");

  const auto* text = reinterpret_cast<const char*>(bytes.data()) + prefix_bytes;
  SafetensorsHeader header =
      read_safetensors_header({text, header_bytes}, data_offset, size - data_offset, path);
  SafetensorsFile file;
  file.path_ = path;
  file.storage_ = Storage::borrow(bytes, std::move(owner));
  file.entries_ = std::move(header.entries);
  file.metadata_ = std::move(header.metadata);
  file.index_names();
  return file;
}

void SafetensorsFile::index_names() {
  by_name_.resize(entries_.size());
  std::iota(by_name_.begin(), by_name_.end(), 0u);
  std::ranges::sort(by_name_, {},
                    [&](uint32_t i) -> const std::string& { return entries_[i].name; });
}

const SafetensorsEntry* SafetensorsFile::find(std::string_view name) const {
  const auto at = std::ranges::lower_bound(
      by_name_, name, {}, [&](uint32_t i) { return std::string_view(entries_[i].name); });
  return at != by_name_.end() && entries_[*at].name == name ? &entries_[*at] : nullptr;
}

Tensor SafetensorsFile::tensor(std::string_view name) const {
  const SafetensorsEntry* entry = find(name);
  if (entry == nullptr)
    fail(ErrorKind::bad_file, path_.string(), ": expected tensor ", printable(name),
         ", got none among its ", entries_.size(),
         "; the checkpoint is of another model or incomplete");
  return tensor(*entry);
}

Tensor SafetensorsFile::tensor(const SafetensorsEntry& entry) const {
  return Tensor::over(storage_, entry.offset_bytes, entry.shape, entry.dtype);
}

void SafetensorsFile::release(std::span<const std::byte> part) const {
  if (mapped_) mapped_->release(part);
}

}  // namespace deepseek
