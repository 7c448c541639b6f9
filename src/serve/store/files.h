// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/store/database.h"
#include "serve/store/digest.h"

namespace deepseek::store {

/// A file that a client uploaded, or that a batch wrote.
struct FileRecord {
  std::string id;  // "file-…"
  std::string key_id, name, purpose;
  int64_t size_bytes = 0;
  std::string sha256;  // hexadecimal
  int64_t created_at_ms = 0;
  std::optional<int64_t> expires_at_ms;
};

/// Names and owners of files in the store; their content in DATA_PATH/files under its SHA-256, so
/// that no name a client chose ever reaches the disk and equal content is there once. Servers that
/// share a store share the folder.
class Files {
 public:
  Files(Database& database, const std::filesystem::path& data_path, Clock clock = system_clock_ms);

  /// Takes the content piece by piece. Without `finish` nothing stays.
  class Upload {
   public:
    ~Upload();
    Upload(Upload&&) noexcept;
    Upload& operator=(Upload&&) = delete;
    /// Throws invalid_input beyond the bound, out_of_memory when the disk is full.
    void write(std::string_view bytes);
    /// Syncs the content and writes the record.
    FileRecord finish();

   private:
    friend class Files;
    Upload(Files& files, FileRecord record, int64_t most_bytes);
    Files& files_;
    FileRecord record_;
    int64_t most_bytes_;
    std::filesystem::path temporary_;
    int fd_ = -1;
    Sha256 hash_;
  };
  /// `name` is kept as a label only. Throws invalid_input for one that is no text of 1 to 255
  /// bytes.
  Upload begin(const std::string& key_id, const std::string& name, const std::string& purpose,
               int64_t most_bytes, std::optional<int64_t> expires_at_ms = {});
  FileRecord add(const std::string& key_id, const std::string& name, const std::string& purpose,
                 std::string_view content);

  /// Of this key; absent when there is none, or it has expired.
  std::optional<FileRecord> find(const std::string& key_id, const std::string& id);
  /// Newest first, after the file `after` where one is given.
  std::vector<FileRecord> list(const std::string& key_id, const std::string& purpose,
                               const std::string& after, int64_t limit);
  /// Of all keys together, as if nothing were there twice.
  int64_t total_bytes();
  std::filesystem::path content_path(const FileRecord& file) const;
  /// False when the key has no such file.
  bool remove(const std::string& key_id, const std::string& id);
  /// Removes expired files and what crashes left behind.
  void tidy();

 private:
  std::filesystem::path path_of(const std::string& sha256) const;
  void remove_content_if_unused(const std::string& sha256);

  Database& database_;
  std::filesystem::path folder_;
  Clock clock_;
};

}  // namespace deepseek::store
