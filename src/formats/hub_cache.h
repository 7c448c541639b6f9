// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deepseek {

/// One file of a snapshot, and where its bytes are.
struct HubFile {
  std::string name;
  std::filesystem::path path;
  uint64_t size_bytes = 0;
};

/// A model in the cache at one commit.
struct HubSnapshot {
  std::string repo, commit;
  std::filesystem::path folder;
  std::vector<HubFile> files;  // sorted by name
  /// Of files whose download broke off, at any commit. A model may consist of nothing else: then
  /// it has no commit, and `folder` is the model's.
  uint64_t unfinished_bytes = 0;
  uint64_t size_bytes() const;
  std::vector<std::string> names() const;
};

/// The Hugging Face model cache: models--org--name/{blobs,refs,snapshots}, files of a snapshot
/// being symbolic links to blobs. Models of ModelScope are beside them, in folders
/// models--modelscope--org--name, which no model of Hugging Face can have.
class HubCache {
 public:
  explicit HubCache(std::filesystem::path root) : root_(std::move(root)) {}
  /// HF_HUB_CACHE, else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub, else
  /// ~/.cache/huggingface/hub. Throws invalid_input when none of them is set.
  static HubCache from_environment();

  const std::filesystem::path& root() const { return root_; }
  /// root/models--org--name, or root/models--modelscope--org--name. Throws invalid_input unless
  /// is_repo_name(repo).
  std::filesystem::path model_folder(const std::string& repo) const;

  /// Every model, at the commit that its default branch names, else at the newest snapshot; also
  /// one of which only a part of the first file has arrived. Throws bad_file when the cache is
  /// there and cannot be read.
  std::vector<HubSnapshot> models() const;
  /// `revision`: a branch, a tag or a commit; empty: the hub's default branch. Absent when nothing
  /// of it is in the cache. Throws as models().
  std::optional<HubSnapshot> find(const std::string& repo, std::string revision = "") const;

  /// Makes the blob appear as `name` in the snapshot of `commit`.
  void link(const std::string& repo, const std::string& commit, const std::string& name,
            const std::string& blob) const;
  void write_ref(const std::string& repo, const std::string& revision,
                 const std::string& commit) const;

  /// Deletes the named files from all snapshots of a model, or the whole model when `names` is
  /// empty, and every blob nothing refers to any more. Answers the bytes that were freed. Throws
  /// busy while the model is being downloaded.
  uint64_t remove(const std::string& repo, const std::vector<std::string>& names) const;

 private:
  HubSnapshot read_snapshot(const std::string& repo, const std::filesystem::path& folder) const;
  /// The default branch's snapshot, or the latest there is.
  std::optional<HubSnapshot> newest(const std::string& repo,
                                    const std::filesystem::path& folder) const;
  std::filesystem::path root_;
};

/// Keeps others from downloading or deleting the same model. Throws busy when another process
/// holds it.
class HubLock {
 public:
  HubLock(const HubCache& cache, const std::string& repo);
  ~HubLock();
  HubLock(const HubLock&) = delete;
  HubLock& operator=(const HubLock&) = delete;

 private:
  int fd_;
};

}  // namespace deepseek
