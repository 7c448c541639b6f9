// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "serve/store/database.h"

namespace deepseek::store {

/// A session with a PostgreSQL server (12 or later) by its connection URL, as libpq reads it.
/// Writers take turns by an advisory lock, so that both back ends have one writer at a time. A lost
/// session is opened anew for the next call. Errors as Connection says.
std::unique_ptr<Connection> open_postgres(const std::string& url, int64_t busy_timeout_ms);

}  // namespace deepseek::store
