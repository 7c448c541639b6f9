// SPDX-License-Identifier: Apache-2.0
#include "formats/checkpoint.h"

#include <algorithm>

#include "core/error.h"
#include "core/file.h"
#include "formats/json.h"

namespace deepseek {
namespace {

constexpr const char* single_name = "model.safetensors";
constexpr const char* index_name = "model.safetensors.index.json";
constexpr size_t index_limit_bytes = size_t{256} << 20;

/// A shard has to lie in the folder of its index: a name that climbs out of it would make a
/// downloaded file read others.
void check_shard_name(const std::string& shard, const std::filesystem::path& index) {
  const std::filesystem::path path(shard);
  const bool climbs = std::ranges::find(path, std::filesystem::path("..")) != path.end();
  if (shard.empty() || path.is_absolute() || climbs || path.extension() != ".safetensors" ||
      shard.find('\0') != std::string::npos)
    fail(ErrorKind::bad_file, index.string(),
         ": weight_map: expected the name of a .safetensors file in this folder, got \"",
         printable(shard), "\"; download the index again");
}

std::vector<SafetensorsFile> open_shards(const std::filesystem::path& folder) {
  const std::filesystem::path index = folder / index_name;
  std::vector<SafetensorsFile> shards;
  for (const auto& [name, tensors] :
       safetensors_index_from_json(read_text_file(index, index_limit_bytes), index)) {
    const std::filesystem::path path = folder / name;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
      fail(ErrorKind::not_found, path.string(), ": expected this file, named by ", index_name,
           ", got none; download the missing shard");
    const SafetensorsFile& shard = shards.emplace_back(SafetensorsFile::open(path));
    for (const std::string& tensor : tensors)
      if (shard.find(tensor) == nullptr)
        fail(ErrorKind::bad_file, path.string(), ": expected tensor ", printable(tensor),
             ", which ", index_name, " places here, got none; download shard and index again");
  }
  return shards;
}

}  // namespace

std::map<std::string, std::vector<std::string>> safetensors_index_from_json(
    std::string_view text, const std::filesystem::path& index) {
  const nlohmann::json json = parse_json_object(text, index);
  const auto map = json.find("weight_map");
  if (map == json.end() || !map->is_object() || map->empty())
    fail(ErrorKind::bad_file, index.string(),
         ": weight_map: expected an object of tensor names and files, got ",
         map == json.end()  ? "none"
         : map->is_object() ? "an empty one"
                            : map->type_name(),
         "; download the index again");
  std::map<std::string, std::vector<std::string>> tensors;
  for (const auto& [name, shard] : map->items()) {
    if (!shard.is_string())
      fail(ErrorKind::bad_file, index.string(), ": weight_map: ", printable(name),
           ": expected a file name, got ", shard.type_name(), "; download the index again");
    tensors[shard.get<std::string>()].push_back(name);
  }
  for (const auto& [shard, names] : tensors) check_shard_name(shard, index);
  return tensors;
}

Checkpoint Checkpoint::open(const std::filesystem::path& path) {
  const auto one = [](SafetensorsFile file) {
    std::vector<SafetensorsFile> shards;
    shards.push_back(std::move(file));
    return shards;
  };
  if (!std::filesystem::is_directory(path)) return {path, one(SafetensorsFile::open(path))};
  if (std::filesystem::exists(path / single_name))
    return {path, one(SafetensorsFile::open(path / single_name))};
  if (std::filesystem::exists(path / index_name)) return {path, open_shards(path)};
  const bool has_pickles = std::filesystem::exists(path / "pytorch_model.bin") ||
                           std::filesystem::exists(path / "pytorch_model.bin.index.json");
  fail(ErrorKind::not_found, path.string(), ": expected ", single_name, " or ", index_name,
       ", got ",
       has_pickles ? "pytorch_model.bin, which is not read because it can run code; save the model "
                     "as safetensors"
                   : "neither; name the folder of a downloaded model");
}

bool Checkpoint::is_checkpoint(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder / single_name, ignored) ||
         std::filesystem::exists(folder / index_name, ignored);
}

Checkpoint::Checkpoint(std::filesystem::path path, std::vector<SafetensorsFile> shards)
    : path_(std::move(path)), shards_(std::move(shards)) {
  for (uint32_t shard = 0; shard < shards_.size(); ++shard) {
    const auto entries = shards_[shard].entries();
    for (uint32_t i = 0; i < entries.size(); ++i) locations_.push_back({entries[i].name, shard, i});
  }
  std::ranges::sort(locations_, {}, &Location::name);
  const auto twice = std::ranges::adjacent_find(locations_, {}, &Location::name);
  if (twice != locations_.end())
    fail(ErrorKind::bad_file, path_.string(), ": tensor ", printable(twice->name),
         ": expected it in one shard, got it in ", shards_[twice->shard].path().filename().string(),
         " and ", shards_[(twice + 1)->shard].path().filename().string(),
         "; download the shards again");
}

std::vector<std::string_view> Checkpoint::names() const {
  std::vector<std::string_view> names;
  names.reserve(locations_.size());
  for (const Location& at : locations_) names.push_back(at.name);
  return names;
}

int64_t Checkpoint::size_bytes() const {
  int64_t size = 0;
  for (const SafetensorsFile& shard : shards_)
    for (const SafetensorsEntry& entry : shard.entries()) size += entry.size_bytes;
  return size;
}

const Checkpoint::Location* Checkpoint::locate(std::string_view name) const {
  const auto at = std::ranges::lower_bound(locations_, name, {}, [](const Location& location) {
    return std::string_view(location.name);
  });
  return at != locations_.end() && at->name == name ? &*at : nullptr;
}

const SafetensorsEntry* Checkpoint::find(std::string_view name) const {
  const Location* at = locate(name);
  return at ? &entry(*at) : nullptr;
}

const std::filesystem::path& Checkpoint::file_of(std::string_view name) const {
  const Location* at = locate(name);
  return at ? shards_[at->shard].path() : path_;
}

Tensor Checkpoint::tensor(std::string_view name) const {
  const Location* at = locate(name);
  if (at == nullptr)
    fail(ErrorKind::bad_file, path_.string(), ": expected tensor ", printable(name),
         ", got none among its ", locations_.size(),
         "; the checkpoint is of another model or incomplete");
  return shards_[at->shard].tensor(entry(*at));
}

void Checkpoint::release(std::span<const std::byte> part) const {
  for (const SafetensorsFile& shard : shards_) shard.release(part);
}

}  // namespace deepseek
