// SPDX-License-Identifier: Apache-2.0
#include "tests/cli/run_deepseek.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <stdexcept>
#include <string_view>

#include "core/text.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::testing {
namespace {

bool passed_on(std::string_view variable, const Call& call) {
  if (call.environment.contains(std::string(variable.substr(0, variable.find('='))))) return false;
  for (const std::string_view prefix :
       {"DEEPSEEK_", "HF_", "MODELSCOPE_", "LC_", "LANG", "NO_COLOR", "XDG_", "HOME="})
    if (variable.starts_with(prefix)) return false;
  return true;
}

std::vector<std::string> environment_of(const Call& call, const std::string& home) {
  std::vector<std::string> pairs;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (passed_on(*entry, call)) pairs.emplace_back(*entry);
  if (!call.environment.contains("HOME")) pairs.push_back("HOME=" + home);
  for (const auto& [name, value] : call.environment) pairs.push_back(concat(name, "=", value));
  return pairs;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  list.reserve(texts.size() + 1);
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

struct Pipe {
  Pipe() {
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
  }
  ~Pipe() {
    close(0);
    close(1);
  }
  void close(size_t end) {
    if (ends[end] >= 0) ::close(ends[end]);
    ends[end] = -1;
  }
  std::array<int, 2> ends{};
};

void exchange(Pipe& in, Pipe& out, Pipe& error, const std::string& input, Outcome& outcome) {
  size_t sent = 0;
  if (input.empty()) in.close(1);
  std::array<char, 65536> chunk;
  while (out.ends[0] >= 0 || error.ends[0] >= 0) {
    std::array<pollfd, 3> waits{
        {{out.ends[0], POLLIN, 0}, {error.ends[0], POLLIN, 0}, {in.ends[1], POLLOUT, 0}}};
    ::poll(waits.data(), waits.size(), -1);
    const auto drain = [&](Pipe& pipe, short events, std::string& text) {
      if (events == 0) return;
      const ssize_t got = ::read(pipe.ends[0], chunk.data(), chunk.size());
      if (got <= 0)
        pipe.close(0);
      else
        text.append(chunk.data(), size_t(got));
    };
    drain(out, waits[0].revents, outcome.out);
    drain(error, waits[1].revents, outcome.error);
    if (waits[2].revents == 0) continue;
    const ssize_t written = ::write(in.ends[1], input.data() + sent, input.size() - sent);
    if (written > 0) sent += size_t(written);
    if (written < 0 || sent == input.size()) in.close(1);
  }
}

}  // namespace

Process::Process(const Call& call, const std::string& home)
    : words_{call.program.empty() ? DEEPSEEK_BINARY : call.program},
      variables_(environment_of(call, home)) {
  words_.insert(words_.end(), call.arguments.begin(), call.arguments.end());
  argv_ = pointers(words_);
  envp_ = pointers(variables_);
}

Outcome run_deepseek(const Call& call) {
  ::signal(SIGPIPE, SIG_IGN);
  const TemporaryFolder home;
  const Process process(call, home.path().string());
  Pipe in, out, error;
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    ::signal(SIGPIPE, SIG_DFL);
    ::dup2(in.ends[0], STDIN_FILENO);
    ::dup2(out.ends[1], STDOUT_FILENO);
    ::dup2(error.ends[1], STDERR_FILENO);
    if (!call.output_path.empty()) {
      const int file = ::open(call.output_path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
      if (file < 0) ::_exit(127);
      ::dup2(file, STDOUT_FILENO);
    }
    ::execvpe(process.path(), process.arguments(), process.environment());
    ::_exit(127);
  }
  in.close(0);
  out.close(1);
  error.close(1);
  Outcome outcome;
  exchange(in, out, error, call.input, outcome);
  in.close(1);
  int status = 0;
  ::waitpid(child, &status, 0);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return outcome;
}

}  // namespace deepseek::testing
