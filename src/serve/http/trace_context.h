// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace deepseek::serve {

/// Where a request stands in a distributed trace (W3C Trace Context, level 1).
struct TraceContext {
  std::string trace_id;   // 32 hexadecimal digits, not all zero
  std::string span_id;    // 16, of our own span
  std::string parent_id;  // 16, the caller's span; empty when the trace begins here
  bool sampled = false;

  /// The header to send to whoever we call: our span is their parent.
  std::string traceparent() const;
};

/// Nothing when the header is malformed, which by the standard means that a new trace begins.
/// span_id is left empty.
std::optional<TraceContext> parse_traceparent(std::string_view header);

/// The context of a request: a child of `header` when it is valid, else a new unsampled trace.
TraceContext trace_of_request(std::string_view header);

/// `size` random hexadecimal digits from the operating system.
std::string random_hex(size_t size);

/// The client's id when it is 1 to 128 characters of [A-Za-z0-9._:-], else a new one: what an id
/// may hold is printed into logs and replies unescaped.
std::string request_id_of(std::string_view header);

}  // namespace deepseek::serve
