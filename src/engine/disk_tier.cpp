// SPDX-License-Identifier: Apache-2.0
#include "engine/disk_tier.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <optional>
#include <utility>

#include "core/text.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;

constexpr std::array<char, 8> magic{'D', 'S', 'K', 'V', 'P', 'A', 'G', 'E'};
constexpr uint32_t format_version = 1;
constexpr std::string_view extension = ".kv", temporary = ".tmp";

/// What a file begins with. The key stands for the tokens and the tenant's salt as well.
struct Header {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t header_bytes;
  uint64_t payload_bytes;
  Digest model;
  PageKey key;
  Digest payload;  // SHA-256
  Digest check;    // SHA-256 of the header before it
};
static_assert(sizeof(Header) == 152 && std::is_trivially_copyable_v<Header>);

Header header_of(const Digest& model, const PageKey& key, std::span<const std::byte> page) {
  Header header{magic, format_version, sizeof(Header), page.size(), model, key, sha256(page), {}};
  header.check = sha256(std::as_bytes(std::span(&header, 1)).first(offsetof(Header, check)));
  return header;
}

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags)
      : number_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

/// Marks a file as used now. The kernel's own times are too coarse to put files in order.
void mark_used(int file) {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  const std::array<timespec, 2> both{time, time};
  ::futimens(file, both.data());
}

bool write_all(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(file, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(done));
  }
  return true;
}

bool read_all(int file, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::read(file, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(done));
  }
  return true;
}

std::optional<PageKey> key_of(const std::string& name) {
  PageKey key;
  if (name.size() != 2 * key.size() + extension.size() || !name.ends_with(extension))
    return std::nullopt;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (size_t i = 0; i < key.size(); ++i) {
    for (const char c : {name[2 * i], name[2 * i + 1]})
      if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return std::nullopt;
    key[i] = std::byte(digit(name[2 * i]) * 16 + digit(name[2 * i + 1]));
  }
  return key;
}

struct Found {
  fs::path path;
  std::string name;
  int64_t size_bytes = 0;
  timespec used{};
};

std::vector<Found> files_in(const fs::path& folder, std::error_code& error) {
  std::vector<Found> files;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    struct stat status {};
    if (::lstat(it->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    files.push_back({it->path(), it->path().filename().string(), status.st_size, status.st_mtim});
  }
  std::sort(files.begin(), files.end(), [](const Found& a, const Found& b) {
    return std::pair(a.used.tv_sec, a.used.tv_nsec) < std::pair(b.used.tv_sec, b.used.tv_nsec);
  });
  return files;
}

}  // namespace

DiskTier::DiskTier(Options options)
    : options_(std::move(options)),
      model_(sha256(
          std::as_bytes(std::span(options_.fingerprint.data(), options_.fingerprint.size())))),
      folder_(options_.folder / hex(std::span(model_).first(8))) {
  open();
  if (on_) thread_ = std::thread([this] { work(); });
}

DiskTier::~DiskTier() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (lock_ >= 0) ::close(lock_);
}

void DiskTier::open() {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return switch_off(concat("cannot make ", folder_.string(), ": ", error.message()));
  ::chmod(folder_.c_str(), 0700);
  lock_ = ::open((folder_ / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0)
    return switch_off(concat("cannot write in ", folder_.string(), ": ", std::strerror(errno)));
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0)
    return switch_off(concat(folder_.string(), " is in use by another process"));
  trim_other_models();
  on_ = true;
  scan();
  if (on_) make_room(0);
}

// Names and sizes only: what is inside is checked when it is read.
void DiskTier::scan() {
  std::error_code error;
  const int64_t wanted = options_.page_bytes + static_cast<int64_t>(sizeof(Header));
  for (const Found& file : files_in(folder_, error)) {
    if (file.name == "lock") continue;
    const std::optional<PageKey> key = key_of(file.name);
    if (key && file.size_bytes == wanted)
      remember(*key, file.size_bytes);
    else if (key || file.name.ends_with(temporary))
      fs::remove(file.path, error);  // torn, or of a writer that is gone
  }
  if (error) switch_off(concat("cannot list ", folder_.string(), ": ", error.message()));
}

// Pages of other models, or of this one before it changed, oldest first, until all fit.
void DiskTier::trim_other_models() {
  std::error_code error;
  std::vector<Found> others;
  int64_t total = 0;
  for (fs::directory_iterator it(options_.folder, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path() == folder_ || !it->is_directory(error)) continue;
    const Descriptor lock(it->path() / "lock", O_RDWR);
    if (lock.number() < 0 || ::flock(lock.number(), LOCK_EX | LOCK_NB) != 0) continue;
    for (Found& file : files_in(it->path(), error)) {
      if (!key_of(file.name)) continue;
      total += file.size_bytes;
      others.push_back(std::move(file));
    }
  }
  std::sort(others.begin(), others.end(), [](const Found& a, const Found& b) {
    return std::pair(a.used.tv_sec, a.used.tv_nsec) < std::pair(b.used.tv_sec, b.used.tv_nsec);
  });
  for (const Found& file : others) {
    if (total <= options_.max_bytes) break;
    total -= file.size_bytes;
    fs::remove(file.path, error);
  }
}

bool DiskTier::contains(const PageKey& key) const {
  const std::lock_guard lock(mutex_);
  return on_ && index_.contains(key);
}

int64_t DiskTier::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

int64_t DiskTier::pages() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(files_.size());
}

