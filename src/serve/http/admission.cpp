// SPDX-License-Identifier: Apache-2.0
#include "serve/http/admission.h"

#include <arpa/inet.h>

#include <algorithm>

#include "core/text.h"

namespace deepseek::serve {
namespace {

/// "[::1]:8080" → "[::1]", "a.b:80" → "a.b"; nothing when it is no host with perhaps a port.
std::optional<std::string_view> host_without_port(std::string_view host) {
  size_t end = host.size();
  if (host.starts_with('[')) {
    const size_t close = host.find(']');
    if (close == host.npos) return std::nullopt;
    end = close + 1;
  } else {
    end = std::min(host.find(':'), host.size());
  }
  const std::string_view rest = host.substr(end);
  if (!rest.empty() && (rest[0] != ':' || rest.size() > 6 ||
                        rest.substr(1).find_first_not_of("0123456789") != rest.npos))
    return std::nullopt;
  if (end == 0) return std::nullopt;
  return host.substr(0, end);
}

bool is_address(std::string_view host) {
  in_addr four;
  in6_addr six;
  if (host.starts_with('['))
    return ::inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(), &six) == 1;
  return ::inet_pton(AF_INET, std::string(host).c_str(), &four) == 1;
}

bool ends_with_name(std::string_view text, std::string_view end) {
  return text.size() > end.size() && same_name(text.substr(text.size() - end.size()), end);
}

/// The path and query of a request-target; checks the authority of an absolute one.
std::string_view origin_form(std::string_view target, std::string_view host) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() || !same_name(target.substr(0, scheme.size()), scheme))
      continue;
    const std::string_view rest = target.substr(scheme.size());
    const size_t end = std::min(rest.find_first_of("/?"), rest.size());
    if (!same_name(rest.substr(0, end), host))
      refuse(400, "the request's URI and its Host header name different hosts");
    const std::string_view path = rest.substr(end);
    return path.empty() ? "/" : path;
  }
  if (target.empty() || target[0] != '/') refuse(400, "the request's target is no path");
  return target;
}

/// The path below a prefix such as "/deepseek"; nothing when it is not below it.
std::optional<std::string_view> below_prefix(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return std::nullopt;
  path.remove_prefix(prefix.size());
  if (path.empty()) return "/";
  if (path[0] != '/') return std::nullopt;
  return path;
}

void read_query(std::string_view text, HttpRequest& request) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const size_t equal = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equal), true);
    auto value =
        percent_decode(equal < pair.size() ? pair.substr(equal + 1) : std::string_view(), true);
    if (!name || !value) refuse(400, "the query has a malformed or forbidden percent escape");
    request.query.emplace_back(*std::move(name), *std::move(value));
  }
}

void check_origin(std::string_view host, const ServerConfig& config, Admission& admission) {
  const std::string* origin = admission.request.headers.find("Origin");
  if (!origin) return;
  if (!origin_is_allowed(*origin, host, config.cors_origins))
    throw RequestError(403,
                       "pages of this origin may not call the server; --cors-origin lists "
                       "those that may",
                       {.code = "origin_not_allowed"});
  const bool any = std::find(config.cors_origins.begin(), config.cors_origins.end(), "*") !=
                   config.cors_origins.end();
  // Credentials are never allowed: keys travel in a header that the page itself must set.
  admission.cors.set("Access-Control-Allow-Origin", any ? "*" : *origin);
  admission.cors.set("Vary", "Origin");
  admission.cors.set("Access-Control-Expose-Headers",
                     "x-request-id, request-id, retry-after, retry-after-ms, x-should-retry, "
                     "warning, idempotent-replayed, x-ratelimit-limit-requests, "
                     "x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "
                     "x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, "
                     "x-ratelimit-reset-tokens");
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// What a page asks to send, such as an SDK's own fields, where it is a list of names; else what
/// the routes read.
std::string allowed_headers(const HttpRequest& request) {
  constexpr size_t most_bytes = 4 << 10;
  const std::string_view asked = request.header("Access-Control-Request-Headers");
  if (!asked.empty() && asked.size() <= most_bytes && is_name_list(asked))
    return std::string(asked);
  return "authorization, content-type, x-api-key, x-request-id, traceparent, "
         "idempotency-key, last-event-id, anthropic-version, anthropic-beta, "
         "anthropic-dangerous-direct-browser-access, openai-organization, "
         "openai-project, openai-beta, x-resumable, x-queue-timeout, "
         "x-first-token-timeout, x-total-timeout";
}

HttpReply options_reply(const Router& router, const std::string& path, const HttpRequest& request) {
  std::vector<std::string> allowed;
  if (path == "*") {
    allowed = {"GET", "HEAD", "POST", "OPTIONS"};
  } else {
    allowed = router.match("OPTIONS", path).allowed;
    if (allowed.empty()) refuse(404, "there is no such path");
    allowed.emplace_back("OPTIONS");
  }
  HttpReply reply{204, {{"Allow", join(allowed)}}};
  if (!request.header("Origin").empty() &&
      !request.header("Access-Control-Request-Method").empty()) {
    reply.headers.set("Access-Control-Allow-Methods", join(allowed));
    reply.headers.set("Access-Control-Allow-Headers", allowed_headers(request));
    reply.headers.set("Access-Control-Max-Age", "600");
  }
  return reply;
}

}  // namespace

