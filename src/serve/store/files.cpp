// SPDX-License-Identifier: Apache-2.0
#include "serve/store/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "core/error.h"
#include "core/utf8.h"

namespace deepseek::store {
namespace {

namespace fs = std::filesystem;

constexpr size_t longest_name_bytes = 255;
constexpr int64_t most_files_listed = 10'000;
constexpr std::string_view temporary_prefix = "upload-";
// Content without a record is kept this long: another server may be about to write the record.
constexpr auto orphan_age = std::chrono::hours(1);

#define FILE_COLUMNS "id, key_id, name, purpose, size_bytes, sha256, created_at_ms, expires_at_ms"

FileRecord file_of(const Row& row) {
  return {row.text(0),    row.text(1), row.text(2),    row.text(3),
          row.integer(4), row.text(5), row.integer(6), row.optional_integer(7)};
}

[[noreturn]] void refuse_system(const fs::path& path, std::string_view failed) {
  const int code = errno;
  const bool full = code == ENOSPC || code == EDQUOT;
  fail(full ? ErrorKind::out_of_memory : ErrorKind::bad_file, path.string(), ": ", failed, ": ",
       std::strerror(code));
}

void sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || ::fsync(fd) != 0) refuse_system(folder, "cannot sync");
  ::close(fd);
}

bool is_old(const fs::directory_entry& entry) {
  std::error_code gone;
  const auto written = entry.last_write_time(gone);
  return !gone && fs::file_time_type::clock::now() - written > orphan_age;
}

}  // namespace

Files::Files(Database& database, const fs::path& data_path, Clock clock)
    : database_(database), folder_(data_path / "files"), clock_(std::move(clock)) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (!error) fs::permissions(folder_, fs::perms::owner_all, error);
  if (error)
    fail(ErrorKind::bad_file, folder_.string(), ": cannot make the folder: ", error.message());
}

Files::Upload::Upload(Files& files, FileRecord record, int64_t most_bytes)
    : files_(files),
      record_(std::move(record)),
      most_bytes_(most_bytes),
      temporary_(files.folder_ / concat(temporary_prefix, random_letters(24))) {
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd_ < 0) refuse_system(temporary_, "cannot create");
}

Files::Upload::Upload(Upload&& other) noexcept
    : files_(other.files_),
      record_(std::move(other.record_)),
      most_bytes_(other.most_bytes_),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)),
      hash_(std::move(other.hash_)) {}

Files::Upload::~Upload() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

void Files::Upload::write(std::string_view bytes) {
  if (int64_t(bytes.size()) > most_bytes_ - record_.size_bytes)
    fail(ErrorKind::invalid_input, "file: larger than ", most_bytes_, " bytes");
  hash_.add(bytes);
  record_.size_bytes += int64_t(bytes.size());
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) refuse_system(temporary_, "cannot write");
    bytes.remove_prefix(size_t(written));
  }
}

FileRecord Files::Upload::finish() {
  record_.sha256 = to_hex(hash_.finish());
  record_.created_at_ms = files_.clock_();
  if (::fsync(fd_) != 0) refuse_system(temporary_, "cannot sync");
  const fs::path path = files_.path_of(record_.sha256);
  // Content and record change in one writing transaction, of which the store has one at a time:
  // nobody deletes the content between the two.
  files_.database_.write([&](Connection& connection) {
    fs::create_directories(path.parent_path());
    if (::rename(temporary_.c_str(), path.c_str()) != 0) refuse_system(path, "cannot write");
    sync_folder(path.parent_path());
    connection.execute(
        "INSERT INTO files (" FILE_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        {record_.id, record_.key_id, record_.name, record_.purpose, record_.size_bytes,
         record_.sha256, record_.created_at_ms, record_.expires_at_ms});
  });
  ::close(std::exchange(fd_, -1));
  return record_;
}

Files::Upload Files::begin(const std::string& key_id, const std::string& name,
                           const std::string& purpose, int64_t most_bytes,
                           std::optional<int64_t> expires_at_ms) {
  for (const std::string* text : {&name, &purpose})
    if (text->empty() || text->size() > longest_name_bytes || !is_valid_utf8(*text) ||
        text->find('\0') != text->npos)
      fail(ErrorKind::invalid_input, text == &name ? "filename" : "purpose",
           ": expected text of 1 to ", longest_name_bytes, " bytes");
  FileRecord record;
  record.id = make_id("file-");
  record.key_id = key_id;
  record.name = name;
  record.purpose = purpose;
  record.expires_at_ms = expires_at_ms;
  return {*this, std::move(record), most_bytes};
}

