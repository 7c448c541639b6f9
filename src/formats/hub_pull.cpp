// SPDX-License-Identifier: Apache-2.0
#include "formats/hub_pull.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <thread>

#include "core/error.h"
#include "core/text.h"
#include "formats/file_hash.h"
#include "formats/http_client.h"
#include "formats/hub_files.h"
#include "formats/hub_site.h"
#include "formats/json.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;

constexpr size_t largest_listing_bytes = size_t{64} << 20;
constexpr int longest_delay_ms = 30000;
constexpr size_t commit_digits = 40;

bool is_hash(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) &&
         text.find_first_not_of("0123456789abcdef") == text.npos;
}

/// One download: what all its requests share.
class Puller {
 public:
  Puller(const HubCache& cache, const HubRemote& remote, std::string repo,
         const ProgressSink& progress, const NoticeSink& notice)
      : cache_(cache),
        remote_(remote),
        site_(hub_site_of(repo)),
        repo_(std::move(repo)),
        progress_(progress),
        notice_(notice) {}

  HubListing list(const std::string& revision);
  /// Of `revision`, into the snapshot `commit`.
  void fetch_all(const std::vector<HubRemoteFile>& files, const std::string& revision,
                 const std::string& commit);

 private:
  bool in_cache(const HubRemoteFile& file) const;
  void require_disk_space(const std::vector<HubRemoteFile>& files) const;
  void fetch(const HubRemoteFile& file, const std::string& revision);
  void download(const HubRemoteFile& file, const std::string& url, const fs::path& partial);
  std::string hash_of(const HubRemoteFile& file, const fs::path& partial) const;
  void report(const char* task, uint64_t of_this_file) const;
  void refuse_status(int status, const std::string& url, const std::string& what) const;
  /// Runs `attempt` until it no longer throws TryAgain, waiting between failures, at most
  /// `retries` of them in a row without progress.
  template <class Attempt>
  void with_retries(const Attempt& attempt) const;

  std::string bare_repo() const { return repo_.substr(site_.prefix.size()); }
  HttpRequest request(const std::string& url, uint64_t first_byte = 0) const {
    return {url, remote_.token, first_byte, std::string(site_.token_cookie)};
  }
  fs::path blob_path(const HubRemoteFile& file) const {
    return cache_.model_folder(repo_) / "blobs" / file.hash;
  }

  const HubCache& cache_;
  const HubRemote& remote_;
  const HubSite& site_;
  std::string repo_;
  const ProgressSink& progress_;
  const NoticeSink& notice_;
  uint64_t finished_bytes_ = 0, total_bytes_ = 0;
};

/// Thrown to try again: the status says so, or the connection failed.
struct TryAgain {
  std::string reason;
  bool made_progress;
  int wait_ms = 0;  // what the server asked for
};

bool is_transient(int status) {
  return status == 408 || status == 425 || status == 429 || (status >= 500 && status < 600);
}

int asked_wait_ms(const HttpReply& reply) {
  const auto text = reply.header("retry-after");
  if (!text || text->empty() || text->size() > 3 ||
      text->find_first_not_of("0123456789") != std::string::npos)
    return 0;
  return std::min(longest_delay_ms, std::atoi(text->c_str()) * 1000);
}

template <class Attempt>
void Puller::with_retries(const Attempt& attempt) const {
  int failures = 0;
  while (true) {
    try {
      attempt();
      return;
    } catch (const TryAgain& failure) {
      failures = failure.made_progress ? 1 : failures + 1;
      if (failures > remote_.retries)
        fail(ErrorKind::network, failure.reason, "; gave up after ", failures,
             failures == 1 ? " try" : " tries", ", what arrived is kept for the next pull");
      int64_t wait_ms = int64_t(remote_.retry_delay_ms) << std::min(failures - 1, 10);
      wait_ms = std::min<int64_t>(longest_delay_ms, std::max<int64_t>(wait_ms, failure.wait_ms));
      if (notice_) notice_(concat(failure.reason, "; trying again"));
      for (; wait_ms > 0; wait_ms -= 50) {
        report("downloading", 0);
        std::this_thread::sleep_for(std::chrono::milliseconds(std::min<int64_t>(wait_ms, 50)));
      }
    }
  }
}

