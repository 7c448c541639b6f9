// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace deepseek::cli {

/// One row of the schema that flags, DEEPSEEK_* variables and config.yaml share.
struct Setting {
  enum class Kind { boolean, integer, seed, number, size, text, path, choice, list };
  /// `call`: what one call is about, a flag alone. `lasting`: also a variable and a key of
  /// config.yaml. `start`: a flag and a variable, settled before config.yaml is read.
  enum class Scope { call, lasting, start };

  std::string_view name;   // of the flag, after "--"; a message "flag.<name>" describes it
  std::string_view value;  // what help calls its value; empty for booleans
  Kind kind = Kind::text;
  Scope scope = Scope::call;
  std::string_view default_text = {};  // empty: the verb or the model decides
  double least = 0, most = 0;          // of integer and number; both 0: any
  std::string_view choices = {};       // of choice: "en zh"
};

std::span<const Setting> settings();
/// Null when there is none of that name.
const Setting* find_setting(std::string_view name);

/// "DEEPSEEK_CACHE_BYTES" for cache-bytes.
std::string variable_name(const Setting& setting);

/// Throws invalid_input when `text` is no value of the setting; `origin` ("--threads",
/// "DEEPSEEK_THREADS") begins the message.
void check_value(const Setting& setting, std::string_view text, std::string_view origin);

bool parse_boolean(std::string_view text, std::string_view origin);
int64_t parse_integer(std::string_view text, std::string_view origin);
/// 0 to 2^64 - 1; a negative number counts from 2^64 downwards.
uint64_t parse_seed(std::string_view text, std::string_view origin);
double parse_number(std::string_view text, std::string_view origin);
/// "4096", "512M", "2GiB"; K, M, G, T are powers of 1024.
int64_t parse_size(std::string_view text, std::string_view origin);

/// The words of `text` between blanks.
std::vector<std::string> split_words(std::string_view text);

}  // namespace deepseek::cli
