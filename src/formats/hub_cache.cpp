// SPDX-License-Identifier: Apache-2.0
#include "formats/hub_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "formats/hub_files.h"
#include "formats/hub_site.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view folder_prefix = "models--";
constexpr std::string_view modelscope_folder = "modelscope--";

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::string folder_name(const std::string& repo) {
  std::string name(folder_prefix);
  for (const char c : repo) name += c == '/' || c == ':' ? std::string("--") : std::string(1, c);
  return name;
}

std::optional<std::string> repo_of_folder(const std::string& folder) {
  if (!folder.starts_with(folder_prefix)) return std::nullopt;
  std::string_view name = std::string_view(folder).substr(folder_prefix.size());
  std::string repo;
  if (name.starts_with(modelscope_folder) &&
      name.find("--", modelscope_folder.size()) != name.npos) {
    repo = modelscope_prefix;
    name.remove_prefix(modelscope_folder.size());
  }
  const size_t dashes = name.find("--");
  repo += dashes == name.npos ? std::string(name)
                              : concat(name.substr(0, dashes), "/", name.substr(dashes + 2));
  if (!is_repo_name(repo)) return std::nullopt;
  return repo;
}

[[noreturn]] void fail_io(const fs::path& path, const char* action, const std::error_code& error) {
  const bool full = error == std::errc::no_space_on_device;
  fail(full ? ErrorKind::out_of_memory : ErrorKind::bad_file, path.string(), ": cannot ", action,
       ": ", error.message());
}

bool is_absence(const std::error_code& error) {
  return error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory ||
         error == std::errc::filename_too_long;
}

/// Throws bad_file when it cannot be told what is there.
fs::file_status status_of(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (error && !is_absence(error)) fail_io(path, "open", error);
  return status;
}

