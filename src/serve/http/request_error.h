// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "serve/http/message.h"

namespace deepseek::serve {

/// Whose error body a route answers with.
///   openai     {"error":{"message","type","param","code"}}; in a stream the same as `data:`
///   responses  as openai; in a stream `event: error` with
///   {"type":"error","code","message","param"} anthropic
///   {"type":"error","error":{"type","message"},"request_id"}; `event: error` ollama
///   {"error":"message"}; in a stream one line of it
enum class ErrorDialect { openai, responses, anthropic, ollama };

/// A refusal with its HTTP status. Any other Error that a handler throws gets the status of its
/// kind; the text of `internal`, `bad_file`, `network` and of foreign exceptions stays in the log.
class RequestError : public Error {
 public:
  struct Details {
    std::string param = {};  // "messages[0].content"; empty: null in the body
    std::string code = {};   // "context_length_exceeded"; empty: that of the status
    std::string type = {};   // OpenAI's and DeepSeek's; empty: that of the status
    /// When to try again. Given or not, 429 and 503 carry Retry-After.
    std::optional<int64_t> retry_after_ms = {};
    /// Of x-should-retry; unset: true for 408, 429, 500, 502, 503, 504, false for the rest.
    std::optional<bool> should_retry = {};
    HttpHeaders headers = {};  // further ones, such as x-ratelimit-remaining-tokens
  };

  RequestError(int status, const std::string& message);
  RequestError(int status, const std::string& message, Details details);

  int status() const { return status_; }
  const Details& details() const { return details_; }

 private:
  int status_;
  Details details_;
};

/// Throws a RequestError of which `parts` are the message.
template <class... Parts>
[[noreturn]] void refuse(int status, const Parts&... parts) {
  throw RequestError(status, concat(parts...));
}

/// Throws a RequestError naming the field at fault.
template <class... Parts>
[[noreturn]] void refuse_param(int status, const std::string& param, const Parts&... parts) {
  throw RequestError(status, concat(parts...), {.param = param});
}

/// HTTP status of an error kind.
int status_of(ErrorKind kind);

/// `error.type` of a status in a dialect: "rate_limit_error".
std::string_view error_type(int status, ErrorDialect dialect);

/// What any exception becomes on the wire; hides what only the operator may read.
RequestError as_request_error(const std::exception_ptr& failure);

/// The whole reply: status, body of the dialect, retry headers.
HttpReply error_reply(const RequestError& error, ErrorDialect dialect, std::string_view request_id);

/// The JSON of the body alone.
std::string error_body(const RequestError& error, ErrorDialect dialect,
                       std::string_view request_id);

/// The final event of a stream that fails after its first byte; `lines`: of an ndjson stream.
std::string error_event(const RequestError& error, ErrorDialect dialect,
                        std::string_view request_id, bool lines);

}  // namespace deepseek::serve
