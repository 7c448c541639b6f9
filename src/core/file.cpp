// SPDX-License-Identifier: Apache-2.0
#include "core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"

namespace deepseek {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void fail_errno(const std::filesystem::path& path, const char* action) {
  const int error = errno;
  const ErrorKind kind = error == ENOENT || error == ENOTDIR ? ErrorKind::not_found
                         : error == ENOSPC || error == EDQUOT || error == ENOMEM
                             ? ErrorKind::out_of_memory
                             : ErrorKind::bad_file;
  fail(kind, path.string(), ": cannot ", action, ": ", std::strerror(error));
}

[[noreturn]] void fail_too_large(const std::filesystem::path& path, uint64_t limit_bytes,
                                 const std::string& got) {
  fail(ErrorKind::bad_file, path.string(), ": expected at most ", size_text(limit_bytes), ", got ",
       got);
}

int open_regular(const std::filesystem::path& path, uint64_t& size_bytes) {
  // A pipe without a writer would keep a blocking open waiting.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) fail_errno(path, "open");
  struct stat info {};
  if (::fstat(fd, &info) != 0) {
    ::close(fd);
    fail_errno(path, "stat");
  }
  if (!S_ISREG(info.st_mode)) {
    ::close(fd);
    fail(ErrorKind::bad_file, path.string(), ": expected a regular file, got ",
         S_ISDIR(info.st_mode) ? "a directory" : "something else");
  }
  size_bytes = static_cast<uint64_t>(info.st_size);
  return fd;
}

/// Where a name leads: one of this process's open descriptors, or a path that is no link.
struct Destination {
  std::optional<int> descriptor;
  std::filesystem::path path;
};

Destination follow_links(std::filesystem::path path) {
  constexpr int most_links = 40;
  std::error_code error;
  const std::filesystem::path descriptors = std::filesystem::canonical("/proc/self/fd", error);
  for (int i = 0; i < most_links; ++i) {
    const std::filesystem::path folder =
        std::filesystem::canonical(path.has_parent_path() ? path.parent_path() : ".", error);
    if (!error && folder == descriptors) {
      const std::string name = path.filename().string();
      int descriptor = -1;
      if (std::from_chars(name.data(), name.data() + name.size(), descriptor).ec == std::errc())
        return {descriptor, path};
    }
    const std::filesystem::path next = std::filesystem::read_symlink(path, error);
    if (error) break;  // no link
    path = path.parent_path() / next;
  }
  return {{}, path};
}

/// A file without a name, for what is sent on when it is whole.
int open_nameless(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  std::string name = (error ? "/tmp" : folder.string()) + "/deepseek.XXXXXX";
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) fail_errno(path, concat("make a temporary file in ", folder.string()).c_str());
  ::unlink(name.c_str());
  return fd;
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  uint64_t size_bytes = 0;
  const FileDescriptor fd(open_regular(path, size_bytes));
  const std::byte* data = nullptr;
  if (size_bytes > 0) {
    void* mapped = ::mmap(nullptr, size_bytes, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (mapped == MAP_FAILED) fail_errno(path, "map");
    data = static_cast<const std::byte*>(mapped);
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path, data, size_bytes));
}

MappedFile::~MappedFile() {
  if (size_bytes_ > 0) ::munmap(const_cast<std::byte*>(data_), size_bytes_);
}

void MappedFile::release(std::span<const std::byte> part) const {
  const std::less_equal<const std::byte*> not_after;
  if (!not_after(data_, part.data()) || !not_after(part.data() + part.size(), data_ + size_bytes_))
    return;
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(part.data()) + page - 1) / page * page;
  const auto end = reinterpret_cast<uintptr_t>(part.data() + part.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

std::string read_text_file(const std::filesystem::path& path, size_t limit_bytes) {
  uint64_t size_bytes = 0;
  const FileDescriptor fd(open_regular(path, size_bytes));
  if (size_bytes > limit_bytes) fail_too_large(path, limit_bytes, size_text(size_bytes));
  std::string text(size_bytes, '\0');
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::read(fd.get(), text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(path, "read");
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  text.resize(done);
  return text;
}

std::string read_input_file(const std::filesystem::path& path, size_t limit_bytes) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))
    return read_text_file(path, limit_bytes);
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) fail_errno(path, "open");
  std::string text;
  std::vector<char> chunk(size_t{1} << 16);
  while (true) {
    const ssize_t got = ::read(fd.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno(path, "read");
    if (got == 0) return text;
    text.append(chunk.data(), static_cast<size_t>(got));
    if (text.size() > limit_bytes) fail_too_large(path, limit_bytes, "more");
  }
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  const Destination destination = follow_links(path_);
  target_ = destination.path;
  struct stat info {};
  const bool exists = ::stat(target_.c_str(), &info) == 0;
  if (destination.descriptor) {
    stream_ = ::fcntl(*destination.descriptor, F_DUPFD_CLOEXEC, 0);
    if (stream_ < 0) fail_errno(path_, "open");
  } else if (exists && S_ISDIR(info.st_mode)) {
    fail(ErrorKind::bad_file, path_.string(), ": expected a file to write, got a directory");
  } else if (exists && !S_ISREG(info.st_mode)) {
    stream_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC);
    if (stream_ < 0) fail_errno(path_, "open");
  }
  if (stream_ >= 0) {
    fd_ = open_nameless(path_);
    return;
  }
  open_beside(target_);
  if (exists) ::fchmod(fd_, info.st_mode & 07777);
}

void AtomicFile::open_beside(const std::filesystem::path& target) {
  temporary_ = concat(target.string(), ".tmp.", ::getpid());
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd_ < 0) fail_errno(path_, "create");
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      target_(std::move(other.target_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)),
      stream_(std::exchange(other.stream_, -1)),
      size_bytes_(other.size_bytes_) {}

AtomicFile::~AtomicFile() {
  if (stream_ >= 0) ::close(stream_);
  if (fd_ < 0) return;
  ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write_fully(const std::byte* data, size_t size, uint64_t offset) {
  while (size > 0) {
    const ssize_t n = ::pwrite(fd_, data, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(path_, "write");
    data += n;
    size -= static_cast<size_t>(n);
    offset += static_cast<uint64_t>(n);
  }
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  write_fully(bytes.data(), bytes.size(), size_bytes_);
  size_bytes_ += bytes.size();
}

void AtomicFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AtomicFile::write_at(uint64_t offset, std::span<const std::byte> bytes) {
  write_fully(bytes.data(), bytes.size(), offset);
}

void AtomicFile::send() {
  std::vector<std::byte> chunk(size_t{1} << 20);
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(fd_, chunk.data(), chunk.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno(path_, "read back");
    if (got == 0) break;
    at += got;
    for (ssize_t sent = 0; sent < got;) {
      const ssize_t n = ::write(stream_, chunk.data() + sent, static_cast<size_t>(got - sent));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail_errno(path_, "write");
      sent += n;
    }
  }
}

void AtomicFile::commit() {
  if (stream_ >= 0) return send();
  if (::fsync(fd_) != 0) fail_errno(path_, "sync");
  ::close(fd_);
  fd_ = -1;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary_.c_str());
    errno = error;
    fail_errno(path_, "rename into place");
  }
}

}  // namespace deepseek
