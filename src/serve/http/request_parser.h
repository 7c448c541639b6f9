// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "serve/http/message.h"

namespace deepseek::serve {

struct ParseLimits {
  int64_t header_bytes, header_count, uri_bytes;
};

/// What stands before a request's body. Its framing is settled: at most one of Content-Length and
/// chunked, without contradictions.
struct RequestHead {
  std::string method, target;
  HttpHeaders headers;
  int minor_version = 1;  // of HTTP/1
  bool keep_alive = true;
  bool chunked = false;
  std::optional<int64_t> content_length = {};
  bool expects_continue = false;

  bool has_body() const { return chunked || content_length.value_or(0) > 0; }
};

/// Whether `text` is names of fields between commas, each there: "content-type, x-api-key".
bool is_name_list(std::string_view text);

/// Bytes of one connection to requests, one after the other; does no I/O. Untrusted bytes stop
/// here: what it refuses it throws as RequestError, after which the connection cannot go on.
class RequestParser {
 public:
  explicit RequestParser(const ParseLimits& limits);
  ~RequestParser();

  /// Takes a whole header from the front of `input`. False: there is none yet.
  bool read_head(std::string& input);
  RequestHead& head();

  /// Takes body bytes from the front of `input`. True: the body is complete. Call body_limit
  /// before.
  bool read_body(std::string& input);
  void body_limit(int64_t size_bytes);
  int64_t body_size() const;
  std::string take_body();

  /// Ready for the next request.
  void reset();

 private:
  struct Parts;
  ParseLimits limits_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace deepseek::serve