void Puller::report(const char* task, uint64_t of_this_file) const {
  if (progress_)
    progress_({task, int64_t(finished_bytes_ + of_this_file), int64_t(total_bytes_), "bytes"});
}

void Puller::refuse_status(int status, const std::string& url, const std::string& what) const {
  if (status == 401 || status == 403)
    fail(ErrorKind::network, what, ": ", remote_.endpoint, " refuses access (HTTP ", status,
         "): there is no such model, or it is private or gated; ",
         remote_.token.empty()
             ? concat("set ", site_.token_variable, " to a token that may read it")
             : concat(site_.token_variable, " has no right to read it"));
  if (status == 404)
    fail(ErrorKind::not_found, what, ": not found at ", remote_.endpoint, " (HTTP 404)");
  fail(ErrorKind::network, what, ": ", printable(url), " answers HTTP ", status);
}

HubListing Puller::list(const std::string& revision) {
  const std::string url = site_.listing_url(remote_.endpoint, bare_repo(), revision);
  std::string body;
  with_retries([&] {
    body.clear();
    HttpReply reply;
    try {
      reply = http_get(request(url), {[](uint64_t) {},
                                      [&](std::string_view bytes) {
                                        if (body.size() + bytes.size() > largest_listing_bytes)
                                          fail(ErrorKind::network, url, ": more than ",
                                               size_text(largest_listing_bytes), " of file names");
                                        body += bytes;
                                      },
                                      [&] { report("listing", 0); }});
    } catch (const HttpFailure& failure) {
      throw TryAgain{failure.reason, false};
    }
    if (is_transient(reply.status))
      throw TryAgain{concat(url, " answers HTTP ", reply.status), false, asked_wait_ms(reply)};
    if (reply.status != 200) refuse_status(reply.status, url, concat(repo_, " at ", revision));
  });

  nlohmann::json page;
  try {
    page = parse_json_object(body, url);
  } catch (const Error& error) {
    fail(ErrorKind::network, error.what());
  }
  return site_.read_listing(page, url);
}

bool Puller::in_cache(const HubRemoteFile& file) const {
  std::error_code missing;
  const uintmax_t size = fs::file_size(blob_path(file), missing);
  return !missing && size == file.size_bytes;
}

void Puller::require_disk_space(const std::vector<HubRemoteFile>& files) const {
  uint64_t needed = 0;
  for (const HubRemoteFile& file : files) {
    if (in_cache(file)) continue;
    std::error_code missing;
    const uintmax_t have = fs::file_size(blob_path(file).string() + ".incomplete", missing);
    needed += file.size_bytes - (missing ? 0 : std::min<uint64_t>(have, file.size_bytes));
  }
  std::error_code unknown;
  const fs::space_info space = fs::space(cache_.root(), unknown);
  if (!unknown && space.available < needed)
    fail(ErrorKind::out_of_memory, cache_.root().string(), ": ", repo_, " needs ",
         size_text(needed), ", the disk has ", size_text(space.available),
         "; free some, or set HF_HUB_CACHE to another disk");
}

void Puller::fetch_all(const std::vector<HubRemoteFile>& files, const std::string& revision,
                       const std::string& commit) {
  const fs::path folder = cache_.model_folder(repo_);
  if (fs::is_symlink(folder) || fs::is_symlink(folder / "blobs"))
    fail(ErrorKind::bad_file, folder.string(), ": leads out of the model cache; delete the link");
  std::error_code error;
  fs::create_directories(folder / "blobs", error);
  if (error) fail(ErrorKind::bad_file, folder.string(), ": cannot create: ", error.message());
  require_disk_space(files);
  for (const HubRemoteFile& file : files) total_bytes_ += file.size_bytes;
  for (const HubRemoteFile& file : files) {
    if (!in_cache(file)) fetch(file, revision);
    cache_.link(repo_, commit, file.name, file.hash);
    finished_bytes_ += file.size_bytes;
  }
  report("downloading", 0);
}

