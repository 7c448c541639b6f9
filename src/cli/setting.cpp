// SPDX-License-Identifier: Apache-2.0
#include "cli/setting.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/text.h"

namespace deepseek::cli {
namespace {

void check_range(const Setting& setting, double value, std::string_view text,
                 std::string_view origin) {
  if (setting.least == 0 && setting.most == 0) return;
  if (value >= setting.least && value <= setting.most) return;
  fail(ErrorKind::invalid_input, origin, ": expected a value from ", setting.least, " to ",
       setting.most, ", got '", text, "'");
}

void check_choice(const Setting& setting, std::string_view text, std::string_view origin) {
  const std::vector<std::string> choices = split_words(setting.choices);
  for (const std::string& choice : choices)
    if (choice == text) return;
  std::string expected;
  for (size_t i = 0; i < choices.size(); ++i)
    expected += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + choices[i];
  fail(ErrorKind::invalid_input, origin, ": expected ", expected, ", got '", text, "'");
}

}  // namespace

const Setting* find_setting(std::string_view name) {
  for (const Setting& setting : settings())
    if (setting.name == name) return &setting;
  return nullptr;
}

std::string variable_name(const Setting& setting) {
  std::string name = "DEEPSEEK_";
  for (const char c : setting.name)
    name += c == '-' ? '_' : c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c;
  return name;
}

void check_value(const Setting& setting, std::string_view text, std::string_view origin) {
  using Kind = Setting::Kind;
  switch (setting.kind) {
    case Kind::boolean:
      parse_boolean(text, origin);
      break;
    case Kind::integer:
      check_range(setting, double(parse_integer(text, origin)), text, origin);
      break;
    case Kind::seed:
      parse_seed(text, origin);
      break;
    case Kind::number:
      check_range(setting, parse_number(text, origin), text, origin);
      break;
    case Kind::size:
      parse_size(text, origin);
      break;
    case Kind::choice:
      check_choice(setting, text, origin);
      break;
    case Kind::path:
      if (text.empty()) fail(ErrorKind::invalid_input, origin, ": expected a path, got nothing");
      break;
    case Kind::text:
    case Kind::list:
      break;
  }
}

bool parse_boolean(std::string_view text, std::string_view origin) {
  if (text == "true" || text == "1" || text == "yes" || text == "on") return true;
  if (text == "false" || text == "0" || text == "no" || text == "off") return false;
  fail(ErrorKind::invalid_input, origin, ": expected true or false, got '", text, "'");
}

int64_t parse_integer(std::string_view text, std::string_view origin) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    fail(ErrorKind::invalid_input, origin, ": expected a whole number, got '", text, "'");
  return value;
}

uint64_t parse_seed(std::string_view text, std::string_view origin) {
  if (text.starts_with('-')) return uint64_t(parse_integer(text, origin));
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    fail(ErrorKind::invalid_input, origin, ": expected a whole number from 0 to ",
         std::numeric_limits<uint64_t>::max(), ", got '", text, "'");
  return value;
}

double parse_number(std::string_view text, std::string_view origin) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    fail(ErrorKind::invalid_input, origin, ": expected a number, got '", text, "'");
  return value;
}

int64_t parse_size(std::string_view text, std::string_view origin) {
  const auto refuse = [&]() {
    fail(ErrorKind::invalid_input, origin,
         ": expected a size such as 1073741824, 512MiB or 1.5G, got '", text, "'");
  };
  double value = 0;
  const char* const first = text.data();
  const char* const last = first + text.size();
  const auto [end, error] = std::from_chars(first, last, value);
  if (error != std::errc() || !std::isfinite(value) || value < 0) refuse();
  const std::string_view unit(end, size_t(last - end));
  constexpr std::string_view letters = "KMGT";
  if (!unit.empty() && unit != "B") {
    const size_t power = letters.find(unit[0] >= 'a' ? char(unit[0] - 'a' + 'A') : unit[0]);
    const std::string_view rest = unit.substr(1);
    if (power == std::string_view::npos || (!rest.empty() && rest != "iB" && rest != "B")) refuse();
    value *= std::pow(1024.0, double(power + 1));
  }
  if (value > double(std::numeric_limits<int64_t>::max()) / 2) refuse();
  return int64_t(value);
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const size_t end = text.find(' ');
    if (end != 0) words.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return words;
}

}  // namespace deepseek::cli
