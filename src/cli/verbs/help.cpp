// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <optional>

#include "cli/man_page.h"
#include "cli/verbs/verbs.h"
#include "core/json.h"
#include "core/text.h"

namespace deepseek::cli {
namespace {

void print_exit_codes(Console& console) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const auto& [code, name] : exit_codes()) {
    const std::string meaning = console.say(concat("exit.", name));
    if (console.json())
      rows.push_back({{"exit_code", code}, {"kind", name}, {"meaning", meaning}});
    else
      console.line(concat(code < 10 ? "  " : code < 100 ? " " : "", code, "  ", meaning));
  }
  if (console.json()) console.line(nlohmann::ordered_json{{"exit_codes", rows}}.dump());
}

void print_verbs(Console& console) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  if (!console.json()) {
    console.line(console.say("help.usage", "deepseek VERB [MODEL] [flags]"));
    console.line("");
    console.line(console.say("help.verbs"));
  }
  for (const Command& command : commands()) {
    const std::string summary = console.say(concat("verb.", command.name));
    std::string name(command.name);
    for (const std::string_view alias : aliases_of(command)) name += concat(", ", alias);
    name.resize(std::max<size_t>(12, name.size() + 2), ' ');
    if (console.json())
      rows.push_back(
          {{"verb", command.name}, {"aliases", aliases_of(command)}, {"summary", summary}});
    else
      console.line(concat("  ", name, summary));
  }
  if (console.json()) {
    console.line(nlohmann::ordered_json{{"verbs", rows}}.dump());
    return;
  }
  console.line("");
  console.line(console.say("help.more"));
}

void print_man_page(const std::optional<std::string>& topic, Console& console) {
  const Language language = console.language();
  const Command* const command = topic ? &find_command(*topic) : nullptr;
  const std::string page =
      command == nullptr ? program_man_page(language) : verb_man_page(*command, language);
  if (!console.json()) return console.write(page);
  nlohmann::ordered_json reply = {{"page", page}};
  reply["verb"] = command == nullptr ? nlohmann::ordered_json() : command->name;
  console.line(reply.dump());
}

}  // namespace

int run_help(const Flags& flags, Console& console) {
  const auto topic = flags.argument("VERB");
  if (flags.on("man"))
    print_man_page(topic, console);
  else if (!topic)
    print_verbs(console);
  else if (*topic == "exit-codes")
    print_exit_codes(console);
  else
    print_help(find_command(*topic), console);
  return 0;
}

}  // namespace deepseek::cli
