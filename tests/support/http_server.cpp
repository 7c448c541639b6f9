// SPDX-License-Identifier: Apache-2.0
#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <sstream>
#include <stdexcept>

#include "core/text.h"

namespace deepseek::testing {
namespace {

HttpServerRequest parse_request(const std::string& text) {
  HttpServerRequest request;
  std::istringstream lines(text);
  std::string method, line;
  lines >> method >> request.target;
  std::getline(lines, line);
  while (std::getline(lines, line) && line != "\r") {
    const size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    std::string name = line.substr(0, colon);
    for (char& c : name) c = char(std::tolower(static_cast<unsigned char>(c)));
    request.headers[name] = line.substr(colon + 2, line.size() - colon - 3);
  }
  return request;
}

void send_all(int connection, const std::string& text) {
  size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t count = ::send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return;
    sent += size_t(count);
  }
}

}  // namespace

uint64_t HttpServerRequest::first_byte() const {
  const auto range = headers.find("range");
  if (range == headers.end() || !range->second.starts_with("bytes=")) return 0;
  return std::stoull(range->second.substr(6));
}

HttpServer::HttpServer(Handler handler) : handler_(std::move(handler)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("cannot listen on 127.0.0.1");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

HttpServer::~HttpServer() {
  stop_ = true;
  thread_.join();
  ::close(listener_);
}

std::string HttpServer::url() const { return "http://127.0.0.1:" + std::to_string(port_); }

std::vector<HttpServerRequest> HttpServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void HttpServer::serve() {
  while (!stop_) {
    pollfd wait{listener_, POLLIN, 0};
    if (::poll(&wait, 1, 20) <= 0) continue;
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    answer(connection);
    ::close(connection);
  }
}

void HttpServer::answer(int connection) {
  std::string text;
  std::array<char, 4096> chunk;
  while (text.find("\r\n\r\n") == std::string::npos) {
    const ssize_t got = ::recv(connection, chunk.data(), chunk.size(), 0);
    if (got <= 0) return;
    text.append(chunk.data(), size_t(got));
  }
  const HttpServerRequest request = parse_request(text);
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  const HttpServerReply reply = handler_(request);
  std::string head =
      "HTTP/1.1 " + std::to_string(reply.status) + " Status\r\nConnection: close\r\n";
  head += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
  for (const auto& [name, value] : reply.headers) head += concat(name, ": ", value, "\r\n");
  send_all(connection, head + "\r\n");
  send_all(connection, reply.body.substr(0, reply.cut_after.value_or(reply.body.size())));
}

HttpServerReply ranged_reply(const HttpServerRequest& request, const std::string& body) {
  const uint64_t first = request.first_byte();
  if (first == 0) return {200, body};
  if (first >= body.size()) return {416};
  return {
      206,
      body.substr(first),
      {{"Content-Range", "bytes " + std::to_string(first) + "-" + std::to_string(body.size() - 1) +
                             "/" + std::to_string(body.size())}}};
}

}  // namespace deepseek::testing