bool DiskTier::write(const PageKey& key, std::span<const std::byte> page) {
  const auto size = static_cast<int64_t>(page.size());
  {
    const std::lock_guard lock(mutex_);
    if (!on_) return false;
    if (index_.contains(key)) return true;
    if (!writes_.empty() && queued_bytes_ + size > options_.queue_bytes) return false;
    queued_bytes_ += size;
  }
  Write write{key, {page.begin(), page.end()}};
  {
    const std::lock_guard lock(mutex_);
    writes_.push_back(std::move(write));
  }
  work_.notify_one();
  return true;
}

void DiskTier::read(std::vector<PageKey> keys, std::vector<std::byte*> destinations,
                    std::function<void(int64_t good)> done) {
  {
    const std::lock_guard lock(mutex_);
    if (on_) {
      reads_.push_back({std::move(keys), std::move(destinations), std::move(done)});
      work_.notify_one();
      return;
    }
  }
  done(0);
}

void DiskTier::flush() {
  std::unique_lock lock(mutex_);
  quiet_.wait(lock, [this] { return !busy_ && reads_.empty() && writes_.empty(); });
}

void DiskTier::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    busy_ = false;
    if (reads_.empty() && writes_.empty()) {
      quiet_.notify_all();
      if (stop_) return;
      work_.wait(lock);
      continue;
    }
    busy_ = true;
    if (!reads_.empty()) {
      const Read read = std::move(reads_.front());
      reads_.pop_front();
      lock.unlock();
      int64_t good = 0;
      while (
          good < static_cast<int64_t>(read.keys.size()) &&
          load(read.keys[static_cast<size_t>(good)], read.destinations[static_cast<size_t>(good)]))
        ++good;
      read.done(good);
      lock.lock();
    } else {
      const Write write = std::move(writes_.front());
      writes_.pop_front();
      lock.unlock();
      if (on_) store(write);
      lock.lock();
      queued_bytes_ -= static_cast<int64_t>(write.page.size());
    }
  }
}

void DiskTier::store(const Write& write) {
  const fs::path path = path_of(write.key);
  const fs::path unfinished = path.string() + std::string(temporary);
  const Header header = header_of(model_, write.key, write.page);
  const auto size = static_cast<int64_t>(sizeof header + write.page.size());
  if (!make_room(size)) return;
  std::error_code error;
  fs::create_directory(path.parent_path(), error);
  bool good = false;
  {
    const Descriptor file(unfinished, O_WRONLY | O_CREAT | O_TRUNC);
    good = file.number() >= 0 && write_all(file.number(), std::as_bytes(std::span(&header, 1))) &&
           write_all(file.number(), write.page);
    if (good) mark_used(file.number());
  }
  if (!good || ::rename(unfinished.c_str(), path.c_str()) != 0) {
    const std::string why = std::strerror(errno);
    fs::remove(unfinished, error);
    return switch_off(concat("cannot write ", path.string(), ": ", why));
  }
  const std::lock_guard lock(mutex_);
  remember(write.key, size);
}

bool DiskTier::load(const PageKey& key, std::byte* destination) {
  if (!contains(key)) return false;
  const auto start = std::chrono::steady_clock::now();
  const fs::path path = path_of(key);
  const std::span page(destination, static_cast<size_t>(options_.page_bytes));
  Header header{};
  bool good = false;
  {
    const Descriptor file(path, O_RDONLY);
    errno = 0;
    const bool complete = file.number() >= 0 &&
                          read_all(file.number(), std::as_writable_bytes(std::span(&header, 1))) &&
                          read_all(file.number(), page);
    if (!complete && errno == EIO) {
      switch_off(concat("cannot read ", path.string(), ": ", std::strerror(errno)));
      return false;
    }
    if (complete) {
      const Header want = header_of(model_, key, page);
      good = std::memcmp(&header, &want, sizeof header) == 0;
    }
    if (good) mark_used(file.number());
  }
  if (!good) {
    std::error_code error;
    fs::remove(path, error);
    forget(key);
    if (options_.notice)
      options_.notice(concat("prompt cache: ", path.string(),
                             " is damaged or gone and was dropped; it is computed again"));
    return false;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const double before = seconds_per_page_;
  seconds_per_page_ = before == 0 ? took.count() : 0.8 * before + 0.2 * took.count();
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  if (found != index_.end()) files_.splice(files_.begin(), files_, found->second);
  return true;
}

bool DiskTier::make_room(int64_t size_bytes) {
  for (;;) {
    fs::path oldest;
    {
      const std::lock_guard lock(mutex_);
      if (bytes_ + size_bytes <= options_.max_bytes) return true;
      if (files_.empty()) return false;  // a page is more than the tier may hold
      oldest = path_of(files_.back().key);
      bytes_ -= files_.back().size_bytes;
      index_.erase(files_.back().key);
      files_.pop_back();
    }
    std::error_code error;
    fs::remove(oldest, error);
    if (error) {
      switch_off(concat("cannot remove ", oldest.string(), ": ", error.message()));
      return false;
    }
  }
}

void DiskTier::remember(const PageKey& key, int64_t size_bytes) {
  if (index_.contains(key)) return;
  files_.push_front({key, size_bytes});
  index_.emplace(key, files_.begin());
  bytes_ += size_bytes;
}

void DiskTier::forget(const PageKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  if (found == index_.end()) return;
  bytes_ -= found->second->size_bytes;
  files_.erase(found->second);
  index_.erase(found);
}

void DiskTier::switch_off(std::string_view why) {
  on_ = false;
  if (options_.notice)
    options_.notice(
        concat("prompt cache on disk switched off: ", why, "; prompts are cached in memory alone"));
}

fs::path DiskTier::path_of(const PageKey& key) const {
  const std::string name = hex(key);
  return folder_ / name.substr(0, 2) / (name + std::string(extension));
}

}  // namespace deepseek
