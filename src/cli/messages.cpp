// SPDX-License-Identifier: Apache-2.0
#include "cli/messages.h"

#include <cstdlib>

#include "core/error.h"

namespace deepseek::cli {

Language language_of_locale(std::string_view locale) {
  return locale.starts_with("zh") ? Language::zh : Language::en;
}

std::string_view language_code(std::string_view locale) {
  return locale.substr(0, locale.find_first_of("_-.@"));
}

Language language_of_environment() {
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return language_of_locale(value);
  }
  return Language::en;
}

std::string_view message(Language language, std::string_view key) {
  for (const auto table : {help_messages(), notice_messages()})
    for (const MessageRow& row : table)
      if (row.key == key) return language == Language::zh ? row.zh : row.en;
  fail(ErrorKind::internal, "no message '", key, "'");
}

std::string fill_in(std::string_view text, std::span<const std::string> values) {
  std::string filled;
  size_t next = 0;
  while (!text.empty()) {
    const size_t gap = next < values.size() ? text.find("{}") : std::string_view::npos;
    filled += text.substr(0, gap);
    if (gap == std::string_view::npos) break;
    filled += values[next++];
    text.remove_prefix(gap + 2);
  }
  return filled;
}

}  // namespace deepseek::cli
