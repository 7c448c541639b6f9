// SPDX-License-Identifier: Apache-2.0
#include "cli/man_page.h"

#include "cli/help.h"
#include "cli/roff.h"
#include "cli/setting.h"
#include "core/text.h"
#include "deepseek/deepseek.h"

namespace deepseek::cli {
namespace {

std::string bold(std::string_view text) { return concat("\\fB", roff_text(text), "\\fR"); }
std::string italic(std::string_view text) { return concat("\\fI", roff_text(text), "\\fR"); }

/// A page as it grows.
class Page {
 public:
  Page(std::string_view name, Language language) : language_(language) {
    std::string title(name);
    for (char& c : title)
      if (c >= 'a' && c <= 'z') c = char(c - 'a' + 'A');
    text_ = concat("'\\\" -*- coding: UTF-8 -*-\n.TH ", roff_text(title), " 1 \"\" \"deepseek ",
                   version(), "\" \"", roff_text(say("man.manual")), "\"\n.ad l\n.nh\n");
  }

  std::string say(std::string_view key) const { return std::string(message(language_, key)); }
  Language language() const { return language_; }

  void section(std::string_view key) { line(concat(".SH ", roff_text(say(key)))); }
  void line(std::string_view roff) { text_ += concat(roff, "\n"); }
  void entry(std::string_view roff_term, std::string_view description) {
    line(".TP");
    line(roff_term);
    line(roff_paragraph(description));
  }
  std::string text() && { return std::move(text_); }

 private:
  Language language_;
  std::string text_;
};

std::string bold_names(const Command& command) {
  std::string names;
  for (const std::string_view name : command_names(command))
    names += concat(names.empty() ? "" : ", ", bold(name));
  return names;
}

std::string page_name(const Command& command) { return concat("deepseek-", command.name); }

void add_exit_codes(Page& page) {
  page.section("man.exit_status");
  for (const ExitCode& row : exit_codes())
    page.entry(bold(concat(row.code)), page.say(concat("exit.", row.name)));
}

void add_variables(Page& page) {
  page.section("man.environment");
  page.line(roff_paragraph(page.say("man.environment.about")));
  for (const Setting& setting : settings()) {
    if (setting.scope == Setting::Scope::call) continue;
    page.entry(bold(variable_name(setting)), description_of(setting, page.language()));
  }
  page.line(".PP");
  page.line(roff_paragraph(page.say("man.environment.cache")));
}

void add_flags(Page& page, const Command& command) {
  page.section("man.options");
  for (const std::string_view name : flag_names(command)) {
    const Setting& setting = *find_setting(name);
    std::string term = bold(flag_of(setting));
    if (!setting.value.empty()) term += " " + italic(setting.value);
    page.entry(term, description_of(setting, page.language()));
  }
}

}  // namespace

std::string program_man_page(Language language) {
  Page page("deepseek", language);
  page.section("man.name");
  page.line(concat("deepseek \\- ", roff_text(page.say("man.summary"))));
  page.section("man.synopsis");
  page.line(concat(bold("deepseek"), " ", italic("VERB"), " [", italic("MODEL"), "] [flags]"));
  page.section("man.description");
  page.line(roff_paragraph(page.say("man.about")));
  page.section("man.commands");
  for (const Command& command : commands())
    page.entry(bold_names(command), page.say(concat("verb.", command.name)));
  add_exit_codes(page);
  add_variables(page);
  page.section("man.files");
  page.entry(italic("~/.config/deepseek/config.yaml"), page.say("man.files.config"));
  page.section("man.see_also");
  std::string others;
  for (const Command& command : commands())
    others += concat(others.empty() ? "" : ", ", bold(page_name(command)), "(1)");
  page.line(others);
  return std::move(page).text();
}

std::string verb_man_page(const Command& command, Language language) {
  Page page(page_name(command), language);
  page.section("man.name");
  page.line(concat(roff_text(page_name(command)), " \\- ",
                   roff_text(page.say(concat("verb.", command.name)))));
  page.section("man.synopsis");
  for (const std::string_view name : command_names(command)) {
    if (name != command.name) page.line(".br");
    std::string usage = bold(concat("deepseek ", name));
    if (!command.arguments.empty()) usage += " " + roff_text(command.arguments);
    page.line(usage + " [flags]");
  }
  page.section("man.description");
  page.line(roff_paragraph(page.say(concat("verb.", command.name, ".about"))));
  add_flags(page, command);
  page.section("man.examples");
  page.line(".nf");
  for (const std::string& example : lines_of(command.examples)) page.line(roff_text(example));
  page.line(".fi");
  page.section("man.see_also");
  page.line(concat(bold("deepseek"), "(1)"));
  return std::move(page).text();
}

}  // namespace deepseek::cli
