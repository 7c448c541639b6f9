// SPDX-License-Identifier: Apache-2.0

#include "cli/chat.h"
#include "cli/dry_run.h"
#include "cli/generate_flags.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/line_editor.h"
#include "cli/model_flags.h"
#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

namespace deepseek::cli {
namespace {

constexpr std::string_view block_mark = "\"\"\"";

/// One message from the terminal: a line, lines that end in a backslash and the one after them, or
/// what stands between two lines of """.
LineEditor::Line read_message(LineEditor& editor) {
  LineEditor::Line first = editor.read("> ");
  if (first.end != LineEditor::End::line) return first;
  std::string message = first.text;
  const bool block = message.starts_with(block_mark);
  if (block) message.erase(0, block_mark.size());
  while (true) {
    if (block && message.ends_with(block_mark)) {
      message.resize(message.size() - block_mark.size());
      break;
    }
    if (!block && !message.ends_with('\\')) break;
    if (!block) message.pop_back();
    const LineEditor::Line more = editor.read(". ");
    if (more.end != LineEditor::End::line) return {more.end, first.text};
    message += "\n" + more.text;
  }
  return {LineEditor::End::line, message};
}

/// Why an answer ended at its length.
std::string length_text(const Chat& chat, const Console& console) {
  if (!chat.is_full()) return console.say("chat.length");
  return chat.context_flag().empty() ? console.say("chat.full_model")
                                     : console.say("chat.full", chat.context_flag());
}

void answer_in_chat(Chat& chat, const std::string& message, Console& console) {
  const Generated generated = chat.answer(message);
  if (!generated.tokens.empty()) console.line("");
  console.flush();
  if (generated.finish == FinishReason::cancelled)
    console.error_line(console.say(generated.text.empty() ? "chat.dropped" : "chat.stopped"));
  if (generated.finish == FinishReason::length) console.error_line(length_text(chat, console));
  if (!generated.tokens.empty()) console.error_line(speed_text(generated, console));
}

/// What one message does; false when it ends the chat.
bool obey(Chat& chat, const std::string& message, Console& console) {
  const bool command = Chat::is_command(message);
  try {
    if (command) return chat.command(message);
    answer_in_chat(chat, message, console);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::internal) throw;
    if (error.kind() == ErrorKind::interrupted) {
      console.error_line(console.say("chat.dropped"));
      return true;
    }
    console.notice(printable(error.what(), 4000));
    if (!command) console.error_line(console.say("chat.forgotten"));
  }
  return true;
}

int run_interactively(Chat& chat, const std::string& name, Console& console) {
  const std::string warning = console.say("chat.stopping") + "\n";
  const InterruptScope interrupts(warning.c_str());
  static const std::string farewell =
      concat(LineEditor::farewell(), console.output_has_style() ? "\x1b[0m" : "");
  guard_terminal(farewell.c_str());
  console.error_line(console.say("chat.welcome", name));
  LineEditor editor(history_path());
  bool leaving = false;
  while (true) {
    const LineEditor::Line message = read_message(editor);
    if (message.end == LineEditor::End::closed) break;
    const bool at_empty_prompt = message.text.empty();
    if (message.end == LineEditor::End::interrupted && at_empty_prompt) {
      if (leaving) return exit_code(ErrorKind::interrupted);
      console.error_line(console.say("chat.leave"));
    }
    leaving = message.end == LineEditor::End::interrupted && at_empty_prompt;
    if (message.end == LineEditor::End::interrupted || at_empty_prompt) continue;
    editor.remember(message.text);
    if (!obey(chat, message.text, console)) return 0;
  }
  console.error_line("");
  return 0;
}

/// All of standard input is the message; standard output is the answer and a line feed.
int run_once(Chat& chat, Console& console) {
  std::string message = read_standard_input();
  // The line feed that echo and editors put at the end is not part of the question.
  if (message.ends_with('\n')) message.pop_back();
  if (message.ends_with('\r')) message.pop_back();
  if (message.empty())
    fail(ErrorKind::invalid_input, "run: expected a message on standard input, got nothing");
  const InterruptScope interrupts;
  const Generated generated = chat.answer(message);
  if (console.json())
    console.line(nlohmann::ordered_json{{"answer", generated.text},
                                        {"finish_reason", finish_reason_name(generated.finish)},
                                        {"prompt_tokens", generated.prompt_tokens},
                                        {"completion_tokens", generated.tokens.size()},
                                        {"seed", chat.sample().seed},
                                        {"prefill_s", generated.prefill_seconds},
                                        {"decode_s", generated.decode_seconds}}
                     .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  else
    console.line("");
  console.flush();
  throw_if_interrupted();
  return 0;
}

}  // namespace

int run_run(const Flags& flags, Console& console) {
  const std::string name = flags.argument("MODEL").value_or("starter");
  if (flags.on("dry-run")) {
    dry_run({{name, model_path(name)}}, model_options(flags, console), std::nullopt, console);
    return 0;
  }
  if (console.json() && console.input_is_terminal())
    fail(ErrorKind::invalid_input, "run: --json takes the message from a pipe, not a terminal");
  const auto model = open_text_model(flags, name, console);
  Chat chat(*model, flags, console);
  return console.input_is_terminal() ? run_interactively(chat, name, console)
                                     : run_once(chat, console);
}

}  // namespace deepseek::cli
