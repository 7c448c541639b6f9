// SPDX-License-Identifier: Apache-2.0
#include "tests/cli/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>

namespace deepseek::testing {
namespace {

constexpr int deadline_ms = 120'000;

/// Signals as a program finds them that a person starts, whatever the test runner did to its own.
void reset_signals() {
  for (const int number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGTSTP})
    ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

Terminal::Terminal(const Call& call) {
  Call asked = call;
  asked.environment.try_emplace("TERM", "xterm");
  Process process(asked, home_.path().string());
  const winsize size{24, 80, 0, 0};
  child_ = ::forkpty(&master_, nullptr, nullptr, &size);
  if (child_ < 0) throw std::runtime_error("forkpty failed");
  if (child_ == 0) {
    reset_signals();
    ::execve(process.path(), process.arguments(), process.environment());
    ::_exit(127);
  }
}

Terminal::~Terminal() {
  if (child_ > 0) {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  ::close(master_);
}

void Terminal::type(std::string_view keys) {
  ::fcntl(master_, F_SETFL, O_NONBLOCK);
  while (!keys.empty()) {
    // The program takes no keys while it waits for its own output to be read.
    pollfd wait{master_, POLLIN | POLLOUT, 0};
    if (::poll(&wait, 1, deadline_ms) <= 0) throw std::runtime_error("the terminal takes no keys");
    if ((wait.revents & POLLIN) != 0) read_more();
    const ssize_t written = ::write(master_, keys.data(), keys.size());
    if (written > 0) keys.remove_prefix(size_t(written));
    if (written < 0 && errno != EAGAIN && errno != EINTR)
      throw std::runtime_error("the terminal takes no keys");
  }
}

void Terminal::resize(int rows, int columns) const {
  const winsize size{static_cast<unsigned short>(rows), static_cast<unsigned short>(columns), 0, 0};
  ::ioctl(master_, TIOCSWINSZ, &size);
}

void Terminal::signal(int number) const { ::kill(child_, number); }

bool Terminal::read_more() {
  pollfd wait{master_, POLLIN, 0};
  if (hangs_ || ::poll(&wait, 1, deadline_ms) <= 0) {
    hangs_ = true;
    return false;
  }
  std::array<char, 65536> chunk;
  const ssize_t got = ::read(master_, chunk.data(), chunk.size());
  if (got <= 0) return false;  // EIO: nobody has the other end any more
  shown_.append(chunk.data(), size_t(got));
  return true;
}

bool Terminal::see(std::string_view text) {
  while (true) {
    const size_t at = shown_.find(text, seen_);
    if (at != std::string::npos) {
      before_ = shown_.substr(seen_, at - seen_);
      seen_ = at + text.size();
      return true;
    }
    if (!read_more()) return false;
  }
}

int Terminal::end() {
  while (read_more()) {
  }
  if (hangs_) return -1000;
  int status = 0;
  ::waitpid(child_, &status, 0);
  child_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace deepseek::testing
