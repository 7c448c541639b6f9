// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <string_view>

#include "core/error.h"

namespace deepseek::cli {
namespace {

std::atomic<int> scopes{0};
std::atomic<int> interrupts{0};
// exit_code() is not for signal handlers.
constexpr int interrupted_exit_code = 130;
constexpr int bad_file_exit_code = 3;
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void on_interrupt(int) {
  if (scopes.load() == 0 || interrupts.fetch_add(1) >= 1) ::_exit(interrupted_exit_code);
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

InterruptScope::InterruptScope() {
  if (scopes.fetch_add(1) == 0) clear_interrupt();
}

InterruptScope::~InterruptScope() { scopes.fetch_sub(1); }

bool interrupted() { return interrupts.load() > 0; }

void clear_interrupt() { interrupts = 0; }

void throw_if_interrupted() {
  if (interrupted()) fail(ErrorKind::interrupted, "interrupted");
}

}  // namespace deepseek::cli
