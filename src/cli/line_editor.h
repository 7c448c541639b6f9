// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace deepseek::cli {

/// Lines from the terminal with editing, and a history that outlives the process.
class LineEditor {
 public:
  enum class End { line, closed, interrupted };
  struct Line {
    End end = End::line;
    std::string text;  // UTF-8 without the last line feed; of an interrupted one what was typed
  };

  /// `history_file` is read now and written with each line; empty: none is kept. Prompts go to
  /// standard output when that is a terminal, else to standard error.
  explicit LineEditor(std::filesystem::path history_file);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  /// Text that is pasted, and Alt-Enter, may put line feeds into a line. A Ctrl-C that came before
  /// is forgotten, one that comes meanwhile ends the line, one that comes after is as elsewhere.
  Line read(const std::string& prompt);
  void remember(const std::string& line);

  /// What undoes, on the terminal, that a line is being read; for guard_terminal.
  static const char* farewell();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// $XDG_STATE_HOME/deepseek/history or ~/.local/state/deepseek/history; empty when neither is set.
std::filesystem::path history_path();

}  // namespace deepseek::cli
