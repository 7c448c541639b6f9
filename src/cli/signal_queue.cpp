// SPDX-License-Identifier: Apache-2.0
#include "cli/signal_queue.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace deepseek::cli {
namespace {

std::atomic<int> queue_end{-1};

extern "C" void queue_signal(int signal) {
  const int error = errno;
  const auto number = static_cast<unsigned char>(signal);
  [[maybe_unused]] const ssize_t written = ::write(queue_end.load(), &number, 1);
  errno = error;
}

}  // namespace

SignalQueue::SignalQueue(std::initializer_list<int> signals) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
    fail(ErrorKind::out_of_memory, "cannot make a pipe: ", std::strerror(errno));
  read_end_ = ends[0];
  write_end_ = ends[1];
  for (const int signal : signals) before_.push_back({signal, {}});
}

SignalQueue::~SignalQueue() {
  stop();
  ::close(read_end_);
  ::close(write_end_);
}

void SignalQueue::start() {
  if (started_) return;
  started_ = true;
  queue_end = write_end_;
  struct sigaction action {};
  action.sa_handler = queue_signal;
  for (auto& [signal, before] : before_) ::sigaction(signal, &action, &before);
}

void SignalQueue::stop() {
  if (!started_) return;
  started_ = false;
  for (const auto& [signal, before] : before_) ::sigaction(signal, &before, nullptr);
  while (const int signal = take()) std::raise(signal);
}

int SignalQueue::take() {
  unsigned char number = 0;
  return ::read(read_end_, &number, 1) == 1 ? number : 0;
}

}  // namespace deepseek::cli
