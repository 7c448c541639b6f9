// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

namespace deepseek::cli {
namespace {

constexpr std::array kinds{ErrorKind::internal,  ErrorKind::invalid_input, ErrorKind::bad_file,
                           ErrorKind::not_found, ErrorKind::unsupported,   ErrorKind::out_of_memory,
                           ErrorKind::network,   ErrorKind::busy,          ErrorKind::interrupted};

std::string usage_of(const Command& command) {
  std::string usage = concat("deepseek ", command.name);
  if (!command.arguments.empty()) usage += concat(" ", command.arguments);
  return usage + " [flags]";
}

std::string spelling_of(const Setting& setting) {
  return setting.value.empty() ? flag_of(setting) : concat(flag_of(setting), " ", setting.value);
}

void print_json(const Command& command, Console& console) {
  nlohmann::ordered_json page;
  page["verb"] = command.name;
  page["aliases"] = aliases_of(command);
  page["usage"] = usage_of(command);
  page["summary"] = console.say(concat("verb.", command.name));
  page["about"] = console.say(concat("verb.", command.name, ".about"));
  page["flags"] = nlohmann::ordered_json::array();
  for (const std::string_view name : flag_names(command)) {
    const Setting& setting = *find_setting(name);
    page["flags"].push_back(
        {{"flag", spelling_of(setting)}, {"about", description_of(setting, console.language())}});
  }
  page["examples"] = lines_of(command.examples);
  console.line(page.dump());
}

}  // namespace

std::string flag_of(const Setting& setting) {
  if (setting.name == "help") return "-h, --help";
  const bool negated = setting.kind == Setting::Kind::boolean && setting.default_text == "true";
  return concat(negated ? "--no-" : "--", setting.name);
}

std::string description_of(const Setting& setting, Language language) {
  std::string text = say(language, concat("flag.", setting.name));
  if (setting.kind == Setting::Kind::choice) {
    std::string choices(setting.choices);
    std::replace(choices.begin(), choices.end(), ' ', '|');
    text += concat(" (", choices, ")");
  }
  if (!setting.default_text.empty() && setting.kind != Setting::Kind::boolean)
    text += concat(" [", setting.default_text, "]");
  return text;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::span<const ExitCode> exit_codes() {
  static const std::vector<ExitCode> rows = [] {
    std::vector<ExitCode> made{{0, "done"}};
    for (const ErrorKind kind : kinds) made.push_back({exit_code(kind), error_kind_name(kind)});
    return made;
  }();
  return rows;
}

void print_help(const Command& command, Console& console) {
  if (console.json()) return print_json(command, console);
  console.line(console.say("help.usage", usage_of(command)));
  console.line("");
  console.line(console.say(concat("verb.", command.name, ".about")));
  if (!command.alias.empty()) console.line(console.say("help.alias", command.alias));
  console.line("");
  console.line(console.say("help.flags"));
  for (const std::string_view name : flag_names(command)) {
    const Setting& setting = *find_setting(name);
    std::string spelled = spelling_of(setting);
    spelled.resize(std::max<size_t>(24, spelled.size() + 2), ' ');
    console.line(concat("  ", spelled, description_of(setting, console.language())));
  }
  console.line("");
  console.line(console.say("help.examples"));
  for (const std::string& example : lines_of(command.examples)) console.line("  " + example);
}

}  // namespace deepseek::cli
