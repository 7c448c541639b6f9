// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iomanip>
#include <sstream>

#include "cli/machine.h"
#include "cli/verbs/verbs.h"
#include "core/cpu.h"
#include "core/json.h"
#include "core/machine_memory.h"
#include "core/text.h"
#include "core/thread_pool.h"
#include "formats/hub_cache.h"
#include "kernels/families.h"

namespace deepseek::cli {
namespace {

/// Free space where `path` is, or will be.
uint64_t free_bytes(std::filesystem::path path) {
  std::error_code error;
  while (!path.empty() && !std::filesystem::exists(path, error) && path.has_relative_path())
    path = path.parent_path();
  const std::filesystem::space_info space = std::filesystem::space(path, error);
  return error ? 0 : space.available;
}

std::string gigabytes_text(double bytes_per_s) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << bytes_per_s / 1e9 << " GB/s";
  return std::move(out).str();
}

nlohmann::ordered_json examine(int threads) {
  const MachineMemory memory = machine_memory();
  const HubCache cache = HubCache::from_environment();
  nlohmann::ordered_json page;
  page["cpu"] = {{"model", cpu_model_name()},
                 {"found", features_text(hardware_features())},
                 {"used", features_text(cpu_features())}};
  page["threads"] = threads;
  page["memory"] = {{"total_bytes", memory.total_bytes},
                    {"available_bytes", memory.available_bytes}};
  page["bandwidth"] = {{"one_thread_bytes_per_s", memory_read_bandwidth(1)},
                       {"all_threads_bytes_per_s", memory_read_bandwidth(threads)}};
  page["cache"] = {{"path", cache.root().string()},
                   {"models", cache.models().size()},
                   {"free_bytes", free_bytes(cache.root())}};
  page["kernels"] = nlohmann::ordered_json::array();
  for (const kernels::FamilyInfo& family : kernels::kernel_families())
    page["kernels"].push_back(
        {{"family", family.name}, {"variants", family.variants}, {"chosen", family.chosen}});
  return page;
}

}  // namespace

int run_doctor(const Flags& flags, Console& console) {
  const int threads = int(flags.integer("threads").value_or(available_cpus()));
  const nlohmann::ordered_json page = examine(threads);
  if (console.json()) {
    console.line(page.dump());
    return 0;
  }
  const auto row = [&](std::string_view key, const std::string& value) {
    console.line(concat(console.say(concat("doctor.", key)), ": ", value));
  };
  row("cpu", page["cpu"]["model"]);
  row("found", page["cpu"]["found"]);
  row("used", page["cpu"]["used"]);
  row("threads", concat(threads));
  row("memory", console.say("doctor.of", size_text(page["memory"]["available_bytes"]),
                            size_text(page["memory"]["total_bytes"])));
  row("bandwidth_one", gigabytes_text(page["bandwidth"]["one_thread_bytes_per_s"]));
  row("bandwidth_all", gigabytes_text(page["bandwidth"]["all_threads_bytes_per_s"]));
  row("cache", console.say("doctor.cache_value", page["cache"]["path"].get<std::string>(),
                           page["cache"]["models"].dump(), size_text(page["cache"]["free_bytes"])));
  console.line(concat(console.say("doctor.kernels"), ":"));
  for (const nlohmann::ordered_json& family : page["kernels"]) {
    std::string name = family["family"];
    name.resize(std::max<size_t>(24, name.size() + 2), ' ');
    std::string variants;
    for (const std::string variant : family["variants"])
      variants += concat(variants.empty() ? "" : " ", variant);
    console.line(concat("  ", name, family["chosen"].get<std::string>(), "  (", variants, ")"));
  }
  return 0;
}

}  // namespace deepseek::cli
