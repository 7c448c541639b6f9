// SPDX-License-Identifier: Apache-2.0
#include "cli/flags.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>

#include "cli/config_file.h"
#include "cli/messages.h"
#include "core/error.h"
#include "core/text.h"

namespace deepseek::cli {
namespace {

struct ArgumentName {
  std::string name;
  bool may_be_absent;
  bool many;
};

constexpr std::string_view ellipsis = "…";
constexpr int most_arguments = 1000;

std::vector<ArgumentName> argument_names(const Command& command) {
  std::vector<ArgumentName> names;
  for (const std::string& word : split_words(command.arguments)) {
    const bool bracketed = word.starts_with('[');
    std::string name = bracketed ? word.substr(1, word.size() - 2) : word;
    const bool many = name.ends_with(ellipsis);
    if (many) name.resize(name.size() - ellipsis.size());
    names.push_back({std::move(name), bracketed, many});
  }
  return names;
}

[[noreturn]] void refuse_extra(const Command& command, const std::string& extra) {
  if (!extra.starts_with("-"))
    fail(ErrorKind::invalid_input, command.name, ": unexpected argument '", extra,
         "'; see 'deepseek help ", command.name, "'");
  std::vector<std::string> known;
  for (const std::string_view name : flag_names(command)) known.push_back(concat("--", name));
  const std::string flag = extra.substr(0, extra.find('='));
  if (std::ranges::find(known, flag) != known.end())
    fail(ErrorKind::invalid_input, command.name, ": ", flag,
         " stands behind '--', where flags end; put it before; see 'deepseek help ", command.name,
         "'");
  const std::string_view nearest = nearest_name(flag, known);
  const std::string hint = nearest.empty() ? "" : concat("did you mean ", nearest, "? ");
  fail(ErrorKind::invalid_input, command.name, ": unknown flag '", flag, "'; ", hint,
       "see 'deepseek help ", command.name, "'");
}

/// "zh" of zh_CN.UTF-8; what names no language there is, as it is.
std::string known_language_of(const std::string& locale) {
  const std::string code(language_code(locale));
  const std::vector<std::string> known = split_words(find_setting("lang")->choices);
  return std::ranges::find(known, code) == known.end() ? locale : code;
}

}  // namespace

Flags Flags::parse(const Command& command, std::span<const std::string_view> arguments) {
  Flags flags;
  flags.read_command_line(command, arguments);
  flags.read_environment();
  if (command.reads_config && !flags.on("help")) flags.read_config_file();
  return flags;
}

void Flags::read_command_line(const Command& command, std::span<const std::string_view> arguments) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  const auto accept = [](const CLI::results_t&) { return true; };
  std::map<std::string, CLI::Option*> options;
  for (const std::string_view name : flag_names(command)) {
    const Setting* setting = find_setting(name);
    if (setting == nullptr) fail(ErrorKind::internal, "no setting '", name, "'");
    const std::string key(name);
    if (setting->kind == Setting::Kind::boolean) {
      const std::string spelled = key == "help" ? "-h,--help" : concat("--", key);
      options[key] = app.add_flag(spelled);
      options["no-" + key] = app.add_flag(concat("--no-", key));
    } else {
      options[key] = app.add_option(concat("--", key), accept);
      options[key]
          ->expected(1)
          ->type_name(std::string(setting->value))
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
  }
  const std::vector<ArgumentName> names = argument_names(command);
  for (const ArgumentName& name : names) {
    options[name.name] = app.add_option(name.name, accept);
    if (name.many) options[name.name]->expected(1, most_arguments)->allow_extra_args();
  }

  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::Error& error) {
    fail(ErrorKind::invalid_input, command.name, ": ", error.what(), "; see 'deepseek help ",
         command.name, "'");
  }
  const std::vector<std::string> extras = app.remaining();
  for (const std::string& extra : extras)
    if (extra.starts_with("-") && extra != "--") refuse_extra(command, extra);
  if (!extras.empty()) refuse_extra(command, extras.front());

