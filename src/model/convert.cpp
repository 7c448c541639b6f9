// SPDX-License-Identifier: Apache-2.0
#include "model/convert.h"

#include <cmath>

#include "core/error.h"
#include "model/convert_parts.h"

namespace deepseek {

namespace fs = std::filesystem;

void require_space(const fs::path& destination, int64_t size_bytes) {
  std::error_code error;
  const fs::path folder = fs::absolute(destination, error).parent_path();
  const fs::space_info space = fs::space(folder, error);
  if (!error && space.available < static_cast<uintmax_t>(size_bytes))
    fail(ErrorKind::out_of_memory, destination.string(), ": expected ",
         size_text(static_cast<uint64_t>(size_bytes)), " of disk space, got ",
         size_text(space.available), "; free some or choose a smaller type");
}

void require_f16(const Tensor& x, const fs::path& file, const std::string& name) {
  constexpr float largest = 65504;
  for (const float value : x.values())
    if (std::isfinite(value) && std::abs(value) > largest)
      fail(ErrorKind::unsupported, file.string(), ": tensor ", name,
           ": expected values within F16's ", largest, ", got ", value, "; convert to BF16");
}

ConvertResult convert(const fs::path& source, const fs::path& destination,
                      const ConvertOptions& options) {
  if (!fs::exists(source))
    fail(ErrorKind::not_found, source.string(),
         ": no such file or folder; expected a Hugging Face folder or a GGUF file");
  std::error_code error;
  if (fs::equivalent(source, destination, error))
    fail(ErrorKind::invalid_input, destination.string(),
         ": source and destination are the same; name another destination");
  const bool to_file = !fs::is_directory(destination) &&
                       (fs::exists(destination) || destination.extension() == ".gguf");
  if (!fs::is_directory(source) && to_file)
    fail(ErrorKind::invalid_input, destination.string(),
         ": expected the name of a folder, got that of a file; a GGUF file becomes a Hugging Face "
         "folder, not another GGUF file");
  const bool empty_folder = fs::is_directory(destination) && fs::is_empty(destination);
  if (fs::exists(destination) && !options.force && !empty_folder)
    fail(ErrorKind::invalid_input, destination.string(),
         ": exists already; remove it, name another destination, or replace it with --force");
  return fs::is_directory(source) ? convert_to_gguf(source, destination, options)
                                  : convert_to_folder(source, destination, options);
}

}  // namespace deepseek
