// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/http/exchange.h"

namespace deepseek::serve {

/// Who may call a route. There is no default and no way to leave it out.
class Access {
 public:
  /// Anyone who reaches the port: probes and the page's own files.
  static Access open() { return Access(true, ""); }
  /// Who has any key that the authoriser lets through, whatever it is for.
  static Access any_key() { return Access(false, ""); }
  /// Who the authoriser lets through for this scope, such as "inference" or "admin".
  static Access scope(std::string name);

  bool is_open() const { return open_; }
  /// Empty: none is needed.
  const std::string& scope() const { return scope_; }

 private:
  Access(bool open, std::string scope) : open_(open), scope_(std::move(scope)) {}
  bool open_;
  std::string scope_;
};

struct RouteOptions {
  ErrorDialect dialect = ErrorDialect::openai;
  /// Largest body; beyond it 413. Unset: the server's limit.
  std::optional<int64_t> body_limit_bytes = {};
  /// Runs the handler on an I/O thread: for answers of microseconds that must come even while every
  /// handler thread is busy. Such a handler never blocks.
  bool on_io_thread = false;
  /// Computes for long, and costs its caller little: the handler runs on threads that such routes
  /// share, so that it never holds up others.
  bool heavy = false;
  /// Answers also before the server is ready and while it drains.
  bool always = false;
  /// While a plain JSON reply is awaited, blank lines keep the connection alive; the status is then
  /// 200 before the outcome is known, as DeepSeek's own API does.
  bool blank_keep_alive = false;
  std::string summary = {};         // for /openapi.json
  std::string request_schema = {};  // a name among its schemas; empty: no JSON body
};

struct Route {
  Route(std::string method, std::string pattern, Access access, Handler handler,
        RouteOptions options = {})
      : method(std::move(method)),
        pattern(std::move(pattern)),
        access(std::move(access)),
        handler(std::move(handler)),
        options(std::move(options)) {}

  std::string method;
  /// "/v1/models/{model}": a name in braces takes one segment; "{path*}" as the last one takes the
  /// rest of the path, which may be empty.
  std::string pattern;
  Access access;
  Handler handler;
  RouteOptions options;
};

/// The table of routes. Build it, then hand it to the server; it is not changed after that.
class Router {
 public:
  /// Throws internal for a malformed pattern or a route that is already there.
  void add(Route route);
  /// One handler under several patterns, such as with and without "/v1".
  void add(const std::vector<std::string>& patterns, const Route& route);

  const std::vector<Route>& routes() const { return routes_; }

  struct Match {
    const Route* route = nullptr;    // null: see `allowed`
    const Route* of_path = nullptr;  // any of the path's, also where none has the method
    std::map<std::string, std::string, std::less<>> path_values = {};
    /// Methods that the path has, in order, when none is the one asked for; empty: no such path.
    std::vector<std::string> allowed = {};
  };

  /// `path` is still percent-encoded and starts with '/'. Literal segments win over names. HEAD
  /// matches GET routes. Throws RequestError 400 for a path that is malformed or has "." or ".."
  /// segments.
  Match match(std::string_view method, std::string_view path) const;

 private:
  struct Pattern {
    std::vector<std::string> segments;  // "" begins a name in names
    std::vector<std::string> names;     // per segment; empty for a literal
    bool tail = false;                  // the last name takes the rest
  };
  static Pattern parse(const std::string& pattern);

  std::vector<Route> routes_;
  std::vector<Pattern> patterns_;
};

/// "%41+b" → "A+b" (form: "A b"). Nothing when an escape is malformed or yields a control character
/// or text that is not UTF-8.
std::optional<std::string> percent_decode(std::string_view text, bool form = false);

}  // namespace deepseek::serve