/// The entries of a folder; none when it is not there. Throws bad_file when it cannot be read.
std::vector<fs::path> entries(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    paths.push_back(at->path());
  if (error && !is_absence(error)) fail_io(folder, "open", error);
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code ignored;
  for (fs::recursive_directory_iterator at(folder, ignored), end; at != end;
       at.increment(ignored)) {
    if (ignored) break;
    if (!at->is_directory(ignored)) paths.push_back(at->path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail_io(path, "create", error);
}

/// Refuses a folder that a symbolic link inside the cache leads out of it.
void require_inside(const fs::path& root, const fs::path& folder) {
  std::error_code error;
  const fs::path real_root = fs::canonical(root, error);
  const fs::path real = fs::canonical(folder, error);
  if (error) fail_io(folder, "resolve", error);
  const auto [end, ignored] =
      std::mismatch(real_root.begin(), real_root.end(), real.begin(), real.end());
  if (end != real_root.end())
    fail(ErrorKind::bad_file, folder.string(), ": leads out of the model cache ", root.string());
}

uint64_t size_of(const fs::path& path) {
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  return error ? 0 : uint64_t(size);
}

uint64_t unfinished_bytes_of(const fs::path& model) {
  uint64_t total = 0;
  for (const fs::path& blob : entries(model / "blobs"))
    if (blob.extension() == ".incomplete") total += size_of(blob);
  return total;
}

/// Bytes that are the file's own: of a link to a blob none.
uint64_t own_size_of(const fs::path& path) {
  std::error_code error;
  return fs::is_symlink(path, error) ? 0 : size_of(path);
}

uint64_t remove_unreferenced_blobs(const fs::path& model) {
  std::set<fs::path> used;
  for (const fs::path& file : files_below(model / "snapshots")) {
    std::error_code error;
    const fs::path target = fs::weakly_canonical(file, error);
    if (!error) used.insert(target);
  }
  uint64_t freed = 0;
  for (const fs::path& blob : entries(model / "blobs")) {
    std::error_code error;
    if (used.contains(fs::weakly_canonical(blob, error))) continue;
    const uint64_t size = size_of(blob);
    if (fs::remove(blob, error)) freed += size;
    if (error) fail_io(blob, "delete", error);
  }
  return freed;
}

}  // namespace

uint64_t HubSnapshot::size_bytes() const {
  uint64_t total = 0;
  for (const HubFile& file : files) total += file.size_bytes;
  return total;
}

std::vector<std::string> HubSnapshot::names() const {
  std::vector<std::string> all;
  all.reserve(files.size());
  for (const HubFile& file : files) all.push_back(file.name);
  return all;
}

HubCache HubCache::from_environment() {
  if (const auto cache = variable("HF_HUB_CACHE")) return HubCache(*cache);
  if (const auto home = variable("HF_HOME")) return HubCache(fs::path(*home) / "hub");
  if (const auto base = variable("XDG_CACHE_HOME"))
    return HubCache(fs::path(*base) / "huggingface/hub");
  if (const auto home = variable("HOME"))
    return HubCache(fs::path(*home) / ".cache/huggingface/hub");
  fail(ErrorKind::invalid_input,
       "no place for the model cache: neither HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME nor HOME is "
       "set");
}

fs::path HubCache::model_folder(const std::string& repo) const {
  if (!is_repo_name(repo))
    fail(ErrorKind::invalid_input, "'", printable(repo),
         "': expected a model name such as org/name");
  return root_ / folder_name(repo);
}

HubSnapshot HubCache::read_snapshot(const std::string& repo, const fs::path& folder) const {
  HubSnapshot snapshot{.repo = repo,
                       .commit = folder.filename().string(),
                       .folder = folder,
                       .files = {},
                       .unfinished_bytes = unfinished_bytes_of(model_folder(repo))};
  for (const fs::path& path : files_below(folder)) {
    std::error_code missing;
    if (!fs::is_regular_file(path, missing)) continue;
    snapshot.files.push_back({path.lexically_relative(folder).string(), path, size_of(path)});
  }
  return snapshot;
}

std::vector<HubSnapshot> HubCache::models() const {
  std::vector<HubSnapshot> found;
  for (const fs::path& folder : entries(root_)) {
    const auto repo = repo_of_folder(folder.filename().string());
    if (!repo) continue;
    try {
      if (auto model = newest(*repo, folder)) found.push_back(*std::move(model));
    } catch (const Error& error) {  // another user's, in a cache that is shared
      if (error.kind() != ErrorKind::bad_file) throw;
    }
  }
  return found;
}

std::optional<HubSnapshot> HubCache::newest(const std::string& repo,
                                            const std::filesystem::path& folder) const {
  if (auto current = find(repo, "")) return current;
  const std::vector<fs::path> snapshots = entries(folder / "snapshots");
  if (snapshots.empty()) {
    const uint64_t unfinished = unfinished_bytes_of(folder);
    if (unfinished == 0) return std::nullopt;
    return HubSnapshot{repo, "", folder, {}, unfinished};
  }
  return read_snapshot(repo, *std::max_element(snapshots.begin(), snapshots.end(),
                                               [](const fs::path& a, const fs::path& b) {
                                                 std::error_code ignored;
                                                 return fs::last_write_time(a, ignored) <
                                                        fs::last_write_time(b, ignored);
                                               }));
}

std::optional<HubSnapshot> HubCache::find(const std::string& repo, std::string revision) const {
  if (revision.empty()) revision = hub_site_of(repo).default_revision;
  if (!is_repo_name(repo) || !is_safe_file_name(revision)) return std::nullopt;
  const fs::path model = model_folder(repo);
  if (!fs::is_directory(status_of(model))) return std::nullopt;
  std::string commit = revision;
  if (fs::is_regular_file(status_of(model / "refs" / revision))) {
    commit = read_text_file(model / "refs" / revision, 1024);
    while (!commit.empty() && std::isspace(static_cast<unsigned char>(commit.back())) != 0)
      commit.pop_back();
  }
  if (!is_safe_file_name(commit) || commit.find('/') != std::string::npos) return std::nullopt;
  const fs::path folder = model / "snapshots" / commit;
  if (!fs::is_directory(status_of(folder))) return std::nullopt;
  return read_snapshot(repo, folder);
}

void HubCache::link(const std::string& repo, const std::string& commit, const std::string& name,
                    const std::string& blob) const {
  if (!is_safe_file_name(name) || !is_safe_file_name(commit) || !is_safe_file_name(blob))
    fail(ErrorKind::network, repo, ": refused file name '", printable(name), "'");
  const fs::path model = model_folder(repo);
  const fs::path path = model / "snapshots" / commit / name;
  make_folder(path.parent_path());
  require_inside(root_, path.parent_path());
  const fs::path target = (model / "blobs" / blob).lexically_relative(path.parent_path());
  std::error_code error;
  if (fs::is_symlink(path, error) && fs::read_symlink(path, error) == target) return;
  const fs::path temporary = concat(path.string(), ".", ::getpid(), ".link");
  fs::create_symlink(target, temporary, error);
  if (!error) fs::rename(temporary, path, error);
  if (error) fail_io(path, "create", error);
}

void HubCache::write_ref(const std::string& repo, const std::string& revision,
                         const std::string& commit) const {
  if (!is_safe_file_name(revision))
    fail(ErrorKind::invalid_input, "--revision: expected a branch, tag or commit, got '",
         printable(revision), "'");
  if (revision == commit) return;
  const fs::path path = model_folder(repo) / "refs" / revision;
  make_folder(path.parent_path());
  require_inside(root_, path.parent_path());
  AtomicFile file(path);
  file.write(commit);
  file.commit();
}

uint64_t HubCache::remove(const std::string& repo, const std::vector<std::string>& names) const {
  const HubLock lock(*this, repo);
  const fs::path model = model_folder(repo);
  uint64_t freed = 0;
  for (const fs::path& snapshot : entries(model / "snapshots"))
    for (const std::string& name : names) {
      if (!is_safe_file_name(name)) continue;
      const uint64_t size = own_size_of(snapshot / name);
      std::error_code error;
      if (fs::remove(snapshot / name, error)) freed += size;
      if (error) fail_io(snapshot / name, "delete", error);
    }
  std::error_code error;
  if (names.empty()) {
    for (const fs::path& file : files_below(model / "snapshots")) freed += own_size_of(file);
    fs::remove_all(model / "snapshots", error);
    if (error) fail_io(model / "snapshots", "delete", error);
  }
  freed += remove_unreferenced_blobs(model);
  if (files_below(model / "snapshots").empty()) fs::remove_all(model, error);
  if (error) fail_io(model, "delete", error);
  return freed;
}

HubLock::HubLock(const HubCache& cache, const std::string& repo) {
  const fs::path folder = cache.root() / ".locks" / cache.model_folder(repo).filename();
  make_folder(folder);
  require_inside(cache.root(), folder);
  const fs::path path = folder / "deepseek.lock";
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd_ < 0) fail(ErrorKind::bad_file, path.string(), ": cannot open: ", std::strerror(errno));
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return;
  ::close(fd_);
  fail(ErrorKind::busy, repo, ": another process is downloading or deleting it; lock ",
       path.string());
}

HubLock::~HubLock() { ::close(fd_); }

}  // namespace deepseek
