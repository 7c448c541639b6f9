// SPDX-License-Identifier: Apache-2.0
#include "tests/serve/http/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>

namespace deepseek::testing {
namespace {

[[noreturn]] void broken(const std::string& what) {
  throw std::runtime_error("RawClient: " + what);
}

template <class Address>
int connected(int family, const Address& address) {
  const int socket = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0 ||
      ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (socket >= 0) ::close(socket);
    broken("cannot connect");
  }
  return socket;
}

}  // namespace

RawClient::RawClient(const serve::ListenAddress& address) {
  if (address.is_unix()) {
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    std::strncpy(local.sun_path, address.unix_path.c_str(), sizeof local.sun_path - 1);
    socket_ = connected(AF_UNIX, local);
  } else if (address.host.find(':') != std::string::npos) {
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(uint16_t(address.port));
    ::inet_pton(AF_INET6, address.host.c_str(), &six.sin6_addr);
    socket_ = connected(AF_INET6, six);
  } else {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(uint16_t(address.port));
    ::inet_pton(AF_INET, address.host.c_str(), &four.sin_addr);
    socket_ = connected(AF_INET, four);
  }
}

RawClient::~RawClient() { close(); }

void RawClient::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

void RawClient::small_receive_buffer() {
  const int size = 4096;
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

void RawClient::shutdown_send() { ::shutdown(socket_, SHUT_WR); }

void RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;  // the server may refuse before it has read everything
    bytes.remove_prefix(size_t(count));
  }
}

void RawClient::get(std::string_view path, std::string_view more) {
  send("GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(more) +
       "\r\n");
}

void RawClient::post(std::string_view path, std::string_view body, std::string_view more) {
  send("POST " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
       std::to_string(body.size()) + "\r\n" + std::string(more) + "\r\n" + std::string(body));
}

bool RawClient::more() {
  pollfd wait{socket_, POLLIN, 0};
  if (::poll(&wait, 1, int(std::chrono::milliseconds(patience).count())) <= 0)
    broken("nothing came; so far: " + input_);
  std::array<char, 16384> chunk;
  const ssize_t got = ::recv(socket_, chunk.data(), chunk.size(), 0);
  if (got <= 0) return false;
  input_.append(chunk.data(), size_t(got));
  return true;
}

std::string RawClient::Reply::field(std::string_view name) const {
  size_t at = head.find("\r\n");
  while (at != std::string::npos && at + 2 < head.size()) {
    const size_t begin = at + 2, end = head.find("\r\n", begin), colon = head.find(':', begin);
    if (colon != std::string::npos &&
        serve::same_name(std::string_view(head).substr(begin, colon - begin), name))
      return head.substr(colon + 2, end - colon - 2);
    at = end;
  }
  return "";
}

bool RawClient::Reply::has(std::string_view name) const { return !field(name).empty(); }

RawClient::Reply RawClient::reply_head() {
  Reply reply;
  size_t end = 0;
  while ((end = input_.find("\r\n\r\n")) == std::string::npos)
    if (!more()) return reply;
  reply.head = input_.substr(0, end + 2);
  input_.erase(0, end + 4);
  if (reply.head.size() > 12) reply.status = std::stoi(reply.head.substr(9, 3));
  reply.chunked = reply.field("Transfer-Encoding") == "chunked";
  return reply;
}

RawClient::Reply RawClient::reply(bool without_body) {
  Reply reply = reply_head();
  if (reply.status == 0) return reply;
  if (without_body || reply.status == 204 || reply.status == 304 || reply.status == 100) {
    reply.complete = true;
  } else if (reply.chunked) {
    while (true) {
      size_t line = 0;
      while ((line = input_.find("\r\n")) == std::string::npos)
        if (!more()) return reply;
      const size_t size = std::stoul(input_.substr(0, line), nullptr, 16);
      while (input_.size() < line + 2 + size + 2)
        if (!more()) return reply;
      reply.body += input_.substr(line + 2, size);
      input_.erase(0, line + 2 + size + 2);
      if (size == 0) break;
    }
    reply.complete = true;
  } else if (reply.has("Content-Length")) {
    const size_t size = std::stoul(reply.field("Content-Length"));
    while (input_.size() < size)
      if (!more()) return reply;
    reply.body = input_.substr(0, size);
    input_.erase(0, size);
    reply.complete = true;
  } else {
    reply.body = read_to_end();
    reply.complete = true;
  }
  return reply;
}

RawClient::Reply RawClient::ask(std::string_view path, std::string_view more) {
  get(path, more);
  return reply();
}

std::string RawClient::read_until(std::string_view end) {
  std::string body;
  while (true) {
    size_t line = 0;
    while ((line = input_.find("\r\n")) == std::string::npos)
      if (!more()) return body;
    const size_t size = std::stoul(input_.substr(0, line), nullptr, 16);
    while (input_.size() < line + 2 + size + 2)
      if (!more()) return body;
    body += input_.substr(line + 2, size);
    input_.erase(0, line + 2 + size + 2);
    if (size == 0 || body.find(end) != std::string::npos) return body;
  }
}

std::string RawClient::read_to_end() {
  while (more()) {
  }
  return std::exchange(input_, {});
}

bool RawClient::closed_by_peer() {
  read_to_end();
  return true;
}

}  // namespace deepseek::testing
