// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/utf8.h"
#include "serve/http/admission.h"
#include "serve/http/schema_validate.h"

namespace {

using namespace deepseek;
using namespace deepseek::serve;

Router routes() {
  Router router;
  const auto handler =
      answering([](const HttpRequest& request) { return text_reply(request.body.substr(0, 10)); });
  router.add({"GET", "/v1/models/{model*}", Access::open(), handler});
  router.add({"POST", "/v1/chat/completions", Access::scope("inference"), handler});
  router.add({"GET", "/files/{id}", Access::open(), handler});
  router.add({"GET", "/{page*}", Access::open(), handler});
  return router;
}

void check(bool holds) {
  if (!holds) std::abort();
}

void check_request(const HttpRequest& request) {
  check(!request.request_id.empty() && request.request_id.size() <= 128);
  check(request.trace.trace_id.size() == 32 && request.trace.span_id.size() == 16);
  check(parse_traceparent(request.trace.traceparent()).has_value());
  check(is_valid_utf8(request.path));
  for (const auto& [name, value] : request.query)
    check(is_valid_utf8(name) && value.find('\0') == value.npos);
  for (const auto& [name, value] : request.headers)
    check(value.find_first_of(std::string_view("\r\n\0", 3)) == value.npos);
  try {
    parse_json_body(request);
  } catch (const RequestError&) {
  }
}

/// What the parser made of `input`, fed in pieces of `step` bytes, on one line.
std::string outcome(const std::string& input, size_t step) {
  static const ServerConfig config = [] {
    ServerConfig made;
    made.header_bytes = 1024;
    made.uri_bytes = 256;
    made.header_count = 8;
    made.body_bytes = 512;
    made.cors_origins = {"https://a.example"};
    return made;
  }();
  static const Router router = routes();
  RequestParser parser({config.header_bytes, config.header_count, config.uri_bytes});
  std::string waiting, story;
  size_t fed = 0;
  bool in_body = false;
  try {
    while (true) {
      bool progress = false;
      if (!in_body && parser.read_head(waiting)) {
        in_body = progress = true;
        Admission admission;
        try {
          admit(parser.head(), config, router, true, admission);
          check(admission.route || admission.answer);
        } catch (const RequestError& error) {
          story += "(" + std::to_string(error.status()) + ")";
        }
        check_request(admission.request);
        story += parser.head().method + " " + parser.head().target;
        parser.body_limit(config.body_bytes);
      }
      if (in_body && (!parser.head().has_body() || parser.read_body(waiting))) {
        const std::string body = parser.head().has_body() ? parser.take_body() : "";
        check(int64_t(body.size()) <= config.body_bytes);
        story += " " + std::to_string(body.size()) + ";";
        parser.reset();
        in_body = false;
        progress = !waiting.empty();
      }
      if (progress) continue;
      if (fed == input.size()) break;
      const size_t size = std::min(step, input.size() - fed);
      waiting.append(input, fed, size);
      fed += size;
    }
  } catch (const RequestError& error) {
    check(error.status() >= 400 && error.status() < 600);
    story += "!";
  }
  return story;
}

}  // namespace

/// Bytes of a connection: the same requests come out however they arrive.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::string whole = outcome(input, input.size() + 1);
  if (outcome(input, 1) != whole || outcome(input, 7) != whole) std::abort();
  return 0;
}
