// SPDX-License-Identifier: Apache-2.0

#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

namespace deepseek::cli {
namespace {

/// The names of a verb between `separator`s.
std::string names_text(const Command& command, std::string_view separator) {
  std::string text;
  for (const std::string_view name : command_names(command))
    text += concat(text.empty() ? "" : separator, name);
  return text;
}

std::string verbs_text() {
  std::string text;
  for (const Command& command : commands())
    text += concat(text.empty() ? "" : " ", names_text(command, " "));
  return text;
}

std::string flags_text(const Command& command) {
  std::string text;
  for (const std::string_view name : flag_names(command)) text += concat(" --", name);
  return text.substr(1);
}

/// Replaces what one word inside single quotes of bash, zsh and fish cannot hold.
std::string shell_quoted(std::string_view text) {
  std::string safe;
  for (const char c : text)
    if (c != '\'' && c != '\\') safe += c;
  return "'" + safe + "'";
}

std::string bash_script() {
  std::string script = concat(
      "_deepseek() {\n"
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\"\n"
      "  COMPREPLY=()\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    words=",
      shell_quoted(verbs_text()),
      "\n"
      "  elif [[ \"$word\" == -* ]]; then\n"
      "    case \"${COMP_WORDS[1]}\" in\n");
  for (const Command& command : commands())
    script += concat("      ", names_text(command, "|"),
                     ") words=", shell_quoted(flags_text(command)), " ;;\n");
  return script +
         "    esac\n"
         "  fi\n"
         "  if [ -n \"$words\" ]; then\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -F _deepseek deepseek\n";
}

std::string zsh_script(const Console& console) {
  std::string script =
      "#compdef deepseek\n"
      "_deepseek() {\n"
      "  if (( CURRENT == 2 )); then\n"
      "    local -a verbs=(\n";
  for (const Command& command : commands())
    for (const std::string_view name : command_names(command))
      script +=
          concat("      ",
                 shell_quoted(concat(name, ":", console.say(concat("verb.", command.name)))), "\n");
  script +=
      "    )\n"
      "    _describe verb verbs\n"
      "  elif [[ \"$PREFIX\" == -* ]]; then\n"
      "    case \"${words[2]}\" in\n";
  for (const Command& command : commands())
    script +=
        concat("      ", names_text(command, "|"), ") compadd -- ", flags_text(command), " ;;\n");
  return script +
         "    esac\n"
         "  else\n"
         "    _files\n"
         "  fi\n"
         "}\n"
         // In a folder of completions the first use runs this file in place of the function.
         "if [ \"$funcstack[1]\" = _deepseek ]; then\n"
         "  _deepseek \"$@\"\n"
         "else\n"
         "  compdef _deepseek deepseek\n"
         "fi\n";
}

std::string fish_script(const Console& console) {
  std::string script;
  for (const Command& command : commands())
    for (const std::string_view name : command_names(command))
      script += concat("complete -c deepseek -n __fish_use_subcommand -f -a ", name, " -d ",
                       shell_quoted(console.say(concat("verb.", command.name))), "\n");
  for (const Command& command : commands())
    for (const std::string_view name : flag_names(command))
      script +=
          concat("complete -c deepseek -n '__fish_seen_subcommand_from ", names_text(command, " "),
                 "' -l ", name, find_setting(name)->value.empty() ? "" : " -r", " -d ",
                 shell_quoted(console.say(concat("flag.", name))), "\n");
  return script;
}

}  // namespace

int run_completion(const Flags& flags, Console& console) {
  const std::string shell = flags.required_argument("SHELL");
  std::string script;
  if (shell == "bash")
    script = bash_script();
  else if (shell == "zsh")
    script = zsh_script(console);
  else if (shell == "fish")
    script = fish_script(console);
  else
    fail(ErrorKind::invalid_input, "completion: expected bash, zsh or fish, got '", shell, "'");
  if (console.json())
    console.line(nlohmann::ordered_json{{"shell", shell}, {"script", script}}.dump());
  else
    console.write(script);
  return 0;
}

}  // namespace deepseek::cli
