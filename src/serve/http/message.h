// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serve/http/trace_context.h"

namespace deepseek::serve {

/// Fields in the order they came; names compare without case and may repeat.
class HttpHeaders {
 public:
  HttpHeaders() = default;
  HttpHeaders(std::initializer_list<std::pair<std::string, std::string>> fields)
      : fields_(fields) {}

  void add(std::string name, std::string value);
  /// Replaces every field of that name.
  void set(std::string name, std::string value);
  void remove(std::string_view name);

  /// Null when there is none; the first when there are several.
  const std::string* find(std::string_view name) const;
  /// As find, an empty view when there is none.
  std::string_view value(std::string_view name) const;
  size_t count(std::string_view name) const;

  bool empty() const { return fields_.empty(); }
  size_t size() const { return fields_.size(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

bool same_name(std::string_view a, std::string_view b);  // ASCII, without case

/// Whom an authorised request belongs to. The key store derives its own from it.
struct Principal {
  virtual ~Principal() = default;
  std::string id;  // for logs and metrics: never the secret itself
};

/// A request whose header, and unless said otherwise body, has arrived. Nothing in it is trusted
/// but peer, secure, request_id, trace, principal and received.
struct HttpRequest {
  std::string method;  // "GET"
  std::string path;    // after the server's URL prefix, decoded; for messages, not for files
  std::vector<std::pair<std::string, std::string>> query;       // decoded, in order
  std::map<std::string, std::string, std::less<>> path_values;  // of {name} in the route's pattern
  HttpHeaders headers;
  std::string body;

  std::string peer;     // "127.0.0.1:41022", "[::1]:41022", "unix"
  bool secure = false;  // TLS
  std::string request_id;
  TraceContext trace;
  std::shared_ptr<const Principal> principal;           // null on open routes
  std::chrono::steady_clock::time_point received = {};  // when its first byte was read

  std::string_view header(std::string_view name) const { return headers.value(name); }
  /// Null when there is none.
  const std::string* query_value(std::string_view name) const;
  /// Of {name}; empty when the pattern has no such name.
  std::string_view path_value(std::string_view name) const;
};

/// Everything of a reply that fits in memory. The server adds Date, Content-Length, Connection,
/// x-request-id and CORS fields.
struct HttpReply {
  int status = 200;
  HttpHeaders headers = {};
  std::string body = {};
};

HttpReply json_reply(std::string body, int status = 200);
HttpReply text_reply(std::string body, int status = 200,
                     std::string_view content_type = "text/plain; charset=utf-8");

/// "Not Found"; "Status" for what has no standard name.
std::string_view status_text(int status);

}  // namespace deepseek::serve
