// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/flags.h"
#include "serve/store/database.h"

namespace deepseek::cli {

/// Where --data-path and --store-url say the store is.
store::StoreLocation store_location(const Flags& flags);

/// The store as it is: not_found when nothing was ever kept there.
store::StoreLocation existing_store_location(const Flags& flags);

/// A URL as it may be shown: what follows the user's name up to the last @ becomes ***.
std::string without_password(const std::string& url);

/// "30d", "12h", "2027-01-31" (the end of that day in UTC) or "never" to a time. Throws
/// invalid_input.
std::optional<int64_t> parse_expiry(std::string_view text, int64_t now_ms);

/// "2027-01-31 23:59" in UTC.
std::string time_text(int64_t time_ms);

}  // namespace deepseek::cli
