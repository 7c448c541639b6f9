// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "serve/http/io_asio.h"

namespace deepseek::serve {

IoLoop::IoLoop() : parts_(std::make_unique<Parts>()) {
  parts_->work.emplace(boost::asio::make_work_guard(parts_->context));
}

IoLoop::~IoLoop() {
  stop();
  join();
}

void IoLoop::start(const std::string& thread_name, int nice) {
  parts_->thread = std::thread([this, thread_name, nice] {
    pthread_setname_np(pthread_self(), thread_name.substr(0, 15).c_str());
    // On Linux a priority is a thread's own. Where the system does not permit it, sleeping often is
    // what gets these threads the processor before those that compute.
    if (nice != 0) (void)::setpriority(PRIO_PROCESS, id_t(::gettid()), nice);
    parts_->context.run();
  });
}

void IoLoop::post(std::function<void()> work) {
  boost::asio::post(parts_->context, std::move(work));
}

void IoLoop::stop() {
  parts_->work.reset();
  parts_->context.stop();
}

void IoLoop::join() {
  if (parts_->thread.joinable()) parts_->thread.join();
}

struct Timer::Parts {
  boost::asio::steady_timer timer;
};

Timer::Timer(IoLoop& loop)
    : parts_(std::make_unique<Parts>(Parts{boost::asio::steady_timer(loop.parts().context)})) {}

Timer::~Timer() = default;

void Timer::set(std::chrono::steady_clock::time_point when, std::function<void()> call) {
  parts_->timer.expires_at(when);
  parts_->timer.async_wait([call = std::move(call)](boost::system::error_code code) {
    if (!code) call();
  });
}

void Timer::cancel() { parts_->timer.cancel(); }

}  // namespace deepseek::serve
