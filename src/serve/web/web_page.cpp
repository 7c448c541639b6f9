// SPDX-License-Identifier: Apache-2.0
#include "serve/web/web_page.h"

#include <algorithm>
#include <array>
#include <map>

#include "core/error.h"
#include "serve/http/request_error.h"
#include "serve/web/asset.h"

namespace deepseek::serve {
namespace {

/// Scripts, styles, fonts and requests of this server only; nothing inline, nothing evaluated,
/// framed by nobody. Pictures may also be made in the page.
constexpr const char* content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'; worker-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

std::string_view content_type(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> types{
      {{".html", "text/html; charset=utf-8"},
       {".js", "text/javascript; charset=utf-8"},
       {".css", "text/css; charset=utf-8"},
       {".svg", "image/svg+xml"},
       {".woff2", "font/woff2"},
       {".bin", "application/octet-stream"},
       {".txt", "text/plain; charset=utf-8"}}};
  for (const auto& [ending, type] : types)
    if (name.ends_with(ending)) return type;
  fail(ErrorKind::internal, "the web page's file ", name, " has no content type");
}

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Calls `use` with each item of "a, b;q=0", blanks removed, until it answers true.
template <class Use>
bool any_item(std::string_view list, const Use& use) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (use(trimmed(list.substr(0, comma)))) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

bool takes_gzip(const HttpRequest& request) {
  return any_item(request.header("Accept-Encoding"), [](std::string_view item) {
    const size_t semicolon = std::min(item.find(';'), item.size());
    if (trimmed(item.substr(0, semicolon)) != "gzip") return false;
    const std::string_view weight = item.substr(semicolon);
    return weight.find_first_of("123456789") != weight.npos || weight.find("q=") == weight.npos;
  });
}

bool holds_tag(const HttpRequest& request, std::string_view tag) {
  return any_item(request.header("If-None-Match"), [&](std::string_view item) {
    if (item.starts_with("W/")) item.remove_prefix(2);
    return item == tag || item == "*";
  });
}

/// `lasting`: the name changes with the content, so the file may be kept for ever.
HttpReply asset_reply(const WebAsset& asset, const HttpRequest& request, bool lasting) {
  const bool packed = !asset.gzip.empty() && takes_gzip(request);
  std::string tag = "\"";
  tag.append(asset.hash).append(packed ? "-gz\"" : "\"");
  HttpReply reply;
  reply.headers = {{"ETag", tag},
                   {"Cache-Control", lasting ? "public, max-age=31536000, immutable" : "no-cache"},
                   {"Vary", "Accept-Encoding"},
                   {"Content-Security-Policy", content_security_policy},
                   {"Cross-Origin-Opener-Policy", "same-origin"},
                   {"Cross-Origin-Resource-Policy", "same-origin"},
                   {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
                   {"Referrer-Policy", "no-referrer"},
                   {"X-Content-Type-Options", "nosniff"},
                   {"X-Frame-Options", "DENY"}};
  if (holds_tag(request, tag)) {
    reply.status = 304;
    return reply;
  }
  reply.headers.add("Content-Type", std::string(content_type(asset.name)));
  if (packed) reply.headers.add("Content-Encoding", "gzip");
  reply.body = packed ? asset.gzip.text() : asset.plain.text();
  return reply;
}

}  // namespace

void add_web_routes(Router& router) {
  std::map<std::string, WebAsset, std::less<>> files;
  for (const WebAsset& asset : web_assets()) files.emplace(asset.name, asset);
  const auto index = files.find("index.html");
  if (index == files.end()) fail(ErrorKind::internal, "the web page has no index.html");
  const auto options = [](const char* summary) {
    return RouteOptions{.on_io_thread = true, .always = true, .summary = summary};
  };
  const auto page = [asset = index->second](const HttpRequest& request) {
    return asset_reply(asset, request, false);
  };
  files.erase(index);
  router.add(Route("GET", "/", Access::open(), answering(page), options("The web page")));
  router.add(Route("GET", "/assets/{name}", Access::open(),
                   answering([files = std::move(files)](const HttpRequest& request) {
                     const auto file = files.find(request.path_value("name"));
                     if (file == files.end()) refuse(404, "the web page has no such file");
                     return asset_reply(file->second, request, true);
                   }),
                   options("A file of the web page")));
}

}  // namespace deepseek::serve
