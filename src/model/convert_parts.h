// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "model/convert.h"
#include "tensor/tensor.h"

namespace deepseek {

// The two directions of convert(), whose checks of source and destination have been made.
ConvertResult convert_to_gguf(const std::filesystem::path& source,
                              const std::filesystem::path& destination,
                              const ConvertOptions& options);
ConvertResult convert_to_folder(const std::filesystem::path& source,
                                const std::filesystem::path& destination,
                                const ConvertOptions& options);

/// Throws out_of_memory when the disk of `destination` cannot take this many bytes.
void require_space(const std::filesystem::path& destination, int64_t size_bytes);

/// Throws unsupported when a finite value exceeds what F16 holds.
void require_f16(const Tensor& x, const std::filesystem::path& file, const std::string& name);

}  // namespace deepseek
