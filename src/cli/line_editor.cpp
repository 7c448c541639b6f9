// SPDX-License-Identifier: Apache-2.0
#include "cli/line_editor.h"

#include <fcntl.h>
#include <histedit.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>

#include "cli/interrupt.h"

namespace deepseek::cli {
namespace {

constexpr int longest_history = 1000;

}  // namespace

struct LineEditor::State {
  std::filesystem::path file;
  std::string prompt;
  History* history = nullptr;
  EditLine* editor = nullptr;
};

LineEditor::LineEditor(std::filesystem::path history_file) : state_(std::make_unique<State>()) {
  std::setlocale(LC_CTYPE, "");
  state_->file = std::move(history_file);
  std::FILE* const shown = ::isatty(STDOUT_FILENO) == 1 ? stdout : stderr;
  state_->editor = el_init("deepseek", stdin, shown, stderr);
  state_->history = history_init();
  HistEvent event;
  history(state_->history, &event, H_SETSIZE, longest_history);
  history(state_->history, &event, H_SETUNIQUE, 1);
  if (state_->editor == nullptr) return;
  el_set(state_->editor, EL_CLIENTDATA, state_.get());
  el_set(
      state_->editor, EL_PROMPT, +[](EditLine* editor) -> char* {
        void* data = nullptr;
        el_get(editor, EL_CLIENTDATA, &data);
        return static_cast<State*>(data)->prompt.data();
      });
  el_set(state_->editor, EL_EDITOR, "emacs");
  el_set(state_->editor, EL_SIGNAL, 1);
  el_set(state_->editor, EL_HIST, history, state_->history);
  el_set(state_->editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_source(state_->editor, nullptr);
  if (!state_->file.empty()) history(state_->history, &event, H_LOAD, state_->file.c_str());
}

LineEditor::~LineEditor() {
  if (state_->editor != nullptr) el_end(state_->editor);
  history_end(state_->history);
}

LineEditor::Line LineEditor::read(const std::string& prompt) {
  if (state_->editor == nullptr) return {End::closed, ""};
  state_->prompt = prompt;
  const InterruptScope interrupts;
  int count = 0;
  const char* line = el_gets(state_->editor, &count);
  if (interrupted()) {
    el_reset(state_->editor);
    return {End::interrupted, ""};
  }
  if (line == nullptr || count <= 0) return {End::closed, ""};
  std::string text(line, size_t(count));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return {End::line, text};
}

void LineEditor::remember(const std::string& line) {
  HistEvent event;
  history(state_->history, &event, H_ENTER, line.c_str());
  if (state_->file.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(state_->file.parent_path(), error);
  // The file is made before libedit writes it, so that only its owner can read it.
  const int fd = ::open(state_->file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return;
  ::close(fd);
  history(state_->history, &event, H_SAVE, state_->file.c_str());
}

std::filesystem::path history_path() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  if (state != nullptr && *state != '\0') return std::filesystem::path(state) / "deepseek/history";
  if (home != nullptr && *home != '\0')
    return std::filesystem::path(home) / ".local/state/deepseek/history";
  return {};
}

}  // namespace deepseek::cli
