// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/text.h"

namespace deepseek::cli {

/// Languages of help, prompts and notices. Error messages of libraries are English.
enum class Language { en, zh };

/// The language a locale such as "zh_CN.UTF-8" asks for.
Language language_of_locale(std::string_view locale);
/// "zh" of "zh_CN.UTF-8".
std::string_view language_code(std::string_view locale);
/// LC_ALL, else LC_MESSAGES, else LANG.
Language language_of_environment();

struct MessageRow {
  std::string_view key, en, zh;
};
std::span<const MessageRow> help_messages();
std::span<const MessageRow> notice_messages();

/// The text of `key`. Throws internal when no table has it.
std::string_view message(Language language, std::string_view key);

/// `text` with each {} replaced by the next value.
std::string fill_in(std::string_view text, std::span<const std::string> values);

/// message(key) with each {} replaced by the next of `parts`.
template <class... Parts>
std::string say(Language language, std::string_view key, const Parts&... parts) {
  const std::vector<std::string> values{concat(parts)...};
  return fill_in(message(language, key), values);
}

}  // namespace deepseek::cli
