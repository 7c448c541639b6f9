// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace deepseek::testing {

struct HttpServerRequest {
  std::string target;                          // "/path?query"
  std::map<std::string, std::string> headers;  // lower-case names
  /// First byte of a Range header, else 0.
  uint64_t first_byte() const;
};

struct HttpServerReply {
  int status = 200;
  std::string body = {};
  std::map<std::string, std::string> headers = {};
  /// Closes the connection after this many bytes of the body.
  std::optional<size_t> cut_after = {};
};

/// A web server on a free port of 127.0.0.1 that answers one request a connection.
class HttpServer {
 public:
  using Handler = std::function<HttpServerReply(const HttpServerRequest&)>;
  explicit HttpServer(Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const { return port_; }
  std::string url() const;
  std::vector<HttpServerRequest> requests() const;

 private:
  void serve();
  void answer(int connection);

  Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::vector<HttpServerRequest> requests_;
  std::thread thread_;
};

/// The body from the first byte the request asks for, with status 206, or 200 when it asks for all.
HttpServerReply ranged_reply(const HttpServerRequest& request, const std::string& body);

}  // namespace deepseek::testing
