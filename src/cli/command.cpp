// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>

#include "cli/console.h"
#include "cli/flags.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/setting.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

namespace deepseek::cli {
namespace {

constexpr std::string_view please_report = "; this is a bug in deepseek, please report it";
constexpr size_t longest_message_bytes = 4000;
constexpr std::string_view common_flags = "json lang config help";

Language language_from(const Flags& flags) {
  if (const auto chosen = flags.text("lang")) return *chosen == "zh" ? Language::zh : Language::en;
  return language_of_environment();
}

/// --cpu and `cpu:` act through the variable, which is read when a kernel is first chosen.
void apply_cpu_level(const Flags& flags) {
  if (const auto level = flags.text("cpu")) ::setenv("DEEPSEEK_CPU", level->c_str(), 1);
}

/// Whether errors are JSON, before the flags could be read.
bool asks_for_json(std::span<const std::string_view> words) {
  const auto is = [](std::string_view word) { return word == "--json" || word == "--json=true"; };
  if (std::ranges::any_of(words, is)) return true;
  const char* variable = std::getenv(variable_name(*find_setting("json")).c_str());
  return variable != nullptr &&
         (variable == std::string_view("1") || variable == std::string_view("true"));
}

/// How errors are said: what the words and variables promise until the flags could be read.
struct ErrorStyle {
  bool as_json;
  Language language;
};

ErrorStyle guessed_style(std::span<const std::string_view> words) {
  ErrorStyle style{asks_for_json(words), language_of_environment()};
  const char* variable = std::getenv(variable_name(*find_setting("lang")).c_str());
  if (variable != nullptr && *variable != '\0')
    style.language = language_code(variable) == "zh" ? Language::zh : Language::en;
  for (size_t i = 0; i < words.size(); ++i) {
    const bool split = words[i] == "--lang" && i + 1 < words.size();
    if (split || words[i].starts_with("--lang="))
      style.language =
          (split ? words[i + 1] : words[i].substr(7)) == "zh" ? Language::zh : Language::en;
  }
  return style;
}

/// `style` becomes what the flags say.
int run_verb(std::span<const std::string_view> arguments, ErrorStyle& style) {
  const Command& command = find_command(arguments.front());
  const Flags flags = Flags::parse(command, arguments.subspan(1));
  style = {flags.on("json"), language_from(flags)};
  Console console(style.language, style.as_json);
  apply_cpu_level(flags);
  int code = 0;
  if (flags.on("help"))
    print_help(command, console);
  else
    code = command.run(flags, console);
  console.flush();
  return code;
}

/// Messages are English, as bug reports and searches want them; in Chinese their kind and what to
/// do about it stand around them.
int report(ErrorKind kind, std::string_view message, const ErrorStyle& style) {
  Console console(style.language, style.as_json);
  const int code = exit_code(kind);
  if (!style.as_json) {
    console.notice(console.say(concat("error.", error_kind_name(kind)),
                               printable(message, longest_message_bytes)));
    return code;
  }
  const nlohmann::ordered_json error = {{"error",
                                         {{"kind", error_kind_name(kind)},
                                          {"message", printable(message, longest_message_bytes)},
                                          {"exit_code", code}}}};
  console.error_line(error.dump());
  return code;
}

}  // namespace

const Command& find_command(std::string_view name) {
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    for (const std::string_view known : command_names(command)) {
      if (known == name) return command;
      names.emplace_back(known);
    }
  }
  if (name.starts_with('-'))
    fail(ErrorKind::invalid_input, "expected a verb before ", name, ", as in 'deepseek VERB ", name,
         "'; see 'deepseek help'");
  const std::string_view nearest = nearest_name(name, names);
  const std::string hint = nearest.empty() ? "" : concat("did you mean ", nearest, "? ");
  fail(ErrorKind::invalid_input, "unknown verb '", name, "'; ", hint, "see 'deepseek help'");
}

std::vector<std::string_view> command_names(const Command& command) {
  std::vector<std::string_view> names = aliases_of(command);
  names.insert(names.begin(), command.name);
  return names;
}

std::vector<std::string_view> aliases_of(const Command& command) {
  if (command.alias.empty()) return {};
  return {command.alias};
}

std::vector<std::string_view> flag_names(const Command& command) {
  std::vector<std::string_view> names;
  for (const std::string_view list : {command.flags, common_flags})
    for (const std::string& word : split_words(list))
      if (const Setting* setting = find_setting(word)) names.push_back(setting->name);
  return names;
}

int run_command_line(std::span<const std::string_view> arguments) {
  std::vector<std::string_view> words(arguments.begin(), arguments.end());
  if (words.empty()) words.push_back("help");
  if (words.front() == "-h" || words.front() == "--help") words.front() = "help";
  if (words.front() == "--version") words.front() = "version";
  ErrorStyle style = guessed_style(words);
  try {
    return run_verb(words, style);
  } catch (const OutputClosed&) {
    return 0;
  } catch (const Error& error) {
    const bool ours = error.kind() == ErrorKind::internal;
    return report(error.kind(), concat(error.what(), ours ? please_report : ""), style);
  } catch (const std::bad_alloc&) {
    return report(ErrorKind::out_of_memory,
                  "out of memory; a smaller --ctx or --cache-bytes needs less", style);
  } catch (const std::exception& error) {
    return report(ErrorKind::internal, concat(error.what(), please_report), style);
  }
}

}  // namespace deepseek::cli
