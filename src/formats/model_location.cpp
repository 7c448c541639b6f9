// SPDX-License-Identifier: Apache-2.0
#include "formats/model_location.h"

#include <array>
#include <fstream>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/text.h"
#include "formats/hub_cache.h"
#include "formats/hub_files.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;

ModelLocation::Kind kind_of_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(ErrorKind::bad_file, path.string(), ": cannot open");
  std::array<char, 4096> head{};
  file.read(head.data(), head.size());
  std::string_view text(head.data(), size_t(file.gcount()));
  if (text.starts_with("GGUF")) return ModelLocation::Kind::gguf;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const size_t first = text.find_first_not_of(" \t\r\n");
  // A template may begin with a brace as well, but never with one that a key follows.
  if (first != text.npos && text[first] == '{') {
    const size_t next = text.find_first_not_of(" \t\r\n", first + 1);
    if (next != text.npos && text[next] == '"') return ModelLocation::Kind::tokenizer_json;
  }
  return ModelLocation::Kind::other_file;
}

bool has_file(const fs::path& folder, const char* name) {
  std::error_code missing;
  return fs::is_regular_file(folder / name, missing);
}

ModelLocation in_folder(const fs::path& folder, const std::string& name) {
  if (has_file(folder, "config.json") || has_file(folder, "model.safetensors") ||
      has_file(folder, "model.safetensors.index.json"))
    return {ModelLocation::Kind::folder, folder};
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
    if (entry.is_regular_file(error) && entry.path().extension() == ".gguf")
      names.push_back(entry.path().filename().string());
  if (!names.empty())
    return {ModelLocation::Kind::gguf, folder / choose_model_files(name, names, "").front()};
  if (has_file(folder, "tokenizer.json") || has_file(folder, "tokenizer_config.json"))
    return {ModelLocation::Kind::folder, folder};
  fail(ErrorKind::bad_file, folder.string(),
       ": no model in this folder: expected config.json with safetensors, or a GGUF file");
}

ModelLocation in_snapshot(const HubSnapshot& snapshot, const std::string& selector) {
  const std::vector<std::string> names = snapshot.names();
  const std::string first = choose_model_files(snapshot.repo, names, selector).front();
  if (selector.empty() && !first.ends_with(".gguf"))
    return {ModelLocation::Kind::folder, snapshot.folder};
  const fs::path path = snapshot.folder / first;
  return {kind_of_file(path), path};
}

[[noreturn]] void refuse(const std::string& name, const HubCache& cache) {
  std::vector<std::string> known{"starter"};
  for (const HubSnapshot& model : cache.models()) known.push_back(model.repo);
  const HubName wanted = parse_hub_name(name);
  const std::string_view nearest = nearest_name(wanted.repo, known);
  const std::string hint = nearest.empty() ? "" : concat("did you mean ", nearest, "? ");
  if (wanted.repo.find('/') != std::string::npos && is_repo_name(wanted.repo))
    fail(ErrorKind::not_found, printable(name), ": neither a path nor in the model cache ",
         cache.root().string(), "; ", hint, "'deepseek pull ", printable(name), "' downloads it");
  fail(ErrorKind::not_found, printable(name), ": no such file, folder or model in the cache ",
       cache.root().string(), "; ", hint,
       "'deepseek pull org/name' downloads a model, 'deepseek list' shows what is here");
}

}  // namespace

ModelLocation locate_model(const std::string& name) {
  if (name.empty()) fail(ErrorKind::invalid_input, "MODEL: expected a path or name, got nothing");
  std::error_code error;
  const fs::file_status status = fs::status(name, error);
  if (fs::is_directory(status)) return in_folder(name, name);
  if (fs::is_regular_file(status)) return {kind_of_file(name), name};
  if (fs::exists(status)) fail(ErrorKind::bad_file, printable(name), ": not a regular file");

  const HubCache cache = HubCache::from_environment();
  if (name == "starter") {
    const auto starter = cache.find(starter_repo);
    if (!starter)
      fail(ErrorKind::not_found, "starter: the starter model is not in the model cache ",
           cache.root().string(), "; './dev run' fetches it");
    return in_snapshot(*starter, "");
  }
  const HubName wanted = parse_hub_name(name);
  if (const auto snapshot = cache.find(wanted.repo)) return in_snapshot(*snapshot, wanted.selector);
  if (is_safe_file_name(name) && fs::is_directory(cache.root() / name, error)) {
    for (const HubSnapshot& model : cache.models())
      if (cache.model_folder(model.repo).filename() == name) return in_snapshot(model, "");
    return in_folder(cache.root() / name, name);
  }
  refuse(name, cache);
}

}  // namespace deepseek
