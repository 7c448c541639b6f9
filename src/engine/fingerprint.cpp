// SPDX-License-Identifier: Apache-2.0
#include "engine/fingerprint.h"

#include <algorithm>
#include <fstream>
#include <vector>

#include "core/text.h"
#include "deepseek/deepseek.h"
#include "engine/page_key.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;

/// Raised by whoever changes a bit of what a forward pass leaves in the cache.
constexpr int arithmetic_version = 1;

constexpr std::streamoff sample_bytes = 4096, samples = 16;

void describe(const fs::path& path, std::string& text) {
  std::error_code error;
  const auto size = static_cast<std::streamoff>(fs::file_size(path, error));
  if (error) return;
  const auto changed = fs::last_write_time(path, error).time_since_epoch().count();
  text += concat(path.filename().string(), '\0', size, '\0', changed, '\0');
  std::ifstream file(path, std::ios::binary);
  std::vector<char> sample(static_cast<size_t>(sample_bytes));
  for (std::streamoff i = 0; i < samples; ++i) {
    file.seekg(std::max<std::streamoff>(0, size - sample_bytes) / (samples - 1) * i);
    file.read(sample.data(), sample_bytes);
    text.append(sample.data(), static_cast<size_t>(file.gcount()));
    file.clear();
  }
}

void describe_all(const fs::path& path, std::string& text) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return describe(path, text);
  std::vector<fs::path> files;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error))
    if (it->is_regular_file(error)) files.push_back(it->path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) describe(file, text);
}

}  // namespace

std::string model_fingerprint(const fs::path& checkpoint, const std::optional<fs::path>& adapter,
                              std::string_view arithmetic) {
  std::string text = concat(version(), '\0', arithmetic_version, '\0', arithmetic, '\0');
  describe_all(checkpoint, text);
  text += concat('\0', adapter.has_value(), '\0');
  if (adapter) describe_all(*adapter, text);
  return hex(sha256(std::as_bytes(std::span(text.data(), text.size()))));
}

}  // namespace deepseek
