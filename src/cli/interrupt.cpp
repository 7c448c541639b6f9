// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.h"

#include <unistd.h>

#include <atomic>
#include <csignal>

#include "core/error.h"

namespace deepseek::cli {
namespace {

std::atomic<int> scopes{0};
std::atomic<int> interrupts{0};
constexpr int interrupted_exit_code = 130;  // exit_code() is not for signal handlers
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void on_interrupt(int) {
  if (scopes.load() == 0 || interrupts.fetch_add(1) >= 1) ::_exit(interrupted_exit_code);
}

}  // namespace

void handle_signals() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
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
