// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace deepseek::store {

// Money is a whole number of micro-units (millionths) of a currency; no double is near it.
inline constexpr int64_t micro_per_unit = 1'000'000;
/// Larger amounts are refused, so that sums of any two fit.
inline constexpr int64_t largest_micro = int64_t{1} << 60;
/// Larger counts of tokens are refused, for the same reason.
inline constexpr int64_t largest_token_count = int64_t{1} << 40;
inline constexpr int64_t largest_price_micro = int64_t{1} << 40;

/// "5", "0.0028", "-12.50" to micro-units, exactly. Throws invalid_input, beginning with `origin`,
/// for anything else and for more than six decimals.
int64_t parse_money(std::string_view text, std::string_view origin);

/// "5.00", "0.0028", "-12.50": two decimals, or as many as the amount has.
std::string money_text(int64_t micro);

/// An ISO 4217 code such as USD or CNY. Throws invalid_input beginning with `origin`.
void check_currency(std::string_view text, std::string_view origin);

/// Micro-units for a million tokens of each kind.
struct TokenPrice {
  int64_t hit = 0;   // prompt tokens found in the context cache
  int64_t miss = 0;  // other prompt tokens
  int64_t output = 0;
};

struct TokenCounts {
  int64_t hit = 0, miss = 0, output = 0;
};

/// What the tokens cost in micro-units: the exact sum, rounded up once to a whole micro-unit.
/// Rounding up keeps a charge within a reservation made of larger counts, and nothing that has a
/// price free. Throws internal for counts or prices that are negative or past the limits above.
int64_t cost_micro(const TokenPrice& price, const TokenCounts& tokens);

}  // namespace deepseek::store
