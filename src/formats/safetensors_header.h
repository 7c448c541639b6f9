// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "formats/safetensors.h"

namespace deepseek {

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the order of their bytes
  std::map<std::string, std::string> metadata;
};

/// Reads and verifies the JSON header of a file whose data section is `data_bytes` long and starts
/// at `data_offset`. What it allocates is bounded by a small multiple of the header's own length.
SafetensorsHeader read_safetensors_header(std::string_view json, int64_t data_offset,
                                          int64_t data_bytes, const std::filesystem::path& path);

}  // namespace deepseek
