// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace deepseek {

/// Called with the bytes hashed so far; may throw to stop.
using HashProgress = std::function<void(uint64_t done_bytes)>;

/// SHA-256 of a file's content, 64 lower-case hexadecimal digits.
std::string file_sha256(const std::filesystem::path& path, const HashProgress& progress = {});

/// SHA-256 of `text`, likewise.
std::string text_sha256(std::string_view text);

/// The id git gives the content, SHA-1 over "blob <size>\0" and the bytes: 40 digits.
std::string file_git_id(const std::filesystem::path& path, const HashProgress& progress = {});

}  // namespace deepseek
