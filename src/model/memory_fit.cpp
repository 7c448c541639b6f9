// SPDX-License-Identifier: Apache-2.0
#include "model/memory_fit.h"

#include <chrono>
#include <fstream>
#include <iomanip>

#include "core/file.h"
#include "core/machine_memory.h"
#include "formats/checkpoint.h"

namespace deepseek {
namespace {

/// Bytes a second that reading the start of a checkpoint's file gives now.
double measured_read_rate(const std::filesystem::path& path) {
  constexpr size_t sample_bytes = size_t{32} << 20;
  std::ifstream file(path, std::ios::binary);
  std::string buffer(size_t{1} << 20, '\0');
  const auto start = std::chrono::steady_clock::now();
  size_t done = 0;
  while (done < sample_bytes && file.read(buffer.data(), static_cast<int64_t>(buffer.size())))
    done += buffer.size();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return seconds.count() > 0 ? static_cast<double>(done) / seconds.count() : 0;
}

}  // namespace

int64_t weight_bytes(const CheckpointFiles& files) {
  return files.gguf ? files.gguf->size_bytes() : Checkpoint::open(files.path).size_bytes();
}

Placement choose_placement(const CheckpointFiles& files, const ModelConfig& config,
                           const NoticeSink& notice) {
  const int64_t weights = weight_bytes(files);
  const MachineMemory memory = machine_memory();
  if (weights < memory.available_bytes) return Placement::native;
  if (notice) {
    std::filesystem::path first = files.path;
    if (!files.gguf) first = Checkpoint::open(files.path).shards().front().path();
    const ParameterCount count = count_parameters(config);
    const double per_token = static_cast<double>(weights) * static_cast<double>(count.active) /
                             static_cast<double>(std::max<int64_t>(count.total, 1));
    const double rate = measured_read_rate(first);
    std::ostringstream text;
    text << files.path.string() << ": weights of " << size_text(static_cast<uint64_t>(weights))
         << " do not fit in " << size_text(static_cast<uint64_t>(memory.available_bytes))
         << " of free memory and are read from the file as they are needed: "
         << size_text(static_cast<uint64_t>(per_token)) << " a token";
    if (rate > 0)
      text << ", about " << std::setprecision(2) << per_token / rate << " s a token at "
           << size_text(static_cast<uint64_t>(rate)) << "/s";
    notice(std::move(text).str());
  }
  return Placement::mapped;
}

}  // namespace deepseek
