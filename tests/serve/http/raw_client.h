// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "serve/http/server.h"

namespace deepseek::testing {

/// How long tests wait for what must come: on a machine that is busy, under sanitizers.
inline constexpr std::chrono::seconds patience{120};

/// A socket that sends what it is told, byte by byte, and reads replies one at a time. Throws
/// std::runtime_error when nothing comes for `patience`.
class RawClient {
 public:
  explicit RawClient(const serve::ListenAddress& address);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void send(std::string_view bytes);
  /// "GET path HTTP/1.1" with Host and `more` header lines, each with its line ending.
  void get(std::string_view path, std::string_view more = "");
  void post(std::string_view path, std::string_view body, std::string_view more = "");
  void shutdown_send();
  /// Ends the connection, unread bytes and all.
  void close();

  struct Reply {
    int status = 0;
    std::string head;  // status line and fields
    std::string body;  // without chunk framing
    bool chunked = false;
    bool complete = false;  // false: the connection ended first
    /// Of a field, an empty one when there is none.
    std::string field(std::string_view name) const;
    bool has(std::string_view name) const;
  };
  /// The next reply. `without_body`: to HEAD.
  Reply reply(bool without_body = false);
  Reply ask(std::string_view path, std::string_view more = "");
  /// The head of a reply, its body unread.
  Reply reply_head();
  /// Body bytes of a chunked reply until `end` has come; what follows stays.
  std::string read_until(std::string_view end);
  /// Everything until the other side closes.
  std::string read_to_end();
  /// Waits until the other side has closed; what comes before is dropped.
  bool closed_by_peer();
  void small_receive_buffer();
  int descriptor() const { return socket_; }

 private:
  bool more();
  int socket_ = -1;
  std::string input_;
};

}  // namespace deepseek::testing
