// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace deepseek {

struct HttpRequest {
  std::string url;                // http or https
  std::string bearer_token;       // sent to the host of `url` alone, never to where it redirects
  uint64_t first_byte = 0;        // past 0: asks for the rest alone
  std::string token_cookie = {};  // name of a cookie that carries the token too; empty: none
};

struct HttpReply {
  int status = 0;
  /// Of every hop, lower-case names; the first hop that has a name gives its value.
  std::map<std::string, std::string> headers;
  std::optional<std::string> header(const std::string& name) const;
};

/// Receives the body. `begin` comes before any bytes of a reply with status 200 or 206, with the
/// position of the first byte: 0 when the server ignored first_byte.
struct HttpBody {
  std::function<void(uint64_t first_byte)> begin;
  std::function<void(std::string_view bytes)> bytes;
  std::function<void()> tick = {};  // a few times a second while waiting; what it throws ends it
};

/// A transfer that broke off or never began; worth another try.
struct HttpFailure {
  std::string reason;
};

/// GET, following up to ten redirects, never from https to http. Throws HttpFailure when the
/// connection fails or stays silent for 30 s, Error(network) for what will not get better. What
/// `body` throws is passed on. Other statuses than 200 and 206 are answered without a body.
HttpReply http_get(const HttpRequest& request, const HttpBody& body);

}  // namespace deepseek
