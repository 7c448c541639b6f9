// SPDX-License-Identifier: Apache-2.0

#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

namespace deepseek::cli {
namespace {

std::string verbs_text() {
  std::string text;
  for (const Command& command : commands()) text += concat(text.empty() ? "" : " ", command.name);
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
    script +=
        concat("      ", command.name, ") words=", shell_quoted(flags_text(command)), " ;;\n");
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
    script += concat(
        "      ",
        shell_quoted(concat(command.name, ":", console.say(concat("verb.", command.name)))), "\n");
  script +=
      "    )\n"
      "    _describe verb verbs\n"
      "  elif [[ \"$PREFIX\" == -* ]]; then\n"
      "    case \"${words[2]}\" in\n";
  for (const Command& command : commands())
    script += concat("      ", command.name, ") compadd -- ", flags_text(command), " ;;\n");
  return script +
         "    esac\n"
         "  else\n"
         "    _files\n"
         "  fi\n"
         "}\n"
         "compdef _deepseek deepseek\n";
}

std::string fish_script(const Console& console) {
  std::string script;
  for (const Command& command : commands())
    script += concat("complete -c deepseek -n __fish_use_subcommand -f -a ", command.name, " -d ",
                     shell_quoted(console.say(concat("verb.", command.name))), "\n");
  for (const Command& command : commands())
    for (const std::string_view name : flag_names(command))
      script += concat("complete -c deepseek -n '__fish_seen_subcommand_from ", command.name,
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
