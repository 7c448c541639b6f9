// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include "serve/store/database.h"

namespace deepseek::store {

/// Instead of a file: a store that ends with its session.
inline constexpr const char* in_memory = ":memory:";

/// A session of the SQLite file `path` in WAL mode, made (readable for its owner alone) when it is
/// not there. Errors as Connection says.
std::unique_ptr<Connection> open_sqlite(const std::filesystem::path& path, int64_t busy_timeout_ms);

}  // namespace deepseek::store
