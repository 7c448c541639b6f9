// SPDX-License-Identifier: Apache-2.0
#include "tests/support/shared_data.h"

#include <zstd.h>

#include <cstdlib>
#include <stdexcept>

#include "core/file.h"

namespace deepseek::testing {

std::optional<std::filesystem::path> shared_folder() {
  const char* set = std::getenv("DEEPSEEK_SHARED");
  std::filesystem::path path =
      set != nullptr ? set : std::filesystem::path(DEEPSEEK_SOURCE_DIR).parent_path() / "shared";
  if (!std::filesystem::is_directory(path)) return std::nullopt;
  return path;
}

std::string read_data(const std::filesystem::path& path) {
  std::string packed = read_text_file(path);
  if (path.extension() != ".zst") return packed;
  const auto stream = ZSTD_createDStream();
  std::string text;
  std::string chunk(ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  while (in.pos < in.size) {
    ZSTD_outBuffer out{chunk.data(), chunk.size(), 0};
    const size_t status = ZSTD_decompressStream(stream, &out, &in);
    if (ZSTD_isError(status)) {
      ZSTD_freeDStream(stream);
      throw std::runtime_error(path.string() + ": " + ZSTD_getErrorName(status));
    }
    text.append(chunk.data(), out.pos);
  }
  ZSTD_freeDStream(stream);
  return text;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace deepseek::testing