void Puller::fetch(const HubRemoteFile& file, const std::string& revision) {
  const std::string url = site_.file_url(remote_.endpoint, bare_repo(), revision, file.name);
  const fs::path partial = blob_path(file).string() + ".incomplete";
  std::error_code error;
  const bool resumed = fs::exists(partial, error);
  with_retries([&] { download(file, url, partial); });
  std::string got = hash_of(file, partial);
  if (got != file.hash && resumed) {
    // What an earlier run left may be from another server, or damaged.
    fs::remove(partial, error);
    with_retries([&] { download(file, url, partial); });
    got = hash_of(file, partial);
  }
  if (got != file.hash) {
    fs::remove(partial, error);
    fail(ErrorKind::network, repo_, "/", file.name, ": expected ",
         file.hash.size() == 64 ? "sha256 " : "git id ", file.hash, ", got ", got,
         "; what arrived was deleted");
  }
  fs::rename(partial, blob_path(file), error);
  if (error)
    fail(ErrorKind::bad_file, blob_path(file).string(), ": cannot create: ", error.message());
}

/// Appends to a partial file; what was written stays there when the download breaks off.
class PartialFile {
 public:
  explicit PartialFile(const fs::path& path)
      : path_(path), fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)) {
    if (fd_ < 0) fail_errno("open");
    const off_t end = ::lseek(fd_, 0, SEEK_END);
    if (end < 0) fail_errno("seek in");
    size_bytes_ = uint64_t(end);
  }
  ~PartialFile() { ::close(fd_); }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  uint64_t size_bytes() const { return size_bytes_; }

  void truncate(uint64_t size_bytes) {
    if (::ftruncate(fd_, off_t(size_bytes)) != 0 || ::lseek(fd_, off_t(size_bytes), SEEK_SET) < 0)
      fail_errno("truncate");
    size_bytes_ = size_bytes;
  }

  void append(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail_errno("write");
      bytes.remove_prefix(size_t(written));
      size_bytes_ += uint64_t(written);
    }
  }

  void sync() {
    if (::fsync(fd_) != 0) fail_errno("write");
  }

 private:
  [[noreturn]] void fail_errno(const char* action) const {
    const int error = errno;
    const bool full = error == ENOSPC || error == EDQUOT;
    fail(full ? ErrorKind::out_of_memory : ErrorKind::bad_file, path_.string(), ": cannot ", action,
         ": ", std::strerror(error));
  }
  fs::path path_;
  int fd_;
  uint64_t size_bytes_ = 0;
};

void Puller::download(const HubRemoteFile& file, const std::string& url, const fs::path& partial) {
  PartialFile out(partial);
  if (out.size_bytes() > file.size_bytes) out.truncate(0);
  if (out.size_bytes() == file.size_bytes && file.size_bytes > 0) return;
  bool made_progress = false;
  HttpReply reply;
  const HttpBody body{[&](uint64_t first) {
                        if (first != out.size_bytes()) out.truncate(first);
                      },
                      [&](std::string_view bytes) {
                        if (out.size_bytes() + bytes.size() > file.size_bytes)
                          fail(ErrorKind::network, file.name, ": expected ", file.size_bytes,
                               " bytes, the server sends more");
                        out.append(bytes);
                        made_progress = made_progress || !bytes.empty();
                        report("downloading", out.size_bytes());
                      },
                      [&] { report("downloading", out.size_bytes()); }};
  try {
    reply = http_get(request(url, out.size_bytes()), body);
  } catch (const HttpFailure& failure) {
    throw TryAgain{failure.reason, made_progress};
  }
  if (reply.status == 416) {
    out.truncate(0);
    throw TryAgain{concat(url, " answers HTTP 416"), false};
  }
  if (is_transient(reply.status))
    throw TryAgain{concat(url, " answers HTTP ", reply.status), false, asked_wait_ms(reply)};
  if (reply.status != 200 && reply.status != 206)
    refuse_status(reply.status, url, concat(repo_, "/", file.name));
  if (out.size_bytes() != file.size_bytes)
    throw TryAgain{
        concat(url, ": ended after ", out.size_bytes(), " of ", file.size_bytes, " bytes"),
        made_progress};
  out.sync();
}

