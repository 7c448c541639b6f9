// SPDX-License-Identifier: Apache-2.0
// bench_http [SECONDS] [HOGS] [CLIENTS] [IO_NICE]: latency of GET /health while HOGS threads of the
// same process compute without pause and CLIENTS keep-alive connections ask one after the other.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "serve/http/operations.h"

namespace {

using namespace deepseek::serve;
using Clock = std::chrono::steady_clock;

int connect_to(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(uint16_t(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
  return socket;
}

/// Times in microseconds. The client's thread gets the priority of the server's, so that what is
/// measured is not how long the client itself waits for a processor.
std::vector<double> ask(int port, Clock::time_point end, int nice) {
  if (nice != 0) (void)::setpriority(PRIO_PROCESS, id_t(::gettid()), nice);
  const int socket = connect_to(port);
  const std::string request = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::vector<double> times;
  std::array<char, 4096> reply;
  while (Clock::now() < end) {
    const auto begin = Clock::now();
    if (::send(socket, request.data(), request.size(), MSG_NOSIGNAL) < 0) std::abort();
    if (::recv(socket, reply.data(), reply.size(), 0) <= 0) std::abort();
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ::close(socket);
  return times;
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int index, int otherwise) {
    return argc > index ? std::atoi(argv[index]) : otherwise;
  };
  const int seconds = argument(1, 5), hogs = argument(2, int(std::thread::hardware_concurrency())),
            clients = argument(3, 4), nice = argument(4, -10);
  Router router;
  add_operations_routes(router, {}, Access::open());
  HttpServer server({.listen = {{"127.0.0.1", 0}}, .io_nice = nice}, std::move(router));
  server.start();
  const int port = server.addresses()[0].port;

  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(hogs));
  for (int i = 0; i < hogs; ++i)
    threads.emplace_back([&] {
      volatile double x = 1;
      while (!stop.load(std::memory_order_relaxed))
        for (int k = 0; k < 1000; ++k) x = x * 1.0000001;
    });
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  std::vector<std::vector<double>> parts(static_cast<size_t>(clients));
  std::vector<std::thread> askers;
  askers.reserve(parts.size());
  for (auto& part : parts) askers.emplace_back([&] { part = ask(port, end, nice); });
  for (auto& asker : askers) asker.join();
  stop = true;
  for (auto& thread : threads) thread.join();

  std::vector<double> times;
  for (const auto& part : parts) times.insert(times.end(), part.begin(), part.end());
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    return times[size_t(share * double(times.size() - 1))] / 1e3;
  };
  std::printf(
      "{\"requests\":%zu,\"hogs\":%d,\"clients\":%d,\"io_nice\":%d,\"p50_ms\":%.3f,"
      "\"p99_ms\":%.3f,\"max_ms\":%.3f}\n",
      times.size(), hogs, clients, nice, at(0.5), at(0.99), at(1));
  return 0;
}
