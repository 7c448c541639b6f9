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
    std::string text;  // without the line feed
  };

  /// `history_file` is read now and written with each line; empty: none is kept. Prompts go to
  /// standard output when that is a terminal, else to standard error.
  explicit LineEditor(std::filesystem::path history_file);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  Line read(const std::string& prompt);
  void remember(const std::string& line);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// $XDG_STATE_HOME/deepseek/history or ~/.local/state/deepseek/history; empty when neither is set.
std::filesystem::path history_path();

}  // namespace deepseek::cli