std::string Puller::hash_of(const HubRemoteFile& file, const fs::path& partial) const {
  const auto tick = [&](uint64_t done) {
    if (progress_) progress_({"checking", int64_t(done), int64_t(file.size_bytes), "bytes"});
  };
  return file.hash.size() == 64 ? file_sha256(partial, tick) : file_git_id(partial, tick);
}

/// Where a hub names no commit: an id of what it lists, in the form of one.
std::string content_id(const HubListing& listing) {
  std::string text;
  for (const auto& [name, file] : listing.files) text += concat(file.hash, " ", name, "\n");
  return text_sha256(text).substr(0, commit_digits);
}

std::string variable(const char* name) {
  const char* value = name == nullptr ? nullptr : std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string endpoint_of(const HubSite& site) {
  std::string endpoint;
  for (const char* name : site.endpoint_variables)
    if (endpoint.empty()) endpoint = variable(name);
  while (!endpoint.empty() && endpoint.back() == '/') endpoint.pop_back();
  if (endpoint.empty()) return std::string(site.default_endpoint);
  return endpoint.find("://") == std::string::npos ? "https://" + endpoint : endpoint;
}

}  // namespace

HubRemote HubRemote::from_environment(const std::string& name) {
  const HubSite& site = hub_site_of(name);
  HubRemote remote{.endpoint = endpoint_of(site), .token = variable(site.token_variable)};
  for (const char c : remote.token)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F)
      fail(ErrorKind::invalid_input, site.token_variable, ": holds blanks or control characters");
  std::string offline = variable("HF_HUB_OFFLINE");
  for (char& c : offline)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  remote.offline = offline == "1" || offline == "true" || offline == "on" || offline == "yes";
  return remote;
}

HubSnapshot pull_model(const HubCache& cache, const HubRemote& remote, const std::string& name,
                       std::string revision, const ProgressSink& progress,
                       const NoticeSink& notice) {
  const HubName wanted = parse_hub_name(name);
  if (!is_repo_name(wanted.repo))
    fail(ErrorKind::invalid_input,
         "pull: expected org/name or org/name:file-or-quantisation, with modelscope: before it or "
         "not, got '",
         printable(name), "'");
  if (revision.empty()) revision = hub_site_of(wanted.repo).default_revision;
  if (!is_safe_file_name(revision))
    fail(ErrorKind::invalid_input, "--revision: expected a branch, tag or commit, got '",
         printable(revision), "'");
  if (remote.offline)
    fail(ErrorKind::network, name, ": HF_HUB_OFFLINE is set; unset it to download");
  const HubLock lock(cache, wanted.repo);
  Puller puller(cache, remote, wanted.repo, progress, notice);
  const HubListing listing = puller.list(revision);
  std::vector<std::string> names;
  names.reserve(listing.files.size());
  for (const auto& [file, ignored] : listing.files) names.push_back(file);
  std::vector<HubRemoteFile> files;
  for (const std::string& file : choose_model_files(wanted.repo, names, wanted.selector)) {
    files.push_back(listing.files.at(file));
    if (!is_hash(files.back().hash))
      fail(ErrorKind::network, wanted.repo, "/", printable(file), ": ", remote.endpoint,
           " names no hash to check it with");
  }
  const bool named = !listing.commit.empty();
  const std::string commit = named ? listing.commit : content_id(listing);
  puller.fetch_all(files, named ? commit : revision, commit);
  cache.write_ref(wanted.repo, revision, commit);
  const auto snapshot = cache.find(wanted.repo, revision);
  if (!snapshot) fail(ErrorKind::internal, wanted.repo, ": not in the cache after the download");
  return *snapshot;
}

}  // namespace deepseek
