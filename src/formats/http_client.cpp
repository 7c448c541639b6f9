// SPDX-License-Identifier: Apache-2.0
#include "formats/http_client.h"

#include <curl/curl.h>

#include <exception>
#include <memory>

#include "core/error.h"
#include "core/text.h"

namespace deepseek {
namespace {

constexpr int most_redirects = 10;
constexpr long connect_timeout_s = 20;
constexpr long silence_s = 30;

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, UrlDeleter>;

Url parse_url(const std::string& text) {
  Url url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK)
    fail(ErrorKind::network, "'", printable(text), "': not a URL");
  return url;
}

std::string url_part(const Url& url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return "";
  std::string copy(text);
  curl_free(text);
  return copy;
}

std::string origin_of(const std::string& text) {
  const Url url = parse_url(text);
  return concat(url_part(url, CURLUPART_SCHEME), "://", url_part(url, CURLUPART_HOST), ":",
                url_part(url, CURLUPART_PORT));
}

/// Where `location`, perhaps relative, leads from `base`.
std::string redirect_target(const std::string& base, const std::string& location) {
  const Url url = parse_url(base);
  const bool from_https = url_part(url, CURLUPART_SCHEME) == "https";
  if (curl_url_set(url.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK)
    fail(ErrorKind::network, printable(base), ": redirects to '", printable(location),
         "', which is not a URL");
  if (from_https && url_part(url, CURLUPART_SCHEME) != "https")
    fail(ErrorKind::network, printable(base), ": redirects from https to '", printable(location),
         "'; refused");
  return url_part(url, CURLUPART_URL);
}

struct Transfer {
  const HttpRequest& request;
  const HttpBody& body;
  CURL* easy;
  HttpReply& reply;
  std::map<std::string, std::string> hop_headers = {};
  bool begun = false;
  std::exception_ptr failure = {};

  bool has_body() const { return reply.status == 200 || reply.status == 206; }

  void begin() {
    if (begun || !has_body()) return;
    begun = true;
    uint64_t first = 0;
    if (reply.status == 206) {
      const auto range = hop_headers.find("content-range");
      const std::string expected = concat("bytes ", request.first_byte, "-");
      if (range == hop_headers.end() || !range->second.starts_with(expected))
        fail(ErrorKind::network, printable(request.url), ": expected Content-Range ", expected,
             "…, got '", range == hop_headers.end() ? "" : printable(range->second), "'");
      first = request.first_byte;
    }
    body.begin(first);
  }

  /// Exceptions must not cross libcurl; they are kept and thrown once it has returned.
  template <class Work>
  bool guarded(const Work& work) {
    try {
      work();
      return true;
    } catch (...) {
      failure = std::current_exception();
      return false;
    }
  }
};

size_t on_header(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view line(data, size);
  if (line.starts_with("HTTP/")) {
    transfer.hop_headers.clear();
    return size;
  }
  const size_t colon = line.find(':');
  if (colon == line.npos || transfer.hop_headers.size() > 200) return size;
  std::string name(line.substr(0, colon));
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == '\r' || value.back() == '\n' || value.back() == ' '))
    value.remove_suffix(1);
  transfer.hop_headers[name] = std::string(value);
  return size;
}

size_t on_body(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  transfer.reply.status = int(status);
  if (!transfer.has_body()) return size;
  const bool good = transfer.guarded([&] {
    transfer.begin();
    transfer.body.bytes({data, size});
  });
  return good ? size : 0;
}

/// Lets an interrupt through while nothing arrives.
int on_tick(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(user);
  return transfer.guarded([&] {
    if (transfer.body.tick) transfer.body.tick();
  })
             ? 0
             : 1;
}

void run_hop(const std::string& url, const std::string& token, const HttpRequest& request,
             const HttpBody& body, HttpReply& reply,
             std::map<std::string, std::string>& hop_headers) {
  const std::unique_ptr<CURL, EasyDeleter> easy(curl_easy_init());
  if (!easy) throw std::bad_alloc();
  Transfer transfer{request, body, easy.get(), reply};
  std::unique_ptr<curl_slist, ListDeleter> headers;
  if (!token.empty())
    headers.reset(curl_slist_append(nullptr, concat("Authorization: Bearer ", token).c_str()));
  const std::string cookie = concat(request.token_cookie, "=", token);
  CURL* c = easy.get();
  curl_easy_setopt(c, CURLOPT_URL, url.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers.get());
  if (!token.empty() && !request.token_cookie.empty())
    curl_easy_setopt(c, CURLOPT_COOKIE, cookie.c_str());
  curl_easy_setopt(c, CURLOPT_USERAGENT, "deepseek");
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, connect_timeout_s);
  curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, silence_s);
  curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(c, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_tick);
  curl_easy_setopt(c, CURLOPT_XFERINFODATA, &transfer);
  const std::string range = concat(request.first_byte, "-");
  if (request.first_byte > 0) curl_easy_setopt(c, CURLOPT_RANGE, range.c_str());

  const CURLcode code = curl_easy_perform(c);
  if (transfer.failure) std::rethrow_exception(transfer.failure);
  if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
      code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
    fail(ErrorKind::network, printable(url), ": ", curl_easy_strerror(code));
  if (code != CURLE_OK) throw HttpFailure{concat(printable(url), ": ", curl_easy_strerror(code))};
  long status = 0;
  curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
  reply.status = int(status);
  transfer.begin();
  hop_headers = std::move(transfer.hop_headers);
}

void initialise_once() {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  if (!ready) fail(ErrorKind::network, "the HTTP client does not start");
}

}  // namespace

std::optional<std::string> HttpReply::header(const std::string& name) const {
  const auto found = headers.find(name);
  if (found == headers.end()) return std::nullopt;
  return found->second;
}

HttpReply http_get(const HttpRequest& request, const HttpBody& body) {
  initialise_once();
  const std::string own_origin = origin_of(request.url);
  HttpReply reply;
  std::string url = request.url;
  for (int hop = 0; hop <= most_redirects; ++hop) {
    const std::string token = origin_of(url) == own_origin ? request.bearer_token : "";
    std::map<std::string, std::string> hop_headers;
    run_hop(url, token, request, body, reply, hop_headers);
    const auto location = hop_headers.find("location");
    const bool redirected =
        reply.status >= 301 && reply.status <= 308 && location != hop_headers.end();
    const std::string next = redirected ? redirect_target(url, location->second) : "";
    reply.headers.merge(hop_headers);
    if (!redirected) return reply;
    url = next;
  }
  fail(ErrorKind::network, printable(request.url), ": more than ", most_redirects, " redirects");
}

}  // namespace deepseek
