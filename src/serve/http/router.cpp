// SPDX-License-Identifier: Apache-2.0
#include "serve/http/router.h"

#include <algorithm>

#include "core/error.h"
#include "core/utf8.h"

namespace deepseek::serve {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The segments after each '/' of "/a//b": "a", "", "b".
std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> segments;
  size_t begin = 1;
  while (begin <= path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    segments.emplace_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return segments;
}

std::string join_from(const std::vector<std::string>& segments, size_t first) {
  std::string text;
  for (size_t i = first; i < segments.size(); ++i) text += (i == first ? "" : "/") + segments[i];
  return text;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool form) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = char(high << 4 | low);
      i += 2;
    } else if (form && c == '+') {
      c = ' ';
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    decoded += c;
  }
  if (!is_valid_utf8(decoded)) return std::nullopt;
  return decoded;
}

Access Access::scope(std::string name) {
  if (name.empty())
    fail(ErrorKind::internal, "a route's scope has no name; Access::open() opens it");
  return {false, std::move(name)};
}

Router::Pattern Router::parse(const std::string& pattern) {
  const auto malformed = [&](std::string_view why) {
    fail(ErrorKind::internal, "route pattern '", pattern, "': ", why);
  };
  if (pattern.empty() || pattern[0] != '/') malformed("expected '/' at its beginning");
  Pattern parsed;
  for (const std::string& segment : split_path(pattern)) {
    if (parsed.tail) malformed("{name*} is not its last segment");
    const bool opens = segment.find('{') != segment.npos,
               closes = segment.find('}') != segment.npos;
    if (!opens && !closes) {
      parsed.segments.push_back(segment);
      parsed.names.emplace_back();
      continue;
    }
    if (segment.size() < 3 || segment.front() != '{' || segment.find('}') != segment.size() - 1 ||
        segment.rfind('{') != 0)
      malformed("a name in braces is a segment of its own");
    std::string name = segment.substr(1, segment.size() - 2);
    if (name.back() == '*') {
      name.pop_back();
      parsed.tail = true;
    }
    if (name.empty()) malformed("a name is empty");
    parsed.segments.emplace_back();
    parsed.names.push_back(std::move(name));
  }
  return parsed;
}

void Router::add(Route route) {
  if (!route.handler)
    fail(ErrorKind::internal, "route ", route.method, " ", route.pattern, " has no handler");
  Pattern parsed = parse(route.pattern);
  for (size_t i = 0; i < routes_.size(); ++i)
    if (routes_[i].method == route.method && patterns_[i].segments == parsed.segments &&
        patterns_[i].tail == parsed.tail)
      fail(ErrorKind::internal, "route ", route.method, " ", route.pattern, " is there twice");
  routes_.push_back(std::move(route));
  patterns_.push_back(std::move(parsed));
}

void Router::add(const std::vector<std::string>& patterns, const Route& route) {
  for (const std::string& pattern : patterns) {
    Route copy = route;
    copy.pattern = pattern;
    add(std::move(copy));
  }
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  if (path.empty() || path[0] != '/') refuse(400, "the path does not begin with '/'");
  std::vector<std::string> segments = split_path(path);
  for (std::string& segment : segments) {
    // Decoded after splitting: an encoded slash belongs to its segment.
    auto decoded = percent_decode(segment);
    if (!decoded) refuse(400, "the path has a malformed or forbidden percent escape");
    if (*decoded == "." || *decoded == "..") refuse(400, "the path has a '", *decoded, "' segment");
    segment = *std::move(decoded);
  }

  // More literal segments win; a tail loses against everything.
  const auto rank = [&](const Pattern& pattern) {
    int literals = 0;
    for (const std::string& name : pattern.names) literals += name.empty() ? 1 : 0;
    return literals * 2 + (pattern.tail ? 0 : 1);
  };
  const auto fits = [&](const Pattern& pattern) {
    const size_t fixed = pattern.segments.size() - (pattern.tail ? 1 : 0);
    if (pattern.tail ? segments.size() < fixed : segments.size() != fixed) return false;
    for (size_t i = 0; i < fixed; ++i)
      if (pattern.names[i].empty() ? pattern.segments[i] != segments[i] : segments[i].empty())
        return false;
    return true;
  };
  // The most literal pattern that fits is the path's own, whatever its methods: a page's catch-all
  // must not turn a 405 of the API into a 404 of its own.
  int best_rank = -1;
  for (const Pattern& pattern : patterns_)
    if (fits(pattern)) best_rank = std::max(best_rank, rank(pattern));
  Match best;
  size_t best_index = 0;
  for (size_t i = 0; i < routes_.size(); ++i) {
    if (rank(patterns_[i]) != best_rank || !fits(patterns_[i])) continue;
    best.allowed.push_back(routes_[i].method);
    if (!best.of_path) best.of_path = &routes_[i];
    const bool method_fits =
        routes_[i].method == method || (method == "HEAD" && routes_[i].method == "GET");
    if (!method_fits || best.route) continue;
    best.route = &routes_[i];
    best_index = i;
  }
  if (!best.route) {
    if (std::find(best.allowed.begin(), best.allowed.end(), "GET") != best.allowed.end())
      best.allowed.emplace_back("HEAD");
    return best;
  }
  best.allowed.clear();
  const Pattern& pattern = patterns_[best_index];
  for (size_t i = 0; i < pattern.names.size(); ++i) {
    if (pattern.names[i].empty()) continue;
    const bool rest = pattern.tail && i + 1 == pattern.names.size();
    best.path_values[pattern.names[i]] = rest ? join_from(segments, i) : segments[i];
  }
  return best;
}

}  // namespace deepseek::serve
