// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace deepseek::testing {

/// Writes a self-signed certificate of `name` and its key as PEM.
void write_certificate(const std::filesystem::path& certificate, const std::filesystem::path& key,
                       const std::string& name);

}  // namespace deepseek::testing
