// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>

#include <algorithm>

#include "core/error.h"
#include "core/text.h"
#include "serve/http/server.h"

namespace deepseek::serve {
namespace {

void check_range(std::string_view name, int64_t value, int64_t least, int64_t most) {
  if (value < least || value > most)
    fail(ErrorKind::invalid_input, name, ": expected ", least, " to ", most, ", got ", value);
}

}  // namespace

std::string ListenAddress::text() const {
  if (is_unix()) return "unix:" + unix_path.string();
  const bool six = host.find(':') != host.npos;
  return concat(six ? "[" + host + "]" : host, ":", port);
}

ListenAddress parse_listen_address(std::string_view text) {
  const auto refuse_address = [&](std::string_view why) {
    fail(ErrorKind::invalid_input, "listen address '", printable(text), "': ", why,
         "; expected HOST:PORT, [IPV6]:PORT, :PORT or unix:PATH");
  };
  ListenAddress address;
  if (text.starts_with("unix:")) {
    address.unix_path = text.substr(5);
    if (address.unix_path.empty()) refuse_address("the path is empty");
    return address;
  }
  const size_t colon = text.rfind(':');
  if (colon == text.npos) refuse_address("the port is missing");
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) refuse_address("a bracket does not close");
    host = host.substr(1, host.size() - 2);
    in6_addr six;
    if (::inet_pton(AF_INET6, std::string(host).c_str(), &six) != 1)
      refuse_address("the brackets hold no IPv6 address");
  } else if (host.find(':') != host.npos) {
    refuse_address("an IPv6 address stands in brackets");
  }
  const std::string_view port = text.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != port.npos ||
      std::stoi(std::string(port)) > 65535)
    refuse_address("the port is no number up to 65535");
  address.host = host;
  address.port = std::stoi(std::string(port));
  return address;
}

void ServerConfig::validate() const {
  if (listen.empty()) fail(ErrorKind::invalid_input, "listen: there is no address");
  if (!url_prefix.empty() && (url_prefix[0] != '/' || url_prefix.ends_with('/') ||
                              url_prefix.find("//") != std::string::npos ||
                              url_prefix.find_first_of("?#% ") != std::string::npos))
    fail(ErrorKind::invalid_input, "url_prefix: expected the form /name, got '",
         printable(url_prefix), "'");
  if (tls_certificate.empty() != tls_key.empty())
    fail(ErrorKind::invalid_input, "tls_certificate and tls_key: one is given without the other");
  check_range("io_threads", io_threads, 1, 64);
  check_range("handler_threads", handler_threads, 1, 1024);
  check_range("heavy_threads", heavy_threads, 1, 1024);
  check_range("authoriser_threads", authoriser_threads, 1, 1024);
  check_range("io_nice", io_nice, -20, 19);
  check_range("max_connections", max_connections, 1, 1'000'000);
  check_range("header_bytes", header_bytes, 1 << 10, 1 << 24);
  check_range("header_count", header_count, 8, 10'000);
  check_range("uri_bytes", uri_bytes, 64, header_bytes);
  check_range("body_bytes", body_bytes, 0, int64_t{1} << 40);
  check_range("all_bodies_bytes", all_bodies_bytes, body_bytes, int64_t{1} << 44);
  check_range("stream_buffer_bytes", stream_buffer_bytes, 1 << 10, 1 << 30);
  constexpr int64_t day_ms = 86'400'000;
  check_range("header_timeout_ms", header_timeout_ms, 1, day_ms);
  check_range("body_timeout_ms", body_timeout_ms, 1, day_ms);
  check_range("idle_timeout_ms", idle_timeout_ms, 0, day_ms);
  check_range("write_timeout_ms", write_timeout_ms, 1, day_ms);
  check_range("keep_alive_ms", keep_alive_ms, 0, day_ms);
  check_range("last_words_ms", last_words_ms, 0, day_ms);
  for (const std::string& origin : cors_origins) {
    const size_t scheme = origin.find("://");
    const bool is_origin = scheme != origin.npos && origin.find('/', scheme + 3) == origin.npos;
    if (origin != "*" && origin != "null" && !is_origin)
      fail(ErrorKind::invalid_input, "cors_origins: expected SCHEME://HOST[:PORT], got '",
           printable(origin), "'");
  }
}

bool is_loopback(const ListenAddress& address) {
  if (address.is_unix() || same_name(address.host, "localhost")) return true;
  in_addr four;
  if (::inet_pton(AF_INET, address.host.c_str(), &four) == 1)
    return (ntohl(four.s_addr) >> 24) == 127;
  in6_addr six;
  if (::inet_pton(AF_INET6, address.host.c_str(), &six) != 1) return false;
  if (IN6_IS_ADDR_V4MAPPED(&six)) return six.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&six);
}

void check_bind(const std::vector<ListenAddress>& listen, bool has_keys, bool forced) {
  if (has_keys || forced) return;
  for (const ListenAddress& address : listen)
    if (!is_loopback(address))
      fail(ErrorKind::invalid_input, "listening on ", address.text(),
           " would let anyone on the network use this server: give it keys, listen on 127.0.0.1, "
           "or force it");
}

}  // namespace deepseek::serve