FileRecord Files::add(const std::string& key_id, const std::string& name,
                      const std::string& purpose, std::string_view content) {
  Upload upload = begin(key_id, name, purpose, int64_t(content.size()));
  upload.write(content);
  return upload.finish();
}

std::optional<FileRecord> Files::find(const std::string& key_id, const std::string& id) {
  const Rows rows = database_.read([&](Connection& connection) {
    return connection.query("SELECT " FILE_COLUMNS
                            " FROM files WHERE key_id = ? AND id = ? AND (expires_at_ms IS NULL OR "
                            "expires_at_ms > ?)",
                            {key_id, id, clock_()});
  });
  if (rows.empty()) return std::nullopt;
  return file_of(rows[0]);
}

std::vector<FileRecord> Files::list(const std::string& key_id, const std::string& purpose,
                                    const std::string& after, int64_t limit) {
  int64_t before_ms = INT64_MAX;
  if (!after.empty())
    if (const auto last = find(key_id, after)) before_ms = last->created_at_ms;
  const Rows rows = database_.read([&](Connection& connection) {
    return connection.query(
        "SELECT " FILE_COLUMNS
        " FROM files WHERE key_id = ? AND (purpose = ? OR ? = '') AND (expires_at_ms IS NULL OR "
        "expires_at_ms > ?) AND (created_at_ms < ? OR (created_at_ms = ? AND id < ?)) ORDER BY "
        "created_at_ms DESC, id DESC LIMIT ?",
        {key_id, purpose, purpose, clock_(), before_ms, before_ms, after,
         std::clamp<int64_t>(limit, 1, most_files_listed)});
  });
  std::vector<FileRecord> files;
  files.reserve(rows.size());
  for (const Row& row : rows) files.push_back(file_of(row));
  return files;
}

int64_t Files::total_bytes() {
  const Rows rows = database_.read([&](Connection& connection) {
    return connection.query("SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM files");
  });
  return rows[0].integer(0);
}

fs::path Files::content_path(const FileRecord& file) const { return path_of(file.sha256); }

fs::path Files::path_of(const std::string& sha256) const {
  // A record that another program wrote must not lead out of the folder.
  if (sha256.size() != 64 || !from_hex(sha256))
    fail(ErrorKind::bad_file, "store: a file's digest was changed by another program");
  return folder_ / sha256.substr(0, 2) / sha256;
}

bool Files::remove(const std::string& key_id, const std::string& id) {
  const auto file = find(key_id, id);
  if (!file) return false;
  database_.write([&](Connection& connection) {
    connection.execute("DELETE FROM files WHERE id = ? AND key_id = ?", {id, key_id});
  });
  remove_content_if_unused(file->sha256);
  return true;
}

void Files::remove_content_if_unused(const std::string& sha256) {
  const fs::path path = path_of(sha256);
  database_.write([&](Connection& connection) {
    const Rows used = connection.query("SELECT id FROM files WHERE sha256 = ? LIMIT 1", {sha256});
    if (used.empty()) ::unlink(path.c_str());
  });
}

void Files::tidy() {
  const Rows expired = database_.write([&](Connection& connection) {
    const int64_t now_ms = clock_();
    Rows rows = connection.query("SELECT sha256 FROM files WHERE expires_at_ms <= ?", {now_ms});
    connection.execute("DELETE FROM files WHERE expires_at_ms <= ?", {now_ms});
    return rows;
  });
  for (const Row& row : expired) remove_content_if_unused(row.text(0));
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder_, ignored)) {
    if (!entry.is_regular_file(ignored) || !is_old(entry)) continue;
    const std::string name = entry.path().filename().string();
    if (name.starts_with(temporary_prefix))
      fs::remove(entry.path(), ignored);
    else if (name.size() == 64 && from_hex(name))
      remove_content_if_unused(name);
  }
}

}  // namespace deepseek::store
