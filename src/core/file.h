// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace deepseek {

/// A whole file mapped read-only. Throws not_found or bad_file naming the path.
class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return {data_, size_bytes_}; }

  /// Tells the kernel that these bytes will not be read again soon, so that their pages stop
  /// counting as resident. Their content stays readable. Bytes of another owner are left alone.
  void release(std::span<const std::byte> part) const;

 private:
  MappedFile(std::filesystem::path path, const std::byte* data, size_t size_bytes)
      : path_(std::move(path)), data_(data), size_bytes_(size_bytes) {}
  std::filesystem::path path_;
  const std::byte* data_;
  size_t size_bytes_;
};

/// The content of a file of at most `limit_bytes`. Throws not_found, or bad_file when it is larger.
std::string read_text_file(const std::filesystem::path& path, size_t limit_bytes = size_t{1} << 30);

/// The same of what a person names to be read once: also a pipe (`<(command)`), a terminal or
/// another device, read to its end.
std::string read_input_file(const std::filesystem::path& path,
                            size_t limit_bytes = size_t{1} << 30);

/// Writes a file that is either there whole or not at all: to a temporary name beside it, synced,
/// then renamed. A link is followed to the file it names; into a pipe, a device or an open
/// descriptor (/dev/stdout) the bytes are sent at commit. Throws out_of_memory when the disk is
/// full, bad_file otherwise.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  /// Writes at an absolute offset without moving the append position.
  void write_at(uint64_t offset, std::span<const std::byte> bytes);
  uint64_t size_bytes() const { return size_bytes_; }
  /// Makes the file appear under its name. Without it the destructor discards what was written.
  void commit();

 private:
  void write_fully(const std::byte* data, size_t size, uint64_t offset);
  void open_beside(const std::filesystem::path& target);
  void send();
  std::filesystem::path path_, target_, temporary_;  // as given; what it names; written until then
  int fd_ = -1;
  int stream_ = -1;  // of what is not replaced by another file
  uint64_t size_bytes_ = 0;
};

}  // namespace deepseek
