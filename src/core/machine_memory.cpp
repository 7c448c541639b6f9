// SPDX-License-Identifier: Apache-2.0
#include "core/machine_memory.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

namespace deepseek {
namespace {

namespace fs = std::filesystem;

/// The number a file begins with; nothing when there is none ("max").
std::optional<int64_t> number_in(const fs::path& path) {
  std::ifstream file(path);
  int64_t value = 0;
  if (file >> value) return value;
  return std::nullopt;
}

/// The value of `key` in a file of lines "key value …".
std::optional<int64_t> field_in(const fs::path& path, const std::string& key) {
  std::ifstream file(path);
  std::string name, rest;
  int64_t value = 0;
  while (file >> name >> value) {
    if (name == key) return value;
    std::getline(file, rest);
  }
  return std::nullopt;
}

/// The files of one version of control groups.
struct GroupFiles {
  const char* controller;  // of the line in /proc/self/cgroup; v2 has none
  const char* mount;
  const char *limit, *usage, *reclaimable;
};

constexpr GroupFiles group_files[] = {
    {"", "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"},
    {"memory", "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "total_inactive_file"}};

/// This process's group under a hierarchy, as /proc/self/cgroup gives it: "id:controllers:path".
std::optional<std::string> group_path(const fs::path& root, const std::string& controller) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controllers == "," + controller + "," ||
        (!controller.empty() && controllers.find("," + controller + ",") != std::string::npos))
      return line.substr(second + 1);
  }
  return std::nullopt;
}

/// Lowers `memory` to what one group allows.
void apply_limit(const fs::path& folder, const GroupFiles& files, MachineMemory& memory) {
  const std::optional<int64_t> limit = number_in(folder / files.limit);
  if (!limit || *limit <= 0 || *limit >= memory.total_bytes) return;
  memory.total_bytes = *limit;
  const int64_t used = number_in(folder / files.usage).value_or(0) -
                       field_in(folder / "memory.stat", files.reclaimable).value_or(0);
  memory.available_bytes =
      std::min(memory.available_bytes, std::max<int64_t>(0, *limit - std::max<int64_t>(0, used)));
}

}  // namespace

MachineMemory machine_memory(const fs::path& root) {
  MachineMemory memory;
  const fs::path meminfo = root / "proc/meminfo";
  memory.total_bytes = field_in(meminfo, "MemTotal:").value_or(0) * 1024;
  memory.available_bytes = field_in(meminfo, "MemAvailable:").value_or(0) * 1024;
  for (const GroupFiles& files : group_files) {
    const std::optional<std::string> path = group_path(root, files.controller);
    if (!path) continue;
    // A limit on any group above binds as well; inside a container the path may not be mounted.
    const fs::path mount = root / files.mount;
    fs::path folder = fs::path(*path).relative_path();
    for (;; folder = folder.parent_path()) {
      apply_limit(mount / folder, files, memory);
      if (folder.empty()) break;
    }
  }
  return memory;
}

}  // namespace deepseek
