// SPDX-License-Identifier: Apache-2.0
#include "serve/http/request_error.h"

#include <algorithm>
#include <array>
#include <new>

#include "core/json.h"

namespace deepseek::serve {
namespace {

using Json = nlohmann::ordered_json;

struct StatusRow {
  int status;
  ErrorKind kind;
  std::string_view type;            // OpenAI and DeepSeek
  std::string_view anthropic_type;  // https://docs.anthropic.com/en/api/errors
  std::string_view code;
  bool should_retry;
};

/// The one table of what a status means. A status that is not here reads like its hundred.
constexpr std::array statuses{
    StatusRow{400, ErrorKind::invalid_input, "invalid_request_error", "invalid_request_error",
              "invalid_request", false},
    StatusRow{401, ErrorKind::invalid_input, "authentication_error", "authentication_error",
              "invalid_api_key", false},
    StatusRow{402, ErrorKind::invalid_input, "insufficient_balance_error", "billing_error",
              "insufficient_balance", false},
    StatusRow{403, ErrorKind::invalid_input, "permission_error", "permission_error",
              "permission_denied", false},
    StatusRow{404, ErrorKind::not_found, "invalid_request_error", "not_found_error", "not_found",
              false},
    StatusRow{405, ErrorKind::invalid_input, "invalid_request_error", "invalid_request_error",
              "method_not_allowed", false},
    StatusRow{408, ErrorKind::invalid_input, "timeout_error", "timeout_error", "request_timeout",
              true},
    StatusRow{409, ErrorKind::invalid_input, "conflict_error", "invalid_request_error", "conflict",
              false},
    StatusRow{410, ErrorKind::not_found, "invalid_request_error", "not_found_error", "gone", false},
    StatusRow{413, ErrorKind::invalid_input, "invalid_request_error", "request_too_large",
              "request_too_large", false},
    StatusRow{415, ErrorKind::unsupported, "invalid_request_error", "invalid_request_error",
              "unsupported_media_type", false},
    StatusRow{422, ErrorKind::invalid_input, "invalid_request_error", "invalid_request_error",
              "invalid_value", false},
    StatusRow{429, ErrorKind::busy, "rate_limit_error", "rate_limit_error", "rate_limit_exceeded",
              true},
    StatusRow{431, ErrorKind::invalid_input, "invalid_request_error", "request_too_large",
              "headers_too_large", false},
    StatusRow{500, ErrorKind::internal, "server_error", "api_error", "internal_error", true},
    StatusRow{501, ErrorKind::unsupported, "server_error", "api_error", "not_implemented", false},
    StatusRow{502, ErrorKind::network, "server_error", "api_error", "bad_gateway", true},
    StatusRow{503, ErrorKind::busy, "service_unavailable_error", "overloaded_error",
              "service_unavailable", true},
    StatusRow{504, ErrorKind::network, "timeout_error", "timeout_error", "timeout", true},
};

const StatusRow& row_of(int status) {
  const StatusRow* fallback = nullptr;
  for (const StatusRow& row : statuses) {
    if (row.status == status) return row;
    if (row.status == (status >= 500 ? 500 : 400)) fallback = &row;
  }
  return *fallback;
}

struct KindRow {
  ErrorKind kind;
  int status;
  bool told;  // whether the client reads the message
};

constexpr std::array kinds{
    KindRow{ErrorKind::internal, 500, false},   KindRow{ErrorKind::invalid_input, 400, true},
    KindRow{ErrorKind::bad_file, 500, false},   KindRow{ErrorKind::not_found, 404, true},
    KindRow{ErrorKind::unsupported, 400, true}, KindRow{ErrorKind::out_of_memory, 503, true},
    KindRow{ErrorKind::network, 502, false},    KindRow{ErrorKind::busy, 503, true},
    KindRow{ErrorKind::interrupted, 503, true},
};

const KindRow& row_of(ErrorKind kind) {
  for (const KindRow& row : kinds)
    if (row.kind == kind) return row;
  return kinds[0];
}

constexpr std::string_view withheld =
    "the server failed; its log has the reason under this request id";
constexpr int64_t default_retry_ms = 1000;

Json text_or_null(std::string_view text) {
  return text.empty() ? Json(nullptr) : Json(std::string(text));
}

Json openai_fields(const RequestError& error) {
  const StatusRow& row = row_of(error.status());
  const RequestError::Details& details = error.details();
  return {{"message", error.what()},
          {"type", details.type.empty() ? std::string(row.type) : details.type},
          {"param", text_or_null(details.param)},
          {"code", details.code.empty() ? std::string(row.code) : details.code}};
}

/// For a body that has no place for the field: it is named before the message, unless that names
/// it.
std::string message_naming_field(const RequestError& error) {
  std::string message = error.what();
  const std::string& param = error.details().param;
  if (param.empty() || message.find(param) != std::string::npos) return message;
  return param + ": " + message;
}

Json body_json(const RequestError& error, ErrorDialect dialect, std::string_view request_id) {
  switch (dialect) {
    case ErrorDialect::anthropic:
      return {{"type", "error"},
              {"error",
               {{"type", std::string(row_of(error.status()).anthropic_type)},
                {"message", message_naming_field(error)}}},
              {"request_id", text_or_null(request_id)}};
    case ErrorDialect::ollama:
      return {{"error", message_naming_field(error)}};
    case ErrorDialect::openai:
    case ErrorDialect::responses:
      break;
  }
  return {{"error", openai_fields(error)}};
}

/// A message may quote what a client sent, in whatever bytes.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

RequestError::RequestError(int status, const std::string& message)
    : RequestError(status, message, Details{}) {}

RequestError::RequestError(int status, const std::string& message, Details details)
    : Error(row_of(status).kind, message), status_(status), details_(std::move(details)) {}

int status_of(ErrorKind kind) { return row_of(kind).status; }

std::string_view error_type(int status, ErrorDialect dialect) {
  const StatusRow& row = row_of(status);
  return dialect == ErrorDialect::anthropic ? row.anthropic_type : row.type;
}

RequestError as_request_error(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const RequestError& error) {
    return error;
  } catch (const Error& error) {
    const KindRow& row = row_of(error.kind());
    return RequestError(row.status, row.told ? error.what() : std::string(withheld));
  } catch (const std::bad_alloc&) {
    return RequestError(503, "out of memory");
  } catch (...) {
    return RequestError(500, std::string(withheld));
  }
}

std::string error_body(const RequestError& error, ErrorDialect dialect,
                       std::string_view request_id) {
  return dump(body_json(error, dialect, request_id));
}

HttpReply error_reply(const RequestError& error, ErrorDialect dialect,
                      std::string_view request_id) {
  const RequestError::Details& details = error.details();
  HttpReply reply = json_reply(error_body(error, dialect, request_id), error.status());
  for (const auto& [name, value] : details.headers) reply.headers.set(name, value);
  const int status = error.status();
  if (details.retry_after_ms || status == 429 || status == 503) {
    const int64_t wait_ms = std::max<int64_t>(details.retry_after_ms.value_or(default_retry_ms), 0);
    // Whole seconds, rounded up: a client that obeys never comes too early.
    reply.headers.set("Retry-After", std::to_string((wait_ms + 999) / 1000));
    reply.headers.set("retry-after-ms", std::to_string(wait_ms));
  }
  const bool retry = details.should_retry.value_or(row_of(status).should_retry);
  reply.headers.set("x-should-retry", retry ? "true" : "false");
  if (status == 401 && !reply.headers.find("WWW-Authenticate"))
    reply.headers.set("WWW-Authenticate", "Bearer");
  return reply;
}

std::string error_event(const RequestError& error, ErrorDialect dialect,
                        std::string_view request_id, bool lines) {
  if (lines) return error_body(error, dialect, request_id) + "\n";
  if (dialect == ErrorDialect::anthropic)
    return "event: error\ndata: " + error_body(error, dialect, request_id) + "\n\n";
  if (dialect == ErrorDialect::responses) {
    const Json fields = openai_fields(error);
    const Json event = {{"type", "error"},
                        {"code", fields["code"]},
                        {"message", fields["message"]},
                        {"param", fields["param"]}};
    return "event: error\ndata: " + dump(event) + "\n\n";
  }
  return "data: " + error_body(error, dialect, request_id) + "\n\n";
}

}  // namespace deepseek::serve