  for (const auto& [key, option] : options) {
    if (option->count() == 0) continue;
    const std::string name = key.starts_with("no-") ? key.substr(3) : key;
    const Setting* setting = find_setting(name);
    if (setting == nullptr) {
      arguments_[key] = option->results();
      continue;
    }
    const std::string place = concat("--", key);
    std::vector<std::string> texts = option->results();
    if (setting->kind == Setting::Kind::boolean)
      texts = {parse_boolean(texts.back(), place) == (name == key) ? "true" : "false"};
    if (setting->kind != Setting::Kind::list && texts.size() > 1)
      fail(ErrorKind::invalid_input, place, ": given ", texts.size(), " times; give it once");
    for (const std::string& text : texts) check_value(*setting, text, place);
    values_[name] = {std::move(texts), Origin::flag, place};
  }
  if (on("help")) return;
  for (const ArgumentName& name : names)
    if (!name.may_be_absent && !arguments_.contains(name.name))
      fail(ErrorKind::invalid_input, command.name, ": ", name.name,
           " is missing; see 'deepseek help ", command.name, "'");
}

void Flags::read_environment() {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view pair = *entry;
    if (!pair.starts_with("DEEPSEEK_")) continue;
    const std::string variable(pair.substr(0, pair.find('=')));
    std::string text(pair.substr(std::min(pair.size(), variable.size() + 1)));
    const Setting* setting = nullptr;
    for (const Setting& row : settings())
      if (row.scope != Setting::Scope::call && variable_name(row) == variable) setting = &row;
    if (setting == nullptr) {
      ignored_variables_.push_back(variable);
    } else if (!text.empty() && !values_.contains(setting->name)) {
      if (setting->name == "lang") text = known_language_of(text);
      check_value(*setting, text, variable);
      values_[std::string(setting->name)] = {{text}, Origin::environment, variable};
    }
  }
}

void Flags::read_config_file() {
  config_file_ = find_config_file(text("config"));
  if (!config_file_) return;
  for (const ConfigEntry& entry : read_config(*config_file_)) {
    if (values_.contains(entry.setting->name)) continue;
    values_[std::string(entry.setting->name)] = {
        {entry.text}, Origin::file, concat(config_file_->string(), ":", entry.line)};
  }
}

std::optional<std::string> Flags::argument(std::string_view name) const {
  const auto found = arguments_.find(name);
  if (found == arguments_.end()) return std::nullopt;
  return found->second.front();
}

std::string Flags::required_argument(std::string_view name) const {
  const auto found = arguments_.find(name);
  if (found == arguments_.end()) fail(ErrorKind::invalid_input, name, " is missing");
  return found->second.front();
}

std::vector<std::string> Flags::arguments(std::string_view name) const {
  const auto found = arguments_.find(name);
  return found == arguments_.end() ? std::vector<std::string>() : found->second;
}

const Flags::Value* Flags::find(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

void Flags::refuse_idle(std::string_view name, bool used, std::string_view partner) const {
  const Value* value = find(name);
  if (used || value == nullptr || value->origin != Origin::flag) return;
  fail(ErrorKind::invalid_input, value->place, ": does nothing without ", partner,
       "; add it or leave ", value->place, " out");
}

std::optional<std::string> Flags::text(std::string_view name) const {
  if (const Value* value = find(name)) return value->texts.front();
  const Setting* setting = find_setting(name);
  if (setting == nullptr) fail(ErrorKind::internal, "no setting '", name, "'");
  if (setting->default_text.empty()) return std::nullopt;
  return std::string(setting->default_text);
}

bool Flags::on(std::string_view name) const {
  const auto value = text(name);
  return value && parse_boolean(*value, name);
}

std::optional<int64_t> Flags::integer(std::string_view name) const {
  const auto value = text(name);
  if (!value) return std::nullopt;
  return parse_integer(*value, name);
}

std::optional<double> Flags::number(std::string_view name) const {
  const auto value = text(name);
  if (!value) return std::nullopt;
  return parse_number(*value, name);
}

std::optional<int64_t> Flags::size_bytes(std::string_view name) const {
  const auto value = text(name);
  if (!value) return std::nullopt;
  return parse_size(*value, name);
}

std::vector<std::string> Flags::list(std::string_view name) const {
  const Value* value = find(name);
  return value == nullptr ? std::vector<std::string>{} : value->texts;
}

}  // namespace deepseek::cli