bool host_is_ours(std::string_view host, const std::vector<std::string>& allowed) {
  const auto name = host_without_port(host);
  if (!name) return false;
  if (same_name(*name, "localhost") || ends_with_name(*name, ".localhost") || is_address(*name))
    return true;
  return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& own) {
    return same_name(own, *name) || same_name(own, host) || own == "*";
  });
}

bool origin_is_allowed(std::string_view origin, std::string_view host,
                       const std::vector<std::string>& allowed) {
  for (const std::string& own : allowed)
    if (own == "*" || same_name(own, origin)) return true;
  const size_t scheme = origin.find("://");
  return scheme != origin.npos && !host.empty() && same_name(origin.substr(scheme + 3), host);
}

ErrorDialect dialect_of(std::string_view target, const ServerConfig& config, const Router& router) {
  if (const size_t scheme = target.find("://"); !target.starts_with('/') && scheme != target.npos)
    target.remove_prefix(std::min(target.find('/', scheme + 3), target.size()));
  const auto path = below_prefix(
      target.substr(0, std::min(target.find_first_of("?#"), target.size())), config.url_prefix);
  try {
    const Route* route = path ? router.match("", *path).of_path : nullptr;
    return route ? route->options.dialect : ErrorDialect::openai;
  } catch (const RequestError&) {  // it is no path
    return ErrorDialect::openai;
  }
}

void admit(const RequestHead& head, const ServerConfig& config, const Router& router,
           bool checks_host, Admission& admission) {
  HttpRequest& request = admission.request;
  request.method = head.method;
  request.headers = head.headers;
  request.request_id = request_id_of(request.header("x-request-id"));
  request.trace = trace_of_request(request.header("traceparent"));

  const size_t hosts = request.headers.count("Host");
  if (hosts > 1) refuse(400, "several Host headers");
  if (hosts == 0 && head.minor_version == 1) refuse(400, "HTTP/1.1 needs a Host header");
  const std::string_view host = request.header("Host");
  if (!host.empty() && !host_without_port(host)) refuse(400, "the Host header is malformed");
  if (checks_host && hosts > 0 && !host_is_ours(host, config.allowed_hosts))
    throw RequestError(403,
                       "the server does not answer under the name '" + printable(host) +
                           "'; --allowed-host lists further names",
                       {.code = "host_not_allowed"});

  // The route comes before further refusals: they speak its dialect.
  const bool options = head.method == "OPTIONS";
  std::string path = "*";
  if (!options || head.target != "*") {
    const std::string_view target = origin_form(head.target, host);
    const size_t mark = std::min({target.find('?'), target.find('#'), target.size()});
    if (mark < target.size() && target[mark] == '#') refuse(400, "the target has a fragment");
    const auto below = below_prefix(target.substr(0, mark), config.url_prefix);
    if (!below) refuse(404, "there is no such path; this server's begin with ", config.url_prefix);
    path = *below;
    request.path = percent_decode(path).value_or("");
    if (mark < target.size()) read_query(target.substr(mark + 1), request);
  }

  if (options) {
    admission.log_route = "options";
    check_origin(host, config, admission);
    admission.answer = options_reply(router, path, request);
    return;
  }
  Router::Match match = router.match(head.method, path);
  if (match.route) {
    admission.route = match.route;
    admission.log_route = match.route->pattern;
    request.path_values = std::move(match.path_values);
  }
  check_origin(host, config, admission);
  if (!match.route && match.allowed.empty())
    throw RequestError(404, "there is no path '" + printable(request.path) + "'",
                       {.code = "route_not_found"});
  if (!match.route)
    throw RequestError(405, "the path has no method " + printable(head.method, 32),
                       {.headers = {{"Allow", join(match.allowed)}}});

  const std::string_view encoding = request.header("Content-Encoding");
  if (!encoding.empty() && !same_name(encoding, "identity"))
    refuse(415, "the body is compressed as '", printable(encoding, 32), "'; send it as it is");
  const int64_t limit = admission.route->options.body_limit_bytes.value_or(config.body_bytes);
  if (head.content_length.value_or(0) > limit)
    refuse(413, "the body has ", *head.content_length, " bytes, the limit is ", limit);
}

}  // namespace deepseek::serve
