// SPDX-License-Identifier: Apache-2.0
#include "cli/config_file.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdlib>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"

namespace deepseek::cli {
namespace {

constexpr size_t largest_config_bytes = size_t{1} << 20;

[[noreturn]] void refuse_key(const std::string& place, const std::string& key) {
  std::vector<std::string> known;
  for (const Setting& setting : settings())
    if (setting.scope == Setting::Scope::lasting) known.emplace_back(setting.name);
  const std::string_view nearest = nearest_name(key, known);
  const std::string hint = nearest.empty() ? std::string("'deepseek config show' lists them all")
                                           : concat("did you mean ", nearest, "?");
  fail(ErrorKind::bad_file, place, ": unknown setting '", key, "'; ", hint);
}

}  // namespace

std::optional<std::filesystem::path> find_config_file(const std::optional<std::string>& chosen) {
  if (chosen) {
    if (!std::filesystem::exists(*chosen))
      fail(ErrorKind::not_found, *chosen,
           ": no such configuration file (--config, DEEPSEEK_CONFIG)");
    return *chosen;
  }
  const char* base = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  std::filesystem::path path;
  if (base != nullptr && *base != '\0')
    path = base;
  else if (home != nullptr && *home != '\0')
    path = std::filesystem::path(home) / ".config";
  else
    return std::nullopt;
  path /= "deepseek/config.yaml";
  std::error_code unreadable;
  if (!std::filesystem::exists(path, unreadable)) return std::nullopt;
  return path;
}

std::vector<ConfigEntry> read_config(const std::filesystem::path& path) {
  const std::string content = read_text_file(path, largest_config_bytes);
  YAML::Node root;
  try {
    std::vector<YAML::Node> documents = YAML::LoadAll(content);
    if (documents.size() > 1)
      fail(ErrorKind::bad_file, path.string(), ":", documents[1].Mark().line + 1,
           ": expected one YAML document, got ", documents.size(), "; join them into one map");
    if (!documents.empty()) root = documents.front();
  } catch (const YAML::Exception& error) {
    fail(ErrorKind::bad_file, path.string(), ":", std::max(1, error.mark.line + 1),
         ": not YAML: ", error.msg);
  }
  if (root.IsNull()) return {};
  if (!root.IsMap())
    fail(ErrorKind::bad_file, path.string(), ":", root.Mark().line + 1,
         ": expected a map of settings to values, such as 'threads: 2'");
  std::vector<ConfigEntry> entries;
  for (const auto& pair : root) {
    const int line = pair.first.Mark().line + 1;
    const std::string place = concat(path.string(), ":", line);
    const std::string key = pair.first.IsScalar() ? pair.first.Scalar() : std::string("?");
    const Setting* setting = find_setting(key);
    if (setting == nullptr || setting->scope != Setting::Scope::lasting) refuse_key(place, key);
    for (const ConfigEntry& entry : entries)
      if (entry.setting == setting)
        fail(ErrorKind::bad_file, place, ": ", key, " was already set on line ", entry.line);
    if (!pair.second.IsScalar())
      fail(ErrorKind::bad_file, place, ": ", key, ": expected one value");
    try {
      check_value(*setting, pair.second.Scalar(), concat(place, ": ", key));
    } catch (const Error& error) {
      throw Error(ErrorKind::bad_file, error.what());
    }
    entries.push_back({setting, pair.second.Scalar(), line});
  }
  return entries;
}

}  // namespace deepseek::cli
