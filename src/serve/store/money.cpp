// SPDX-License-Identifier: Apache-2.0
#include "serve/store/money.h"

#include <algorithm>

#include "core/error.h"

namespace deepseek::store {
namespace {

__extension__ using Wide = __int128;  // an exact sum of products of two bounded numbers

[[noreturn]] void refuse(std::string_view origin, std::string_view text) {
  fail(ErrorKind::invalid_input, origin,
       ": expected an amount of at most six decimals, such as 5 or 0.0028, got '",
       printable(text, 60), "'");
}

bool within(int64_t value, int64_t most) { return value >= 0 && value <= most; }

}  // namespace

int64_t parse_money(std::string_view text, std::string_view origin) {
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative) rest.remove_prefix(1);
  const size_t point = rest.find('.');
  const std::string_view whole = rest.substr(0, point);
  const std::string_view decimals = point == rest.npos ? "" : rest.substr(point + 1);
  if (whole.empty() || (point != rest.npos && decimals.empty()) || decimals.size() > 6)
    refuse(origin, text);
  int64_t micro = 0;
  const auto add_digit = [&](char c) {
    if (c < '0' || c > '9') refuse(origin, text);
    if (micro > largest_micro / 10) refuse(origin, text);
    micro = micro * 10 + (c - '0');
  };
  for (const char c : whole) add_digit(c);
  for (size_t i = 0; i < 6; ++i) add_digit(i < decimals.size() ? decimals[i] : '0');
  if (micro > largest_micro) refuse(origin, text);
  return negative ? -micro : micro;
}

std::string money_text(int64_t micro) {
  const uint64_t size = micro < 0 ? uint64_t(0) - uint64_t(micro) : uint64_t(micro);
  std::string decimals = std::to_string(size % micro_per_unit);
  decimals.insert(0, 6 - decimals.size(), '0');
  while (decimals.size() > 2 && decimals.back() == '0') decimals.pop_back();
  return concat(micro < 0 ? "-" : "", size / micro_per_unit, ".", decimals);
}

void check_currency(std::string_view text, std::string_view origin) {
  const auto capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (text.size() != 3 || !std::all_of(text.begin(), text.end(), capital))
    fail(ErrorKind::invalid_input, origin, ": expected a currency such as USD or CNY, got '",
         printable(text, 20), "'");
}

int64_t cost_micro(const TokenPrice& price, const TokenCounts& tokens) {
  for (const int64_t value : {price.hit, price.miss, price.output})
    if (!within(value, largest_price_micro))
      fail(ErrorKind::internal, "price of ", value, " micro-units is out of range");
  for (const int64_t value : {tokens.hit, tokens.miss, tokens.output})
    if (!within(value, largest_token_count))
      fail(ErrorKind::internal, "count of ", value, " tokens is out of range");
  const Wide sum = Wide(price.hit) * tokens.hit + Wide(price.miss) * tokens.miss +
                   Wide(price.output) * tokens.output;
  const Wide cost = (sum + (micro_per_unit - 1)) / micro_per_unit;
  return int64_t(std::min<Wide>(cost, largest_micro));
}

}  // namespace deepseek::store
