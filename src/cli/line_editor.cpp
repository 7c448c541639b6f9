// SPDX-License-Identifier: Apache-2.0
#include "cli/line_editor.h"

#include <fcntl.h>
#include <histedit.h>
#include <langinfo.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <string_view>

#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/signal_queue.h"

namespace deepseek::cli {
namespace {

constexpr int longest_history = 1000;

History* load_history(const std::filesystem::path& file) {
  History* const lines = history_init();
  HistEvent event;
  history(lines, &event, H_SETSIZE, longest_history);
  history(lines, &event, H_SETUNIQUE, 1);
  if (!file.empty()) history(lines, &event, H_LOAD, file.c_str());
  return lines;
}

// A terminal in this mode puts marks around what is pasted, so that its line feeds are text.
constexpr const char* paste_marks_on = "\x1b[?2004h";
constexpr const char* paste_marks_off = "\x1b[?2004l";
constexpr std::wstring_view paste_begin = L"\x1b[200~", paste_end = L"\x1b[201~";
constexpr std::wstring_view line_feed_key = L"\x1b\n";  // Alt-Enter
constexpr wchar_t redisplay_key = 31;                   // bound below, for use in here

struct Binding {
  const char* key;
  const char* function;
};

/// What State::next_key does goes by these, whatever the person's ~/.editrc says.
constexpr std::array own_keys{
    Binding{"\x1b[200~", "ed-ignore"},
    Binding{"\x1b\n", "ed-ignore"},
    Binding{"\x1f", "ed-redisplay"},
};

/// Keys that libedit leaves unbound on common terminals; their codes would be typed as text.
constexpr std::array more_keys{
    Binding{"^R", "em-inc-search-prev"},          Binding{"\x1b[1;5C", "em-next-word"},
    Binding{"\x1b[1;5D", "ed-prev-word"},         Binding{"\x1b[1;3C", "em-next-word"},
    Binding{"\x1b[1;3D", "ed-prev-word"},         Binding{"\x1b[1~", "ed-move-to-beg"},
    Binding{"\x1b[4~", "ed-move-to-end"},         Binding{"\x1b[H", "ed-move-to-beg"},
    Binding{"\x1b[F", "ed-move-to-end"},          Binding{"\x1b[3~", "ed-delete-next-char"},
    Binding{"\x1b[5~", "ed-search-prev-history"}, Binding{"\x1b[6~", "ed-search-next-history"},
};

/// Text is UTF-8 whatever the locale says; without one, libedit would take characters for bytes.
void choose_character_set() {
  std::setlocale(LC_CTYPE, "");
  if (std::string_view(::nl_langinfo(CODESET)) != "UTF-8") std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

struct LineEditor::State {
  std::filesystem::path file;
  std::string prompt;
  History* history = nullptr;
  EditLine* editor = nullptr;
  std::FILE* shown = nullptr;
  SignalQueue signals{SIGINT, SIGTSTP, SIGCONT, SIGWINCH};
  std::wstring recent_keys;
  std::mbstate_t partial{};  // of a character whose first bytes have come
  bool interrupted = false;
  bool resized = false;
  bool marks_paste = false;

  static State& of(EditLine* editor) {
    void* data = nullptr;
    el_get(editor, EL_CLIENTDATA, &data);
    return *static_cast<State*>(data);
  }

  /// False where a line is only read: ~/.editrc says "edit off".
  bool edits() const {
    int on = 0;
    el_get(editor, EL_EDITMODE, &on);
    return on != 0;
  }

  void mark_paste(bool on) const {
    if (!marks_paste) return;
    std::fputs(on ? paste_marks_on : paste_marks_off, shown);
    std::fflush(shown);
  }

  /// Ctrl-Z: the terminal is the shell's until the process goes on.
  void suspend() {
    el_set(editor, EL_PREP_TERM, 0);
    mark_paste(false);
    signals.stop();
    std::raise(SIGTSTP);
    signals.start();
    resume();
  }

  void resume() {
    el_set(editor, EL_PREP_TERM, 0);  // libedit has to see that the modes are not its own any more
    el_set(editor, EL_PREP_TERM, 1);
    mark_paste(true);
    el_set(editor, EL_REFRESH);
  }

  void obey(int signal) {
    if (signal == SIGINT) interrupted = true;
    if (signal == SIGTSTP) suspend();
    if (signal == SIGCONT) resume();
    if (signal == SIGWINCH) {
      el_resize(editor);
      resized = edits();
    }
  }

  /// Whether a byte can be read; false after Ctrl-C and when the line has to be drawn again.
  bool wait() {
    while (!interrupted && !resized) {
      std::array<pollfd, 2> waits{{{STDIN_FILENO, POLLIN, 0}, {signals.descriptor(), POLLIN, 0}}};
      const int ready = ::poll(waits.data(), waits.size(), -1);
      if (ready < 0 && errno != EINTR) return true;  // the read says what is wrong
      while (const int signal = signals.take()) obey(signal);
      if (!interrupted && !resized && ready > 0 && waits[0].revents != 0) return true;
    }
    return false;
  }

  /// One character from the terminal: 1, 0 at the end, or -1. After Ctrl-C a line feed, which ends
  /// the line, and after a change of the window's size redisplay_key.
  int read_character(wchar_t* character) {
    while (wait()) {
      char byte = 0;
      const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got <= 0) return int(got);
      size_t size = std::mbrtowc(character, &byte, 1, &partial);
      if (size == size_t(-1)) {
        // The bytes before were no character; this one may begin the next.
        partial = {};
        size = std::mbrtowc(character, &byte, 1, &partial);
        if (size == size_t(-1)) partial = {};
      }
      if (size <= 1) return 1;
    }
    resized = false;
    *character = interrupted ? L'\n' : redisplay_key;
    return 1;
  }

  /// What stands before the end mark of a paste, tabs and line feeds the only controls.
  int insert_paste() {
    std::wstring text;
    while (!text.ends_with(paste_end)) {
      wchar_t character = 0;
      const int got = read_character(&character);
      if (got != 1 || interrupted) return got;
      text += character == L'\r' ? L'\n' : character;
    }
    text.resize(text.size() - paste_end.size());
    std::erase_if(text,
                  [](wchar_t c) { return (c < L' ' && c != L'\n' && c != L'\t') || c == 127; });
    el_winsertstr(editor, text.c_str());
    return 1;
  }

  /// The next key for libedit. It has no function that inserts several characters at once, so that
  /// happens here, after it has read the code that asks for it, and it is told to draw the line.
  int next_key(wchar_t* key) {
    const bool pasting = recent_keys.ends_with(paste_begin);
    const bool breaking = recent_keys.ends_with(line_feed_key);
    if (pasting || breaking) {
      recent_keys.clear();
      const int got = pasting ? insert_paste() : el_winsertstr(editor, L"\n") + 1;
      *key = interrupted ? L'\n' : redisplay_key;
      return got;
    }
    const int got = read_character(key);
    recent_keys += *key;
    if (recent_keys.size() > paste_begin.size()) recent_keys.erase(0, 1);
    return got;
  }
};

LineEditor::LineEditor(std::filesystem::path history_file) : state_(std::make_unique<State>()) {
  choose_character_set();
  State& state = *state_;
  state.file = std::move(history_file);
  state.shown = ::isatty(STDOUT_FILENO) == 1 ? stdout : stderr;
  state.history = load_history(state.file);
  state.editor = el_init("deepseek", stdin, state.shown, stderr);
  if (state.editor == nullptr) return;
  el_set(state.editor, EL_CLIENTDATA, &state);
  el_set(
      state.editor, EL_PROMPT, +[](EditLine* editor) { return State::of(editor).prompt.data(); });
  el_set(
      state.editor, EL_GETCFN,
      +[](EditLine* editor, wchar_t* key) { return State::of(editor).next_key(key); });
  el_set(state.editor, EL_EDITOR, "emacs");
  el_set(state.editor, EL_HIST, history, state.history);
  for (const auto& [key, function] : more_keys)
    el_set(state.editor, EL_BIND, key, function, nullptr);
  el_source(state.editor, nullptr);
  for (const auto& [key, function] : own_keys)
    el_set(state.editor, EL_BIND, key, function, nullptr);
  state.marks_paste = state.edits() && !terminal_is_dumb();
}

LineEditor::~LineEditor() {
  if (state_->editor != nullptr) el_end(state_->editor);
  history_end(state_->history);
}

LineEditor::Line LineEditor::read(const std::string& prompt) {
  State& state = *state_;
  if (state.editor == nullptr) return {End::closed, ""};
  state.prompt = prompt;
  state.interrupted = false;
  state.recent_keys.clear();
  state.signals.start();
  clear_interrupt();
  // Before the prompt: libedit itself would leave keys typed right after it to the system's
  // editing.
  el_set(state.editor, EL_PREP_TERM, 1);
  state.mark_paste(true);
  int count = 0;
  const char* line = el_gets(state.editor, &count);
  state.mark_paste(false);
  state.signals.stop();
  std::string text = line == nullptr || count <= 0 ? "" : std::string(line, size_t(count));
  const bool ended = !text.empty();
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (state.interrupted) return {End::interrupted, text};
  return {ended ? End::line : End::closed, text};
}

void LineEditor::remember(const std::string& line) {
  const std::filesystem::path& file = state_->file;
  HistEvent event;
  history(state_->history, &event, H_ENTER, line.c_str());
  if (file.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  // The file is made before libedit writes it, so that only its owner can read it.
  const int fd = ::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return;
  ::fchmod(fd, 0600);
  ::close(fd);
  // Read again, so that what another chat wrote meanwhile stays.
  History* const lines = load_history(file);
  history(lines, &event, H_ENTER, line.c_str());
  history(lines, &event, H_SAVE, file.c_str());
  history_end(lines);
}

const char* LineEditor::farewell() { return terminal_is_dumb() ? "" : paste_marks_off; }

std::filesystem::path history_path() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  if (state != nullptr && *state != '\0') return std::filesystem::path(state) / "deepseek/history";
  if (home != nullptr && *home != '\0')
    return std::filesystem::path(home) / ".local/state/deepseek/history";
  return {};
}

}  // namespace deepseek::cli
