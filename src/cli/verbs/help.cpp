// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <array>

#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

namespace deepseek::cli {
namespace {

constexpr std::array kinds{ErrorKind::internal,  ErrorKind::invalid_input, ErrorKind::bad_file,
                           ErrorKind::not_found, ErrorKind::unsupported,   ErrorKind::out_of_memory,
                           ErrorKind::network,   ErrorKind::busy,          ErrorKind::interrupted};

void print_exit_codes(Console& console) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  const auto add = [&](int code, std::string_view name) {
    const std::string meaning = console.say(concat("exit.", name));
    if (console.json())
      rows.push_back({{"exit_code", code}, {"kind", name}, {"meaning", meaning}});
    else
      console.line(concat(code < 10 ? "  " : code < 100 ? " " : "", code, "  ", meaning));
  };
  add(0, "done");
  for (const ErrorKind kind : kinds) add(exit_code(kind), error_kind_name(kind));
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
    name.resize(std::max<size_t>(12, name.size() + 2), ' ');
    if (console.json())
      rows.push_back({{"verb", command.name}, {"summary", summary}});
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

}  // namespace

int run_help(const Flags& flags, Console& console) {
  const auto topic = flags.argument("VERB");
  if (!topic)
    print_verbs(console);
  else if (*topic == "exit-codes")
    print_exit_codes(console);
  else
    print_help(find_command(*topic), console);
  return 0;
}

}  // namespace deepseek::cli
