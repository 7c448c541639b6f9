// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.h"

#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <string_view>

#include "core/error.h"

namespace deepseek::cli {
namespace {

std::atomic<int> scopes{0};
std::atomic<int> interrupts{0};
// exit_code() is not for signal handlers.
constexpr int interrupted_exit_code = 130;
constexpr int bad_file_exit_code = 3;
std::atomic<const char*> scope_warning{nullptr};

termios guarded_modes;
std::atomic<const char*> guarded_farewell{nullptr};

static_assert(std::atomic<int>::is_always_lock_free);
static_assert(std::atomic<const char*>::is_always_lock_free);

void write_error(const char* text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
}

void release_terminal() {
  const char* const farewell = guarded_farewell.load();
  if (farewell == nullptr) return;
  std::signal(SIGTTOU, SIG_IGN);  // it would stop a process in the background
  ::tcsetattr(STDIN_FILENO, TCSANOW, &guarded_modes);
  write_error(farewell);
}

extern "C" void on_interrupt(int) {
  const char* const warning = scope_warning.load();
  const int before = interrupts.fetch_add(1);
  if (scopes.load() == 0 || before > (warning == nullptr ? 0 : 1)) {
    release_terminal();
    ::_exit(interrupted_exit_code);
  }
  if (before == 1) write_error(warning);
}

extern "C" void on_termination(int signal) {
  release_terminal();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

/// A page of a mapped file that is not there any more.
extern "C" void on_bus_error(int, siginfo_t* info, void*) {
  constexpr std::string_view message =
      "deepseek: a mapped model file became shorter, or its disk failed, while it was read; put "
      "the "
      "file back and run again\n";
  if (info->si_code != BUS_ADRERR) {
    ::signal(SIGBUS, SIG_DFL);
    return;
  }
  release_terminal();
  if (::write(STDERR_FILENO, message.data(), message.size()) < 0) ::_exit(1);
  ::_exit(bad_file_exit_code);
}

}  // namespace

void handle_signals() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
  action = {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, nullptr);
}

InterruptScope::InterruptScope(const char* warning) {
  if (scopes.fetch_add(1) > 0) return;
  clear_interrupt();
  scope_warning = warning;
}

InterruptScope::~InterruptScope() {
  if (scopes.fetch_sub(1) == 1) scope_warning = nullptr;
}

bool interrupted() { return interrupts.load() > 0; }

void clear_interrupt() { interrupts = 0; }

void throw_if_interrupted() {
  if (interrupted()) fail(ErrorKind::interrupted, "interrupted");
}

void guard_terminal(const char* farewell) {
  if (::tcgetattr(STDIN_FILENO, &guarded_modes) != 0) return;
  guarded_farewell = farewell;
  for (const int signal : {SIGTERM, SIGHUP, SIGQUIT}) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    if (action.sa_handler != SIG_DFL) continue;  // nohup ignores some
    action.sa_handler = on_termination;
    ::sigaction(signal, &action, nullptr);
  }
}

}  // namespace deepseek::cli
