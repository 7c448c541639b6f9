// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cli/store_flags.h"
#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

namespace deepseek::cli {
namespace {

struct Row {
  std::string name, value, origin, place;
};

std::string origin_name(Flags::Origin origin) {
  switch (origin) {
    case Flags::Origin::flag:
      return "flag";
    case Flags::Origin::environment:
      return "environment";
    case Flags::Origin::file:
      return "file";
    case Flags::Origin::preset:
      break;
  }
  return "default";
}

std::vector<Row> rows_of(const Flags& flags) {
  std::vector<Row> rows;
  for (const Setting& setting : settings()) {
    if (setting.scope == Setting::Scope::call) continue;
    const Flags::Value* value = flags.find(setting.name);
    if (value == nullptr)
      rows.push_back({std::string(setting.name), std::string(setting.default_text), "default", ""});
    else
      rows.push_back({std::string(setting.name),
                      setting.name == "store-url" ? without_password(value->texts.front())
                                                  : value->texts.front(),
                      origin_name(value->origin), value->place});
  }
  return rows;
}

void print_json(const Flags& flags, Console& console) {
  nlohmann::ordered_json page;
  page["config_file"] = nullptr;
  if (flags.config_file()) page["config_file"] = flags.config_file()->string();
  page["settings"] = nlohmann::ordered_json::array();
  for (const Row& row : rows_of(flags)) {
    nlohmann::ordered_json entry = {{"name", row.name}, {"value", nullptr}, {"origin", row.origin}};
    if (!row.value.empty()) entry["value"] = row.value;
    if (!row.place.empty()) entry["place"] = row.place;
    page["settings"].push_back(entry);
  }
  page["ignored_variables"] = flags.ignored_variables();
  console.line(page.dump());
}

}  // namespace

int run_config(const Flags& flags, Console& console) {
  const std::string action = flags.required_argument("ACTION");
  if (action != "show")
    fail(ErrorKind::invalid_input, "config: expected 'show', got '", action, "'");
  for (const std::string& variable : flags.ignored_variables())
    console.notice(console.say("config.ignored", variable));
  if (console.json()) {
    print_json(flags, console);
    return 0;
  }
  console.line(flags.config_file() ? console.say("config.file", flags.config_file()->string())
                                   : console.say("config.no_file"));
  for (const Row& row : rows_of(flags)) {
    std::string name = row.name;
    name.resize(std::max<size_t>(20, name.size() + 2), ' ');
    std::string value = row.value.empty() ? "-" : row.value;
    value.resize(std::max<size_t>(16, value.size() + 2), ' ');
    const std::string origin = console.say(concat("origin.", row.origin));
    console.line(concat("  ", name, value, origin, row.place.empty() ? "" : ": ", row.place));
  }
  return 0;
}

}  // namespace deepseek::cli
