// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "serve/http/request_parser.h"
#include "serve/http/router.h"
#include "serve/http/server.h"

namespace deepseek::serve {

/// What the head of a request leads to. Filled as far as the checks came, so that a refusal still
/// finds the request's id, its dialect and the CORS fields.
struct Admission {
  HttpRequest request;
  const Route* route = nullptr;
  HttpHeaders cors;                 // for whatever is answered
  std::optional<HttpReply> answer;  // OPTIONS: the whole answer; no handler runs
  std::string log_route = "unmatched";
};

/// Checks a head against everything that does not need its body or a key: Host, origin, prefix,
/// route, method, encoding, declared length. Throws RequestError. `checks_host`: see host_is_ours.
void admit(const RequestHead& head, const ServerConfig& config, const Router& router,
           bool checks_host, Admission& admission);

/// The dialect of a target's path, for refusals that come before a route or find none: also where
/// the path has no such method. OpenAI's where there is no such path.
ErrorDialect dialect_of(std::string_view target, const ServerConfig& config, const Router& router);

/// Whether a Host header may reach a server that answers without keys or on loopback: addresses,
/// localhost names, and those listed. A name that a foreign page made resolve here is neither,
/// which ends DNS rebinding.
bool host_is_ours(std::string_view host, const std::vector<std::string>& allowed);

/// Whether `origin` is the page this very server delivered under `host`, or is listed.
bool origin_is_allowed(std::string_view origin, std::string_view host,
                       const std::vector<std::string>& allowed);

}  // namespace deepseek::serve
