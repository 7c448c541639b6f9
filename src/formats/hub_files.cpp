// SPDX-License-Identifier: Apache-2.0
#include "formats/hub_files.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>

#include "core/error.h"
#include "core/text.h"

namespace deepseek {
namespace {

constexpr size_t longest_name_bytes = 1024;
constexpr int most_parts = 99999;

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = char(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

std::string base_name(std::string_view path) {
  return std::string(path.substr(path.find_last_of('/') + 1));
}

bool has_extension(std::string_view name, std::string_view extension) {
  return lower(name).ends_with(extension);
}

/// Whether `stem` holds `quantisation` as a word: "model-Q4_K_M" holds q4_k_m, but not q4_k.
bool names_quantisation(std::string_view stem, const std::string& quantisation) {
  const std::string text = lower(stem);
  for (size_t at = text.find(quantisation); at != std::string::npos;
       at = text.find(quantisation, at + 1)) {
    const size_t end = at + quantisation.size();
    const bool starts = at == 0 || std::string_view(".-_/").find(text[at - 1]) != std::string::npos;
    const bool ends =
        end == text.size() || std::string_view(".-/").find(text[end]) != std::string::npos;
    if (starts && ends) return true;
  }
  return false;
}

using Group = std::vector<std::string>;

/// GGUF files by stem, each with its parts in order.
std::map<std::string, Group> gguf_groups(std::span<const std::string> names) {
  std::map<std::string, Group> groups;
  for (const std::string& name : names)
    if (has_extension(name, ".gguf")) groups[split_gguf_name(name).stem].push_back(name);
  for (auto& [stem, group] : groups) std::sort(group.begin(), group.end());
  return groups;
}

bool is_projector(std::string_view stem) { return lower(base_name(stem)).starts_with("mmproj"); }

Group complete(const std::string& repo, const std::string& stem, Group group) {
  const int parts = split_gguf_name(group.front()).parts;
  if (int64_t(group.size()) != parts)
    fail(ErrorKind::bad_file, repo, ": ", printable(stem), ": expected ", parts,
         " parts of the split, got ", group.size());
  return group;
}

Group with_selector(const std::string& repo, std::span<const std::string> names,
                    const std::string& selector) {
  const std::map<std::string, Group> groups = gguf_groups(names);
  const auto exact = std::find(names.begin(), names.end(), selector);
  if (exact != names.end()) {
    if (!has_extension(selector, ".gguf")) return {selector};
    const std::string stem = split_gguf_name(selector).stem;
    return complete(repo, stem, groups.at(stem));
  }
  std::vector<std::string> fitting;
  for (const auto& [stem, group] : groups)
    if (names_quantisation(stem, lower(selector)) && !is_projector(stem)) fitting.push_back(stem);
  if (fitting.size() == 1) return complete(repo, fitting[0], groups.at(fitting[0]));
  std::string choices;
  for (const auto& [stem, group] : groups)
    choices += concat(choices.empty() ? "" : ", ", printable(group.front()));
  if (fitting.empty())
    fail(ErrorKind::not_found, repo, ": no file or quantisation '", printable(selector), "'; ",
         choices.empty() ? "it has no GGUF files" : concat("it has ", printable(choices, 1500)));
  fail(ErrorKind::invalid_input, repo, ": '", printable(selector), "' fits ", fitting.size(),
       " models; name a file: ", printable(choices, 1500));
}

bool belongs_to_folder(const std::string& name) {
  static constexpr std::string_view extensions[] = {".safetensors", ".json", ".jinja", ".txt",
                                                    ".model"};
  if (name.find('/') != std::string::npos) return false;
  const std::string base = lower(name);
  if (base.starts_with("license") || base == "readme.md") return true;
  return std::any_of(std::begin(extensions), std::end(extensions),
                     [&](std::string_view extension) { return base.ends_with(extension); });
}

Group without_selector(const std::string& repo, std::span<const std::string> names) {
  const bool has_tensors = std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return name.find('/') == std::string::npos && has_extension(name, ".safetensors");
  });
  if (has_tensors) {
    Group group;
    std::copy_if(names.begin(), names.end(), std::back_inserter(group), belongs_to_folder);
    std::sort(group.begin(), group.end());
    return group;
  }
  std::map<std::string, Group> groups = gguf_groups(names);
  std::erase_if(groups, [](const auto& entry) { return is_projector(entry.first); });
  if (groups.empty())
    fail(ErrorKind::unsupported, repo, ": no safetensors or GGUF files among its ", names.size(),
         " files");
  if (groups.size() == 1) return complete(repo, groups.begin()->first, groups.begin()->second);
  std::string choices;
  for (const auto& [stem, group] : groups)
    choices += concat(choices.empty() ? "" : ", ", repo, ":", group.front());
  fail(ErrorKind::invalid_input, repo, ": has ", groups.size(),
       " GGUF models; name one, or its quantisation: ", printable(choices, 1500));
}

}  // namespace

bool is_repo_name(std::string_view name) {
  const bool needs_owner = name.starts_with(modelscope_prefix);
  if (needs_owner) name.remove_prefix(modelscope_prefix.size());
  const size_t slash = name.find('/');
  if (needs_owner && slash == std::string_view::npos) return false;
  for (std::string_view part :
       {name.substr(0, slash),
        slash == std::string_view::npos ? std::string_view("x") : name.substr(slash + 1)}) {
    if (part.empty() || part.size() > 96) return false;
    if (!std::all_of(part.begin(), part.end(), is_name_character)) return false;
    if (part.starts_with('.') || part.starts_with('-')) return false;
    if (part.find("..") != part.npos || part.find("--") != part.npos) return false;
  }
  return true;
}

bool is_safe_file_name(std::string_view name) {
  if (name.empty() || name.size() > longest_name_bytes) return false;
  for (const char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '\\') return false;
  while (true) {
    const size_t slash = name.find('/');
    const std::string_view part = name.substr(0, slash);
    if (part.empty() || part == "." || part == ".." || part.size() > 255) return false;
    if (slash == std::string_view::npos) return true;
    name.remove_prefix(slash + 1);
  }
}

bool is_commit_id(std::string_view text) {
  return text.size() == 40 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

SplitName split_gguf_name(std::string_view name) {
  constexpr std::string_view ending = "-00001-of-00002.gguf";
  const std::string_view plain =
      has_extension(name, ".gguf") ? name.substr(0, name.size() - 5) : name;
  SplitName whole{std::string(plain), 1, 1};
  if (plain.size() == name.size() || name.size() <= ending.size()) return whole;
  const std::string_view tail = name.substr(name.size() - ending.size());
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-") return whole;
  const auto number = [](std::string_view digits) {
    int value = 0;
    for (const char c : digits) {
      if (c < '0' || c > '9') return 0;
      value = value * 10 + (c - '0');
    }
    return value;
  };
  const int part = number(tail.substr(1, 5)), parts = number(tail.substr(10, 5));
  if (part < 1 || parts < part || parts > most_parts) return whole;
  return {std::string(name.substr(0, name.size() - ending.size())), part, parts};
}

HubName parse_hub_name(std::string_view text) {
  const size_t start = text.starts_with(modelscope_prefix) ? modelscope_prefix.size() : 0;
  const size_t colon = text.find(':', start);
  if (colon == std::string_view::npos) return {std::string(text), ""};
  return {std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

std::vector<std::string> choose_model_files(const std::string& repo,
                                            std::span<const std::string> names,
                                            const std::string& selector) {
  return selector.empty() ? without_selector(repo, names) : with_selector(repo, names, selector);
}

}  // namespace deepseek
