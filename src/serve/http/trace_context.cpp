// SPDX-License-Identifier: Apache-2.0
#include "serve/http/trace_context.h"

#include <sys/random.h>

#include <algorithm>
#include <array>

#include "core/error.h"

namespace deepseek::serve {
namespace {

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool all_zero(std::string_view text) { return text.find_first_not_of('0') == text.npos; }

int hex_value(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

}  // namespace

std::string random_hex(size_t size) {
  // The system's generator costs a call; a thread draws from it in blocks.
  thread_local std::array<unsigned char, 256> pool;
  thread_local size_t used = pool.size();
  std::string text;
  text.reserve(size + 1);
  while (text.size() < size) {
    if (used == pool.size()) {
      if (::getrandom(pool.data(), pool.size(), 0) != ssize_t(pool.size()))
        fail(ErrorKind::internal, "the system gives no random numbers");
      used = 0;
    }
    constexpr std::string_view digits = "0123456789abcdef";
    const unsigned char byte = pool[used++];
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  text.resize(size);
  return text;
}

std::string TraceContext::traceparent() const {
  return "00-" + trace_id + "-" + span_id + (sampled ? "-01" : "-00");
}

std::optional<TraceContext> parse_traceparent(std::string_view header) {
  // version "-" trace-id "-" parent-id "-" flags, and in versions after 00 perhaps "-" more.
  if (header.size() < 55) return std::nullopt;
  const std::string_view version = header.substr(0, 2), trace = header.substr(3, 32),
                         parent = header.substr(36, 16), flags = header.substr(53, 2);
  if (header[2] != '-' || header[35] != '-' || header[52] != '-') return std::nullopt;
  if (!is_lower_hex(version) || !is_lower_hex(trace) || !is_lower_hex(parent) ||
      !is_lower_hex(flags))
    return std::nullopt;
  if (version == "ff" || all_zero(trace) || all_zero(parent)) return std::nullopt;
  if (version == "00" ? header.size() != 55 : header.size() > 55 && header[55] != '-')
    return std::nullopt;
  TraceContext context;
  context.trace_id = trace;
  context.parent_id = parent;
  context.sampled = (hex_value(flags[1]) & 1) != 0;
  return context;
}

TraceContext trace_of_request(std::string_view header) {
  TraceContext context;
  if (auto parsed = parse_traceparent(header))
    context = *std::move(parsed);
  else
    context.trace_id = random_hex(32);
  context.span_id = random_hex(16);
  return context;
}

std::string request_id_of(std::string_view header) {
  const auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == ':' || c == '-';
  };
  if (!header.empty() && header.size() <= 128 && std::all_of(header.begin(), header.end(), plain))
    return std::string(header);
  return "req-" + random_hex(24);
}

}  // namespace deepseek::serve
