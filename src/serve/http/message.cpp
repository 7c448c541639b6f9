// SPDX-License-Identifier: Apache-2.0
#include "serve/http/message.h"

#include <algorithm>
#include <array>

namespace deepseek::serve {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; }

struct StatusRow {
  int status;
  std::string_view text;
};

constexpr std::array statuses{
    StatusRow{200, "OK"},
    StatusRow{201, "Created"},
    StatusRow{202, "Accepted"},
    StatusRow{204, "No Content"},
    StatusRow{206, "Partial Content"},
    StatusRow{301, "Moved Permanently"},
    StatusRow{302, "Found"},
    StatusRow{304, "Not Modified"},
    StatusRow{307, "Temporary Redirect"},
    StatusRow{308, "Permanent Redirect"},
    StatusRow{400, "Bad Request"},
    StatusRow{401, "Unauthorized"},
    StatusRow{402, "Payment Required"},
    StatusRow{403, "Forbidden"},
    StatusRow{404, "Not Found"},
    StatusRow{405, "Method Not Allowed"},
    StatusRow{408, "Request Timeout"},
    StatusRow{409, "Conflict"},
    StatusRow{410, "Gone"},
    StatusRow{413, "Content Too Large"},
    StatusRow{414, "URI Too Long"},
    StatusRow{415, "Unsupported Media Type"},
    StatusRow{417, "Expectation Failed"},
    StatusRow{422, "Unprocessable Content"},
    StatusRow{429, "Too Many Requests"},
    StatusRow{431, "Request Header Fields Too Large"},
    StatusRow{499, "Client Closed Request"},
    StatusRow{500, "Internal Server Error"},
    StatusRow{501, "Not Implemented"},
    StatusRow{502, "Bad Gateway"},
    StatusRow{503, "Service Unavailable"},
    StatusRow{504, "Gateway Timeout"},
    StatusRow{505, "HTTP Version Not Supported"},
    StatusRow{529, "Overloaded"},
};

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

void HttpHeaders::add(std::string name, std::string value) {
  fields_.emplace_back(std::move(name), std::move(value));
}

void HttpHeaders::set(std::string name, std::string value) {
  remove(name);
  add(std::move(name), std::move(value));
}

void HttpHeaders::remove(std::string_view name) {
  std::erase_if(fields_, [&](const auto& field) { return same_name(field.first, name); });
}

const std::string* HttpHeaders::find(std::string_view name) const {
  for (const auto& [own, value] : fields_)
    if (same_name(own, name)) return &value;
  return nullptr;
}

std::string_view HttpHeaders::value(std::string_view name) const {
  const std::string* found = find(name);
  return found ? std::string_view(*found) : std::string_view();
}

size_t HttpHeaders::count(std::string_view name) const {
  return size_t(std::count_if(fields_.begin(), fields_.end(),
                              [&](const auto& field) { return same_name(field.first, name); }));
}

const std::string* HttpRequest::query_value(std::string_view name) const {
  for (const auto& [own, value] : query)
    if (own == name) return &value;
  return nullptr;
}

std::string_view HttpRequest::path_value(std::string_view name) const {
  const auto found = path_values.find(name);
  return found == path_values.end() ? std::string_view() : std::string_view(found->second);
}

HttpReply json_reply(std::string body, int status) {
  return text_reply(std::move(body), status, "application/json");
}

HttpReply text_reply(std::string body, int status, std::string_view content_type) {
  return {status, {{"Content-Type", std::string(content_type)}}, std::move(body)};
}

std::string_view status_text(int status) {
  for (const StatusRow& row : statuses)
    if (row.status == status) return row.text;
  return "Status";
}

}  // namespace deepseek::serve
