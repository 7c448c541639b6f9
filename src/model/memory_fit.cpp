// SPDX-License-Identifier: Apache-2.0
#include "model/memory_fit.h"

#include <chrono>
#include <fstream>
#include <iomanip>

#include "core/file.h"
#include "core/machine_memory.h"
#include "formats/checkpoint.h"

namespace deepseek {

double measured_read_rate(const CheckpointFiles& files) {
  constexpr size_t sample_bytes = size_t{32} << 20;
  const std::filesystem::path path =
      files.gguf ? files.path : Checkpoint::open(files.path).shards().front().path();
  std::ifstream file(path, std::ios::binary);
  std::string buffer(size_t{1} << 20, '\0');
  const auto start = std::chrono::steady_clock::now();
  size_t done = 0;
  while (done < sample_bytes && file.read(buffer.data(), static_cast<int64_t>(buffer.size())))
    done += buffer.size();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return seconds.count() > 0 ? static_cast<double>(done) / seconds.count() : 0;
}

Placement placement_within(int64_t native_bytes, int64_t available_bytes) {
  return native_bytes < available_bytes ? Placement::native : Placement::mapped;
}

Placement choose_placement(const CheckpointFiles& files, const ModelConfig& config,
                           const NoticeSink& notice) {
  const int64_t weights = account_weights(files, config, Placement::native).bytes();
  const MachineMemory memory = machine_memory();
  const Placement placement = placement_within(weights, memory.available_bytes);
  if (placement == Placement::native || !notice) return placement;
  const double per_token =
      bytes_read_per_token(account_weights(files, config, Placement::mapped), config);
  const double rate = measured_read_rate(files);
  std::ostringstream text;
  text << files.path.string() << ": weights of " << size_text(static_cast<uint64_t>(weights))
       << " do not fit in " << size_text(static_cast<uint64_t>(memory.available_bytes))
       << " of free memory and are read from the file as they are needed: "
       << size_text(static_cast<uint64_t>(per_token)) << " a token";
  if (rate > 0)
    text << ", about " << std::setprecision(2) << per_token / rate << " s a token at "
         << size_text(static_cast<uint64_t>(rate)) << "/s";
  notice(std::move(text).str());
  return placement;
}

}  // namespace deepseek
