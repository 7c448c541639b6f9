// SPDX-License-Identifier: Apache-2.0
#include "serve/files/form.h"

#include <algorithm>

#include "core/text.h"
#include "core/utf8.h"
#include "serve/http/message.h"
#include "serve/http/request_error.h"
#include "serve/http/router.h"

namespace deepseek::serve {
namespace {

constexpr size_t most_parts = 64;
constexpr size_t longest_head_bytes = 8 << 10;
constexpr size_t longest_boundary = 70;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// A header value such as `form-data; name="a\"b"; filename=c`: its first word, then parameters.
class HeaderValue {
 public:
  explicit HeaderValue(std::string_view text) : rest_(text) {
    const size_t end = std::min(rest_.find(';'), rest_.size());
    word_ = trimmed(rest_.substr(0, end));
    rest_.remove_prefix(end);
    while (!rest_.empty()) read_parameter();
  }

  std::string_view word() const { return word_; }
  const std::string* find(std::string_view name) const {
    for (const auto& [known, value] : parameters_)
      if (same_name(known, name)) return &value;
    return nullptr;
  }

 private:
  void read_parameter() {
    rest_.remove_prefix(1);  // the ';'
    const size_t equals = std::min(rest_.find('='), rest_.size());
    const std::string_view name = trimmed(rest_.substr(0, equals));
    rest_.remove_prefix(equals);
    if (rest_.empty()) return;
    rest_.remove_prefix(1);
    rest_ = rest_.substr(std::min(rest_.find_first_not_of(" \t"), rest_.size()));
    parameters_.emplace_back(name, rest_.starts_with('"') ? quoted() : bare());
    rest_.remove_prefix(std::min(rest_.find(';'), rest_.size()));
  }

  std::string quoted() {
    std::string value;
    size_t at = 1;
    for (; at < rest_.size() && rest_[at] != '"'; ++at) {
      if (rest_[at] == '\\' && at + 1 < rest_.size() &&
          (rest_[at + 1] == '"' || rest_[at + 1] == '\\'))
        ++at;
      value += rest_[at];
    }
    rest_.remove_prefix(std::min(at + 1, rest_.size()));
    return value;
  }

  std::string bare() const {
    return std::string(trimmed(rest_.substr(0, std::min(rest_.find(';'), rest_.size()))));
  }

  std::string_view rest_, word_;
  std::vector<std::pair<std::string, std::string>> parameters_;
};

std::string boundary_of(std::string_view content_type) {
  const HeaderValue type(content_type);
  if (!same_name(type.word(), "multipart/form-data"))
    refuse(415, "expected the content type multipart/form-data, got ",
           content_type.empty() ? "none" : printable(content_type, 100));
  const std::string* boundary = type.find("boundary");
  const bool fits = boundary && !boundary->empty() && boundary->size() <= longest_boundary &&
                    std::ranges::all_of(*boundary, [](char c) { return c > ' ' && c < 127; });
  if (!fits)
    refuse(400, "Content-Type: expected a boundary of 1 to ", longest_boundary,
           " printable characters");
  return *boundary;
}

/// What browsers and RFC 5987 do with names that a header cannot hold: name*=UTF-8''a%20b.
std::optional<std::string> filename_of(const HeaderValue& disposition) {
  std::optional<std::string> name;
  if (const std::string* plain = disposition.find("filename")) name = *plain;
  if (const std::string* extended = disposition.find("filename*")) {
    const size_t text = extended->find("''");
    const auto decoded = text == extended->npos
                             ? std::nullopt
                             : percent_decode(std::string_view(*extended).substr(text + 2));
    if (!decoded) refuse(400, "filename*: expected UTF-8''NAME, got ", printable(*extended, 100));
    name = *decoded;
  }
  return name;
}

FormPart read_head(std::string_view head) {
  FormPart part;
  bool found = false;
  while (!head.empty()) {
    const size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    const size_t colon = line.find(':');
    if (colon == line.npos)
      refuse(400, "form: expected a header field, got ", printable(line, 100));
    if (!same_name(trimmed(line.substr(0, colon)), "content-disposition")) continue;
    const HeaderValue disposition(trimmed(line.substr(colon + 1)));
    const std::string* name = disposition.find("name");
    if (!same_name(disposition.word(), "form-data") || !name)
      refuse(400, "form: expected Content-Disposition: form-data with a name, got ",
             printable(line, 100));
    part.name = *name;
    part.filename = filename_of(disposition);
    found = true;
  }
  if (!found) refuse(400, "form: a part has no Content-Disposition");
  if (!is_valid_utf8(part.name) || (part.filename && !is_valid_utf8(*part.filename)))
    refuse(400, "form: a name is not UTF-8");
  return part;
}

}  // namespace

std::vector<FormPart> parse_form(std::string_view content_type, std::string_view body) {
  const std::string delimiter = "--" + boundary_of(content_type);
  const std::string next = "\r\n" + delimiter;
  size_t at = body.starts_with(delimiter) ? 0 : body.find(next);
  if (at == body.npos) refuse(400, "form: the boundary of the Content-Type is not in the body");
  at += body.starts_with(delimiter) ? delimiter.size() : next.size();
  std::vector<FormPart> form;
  while (!body.substr(at).starts_with("--")) {
    if (!body.substr(at).starts_with("\r\n"))
      refuse(400, "form: expected a line break after the boundary of part ", form.size() + 1);
    if (form.size() == most_parts) refuse(400, "form: more than ", most_parts, " parts");
    at += 2;
    const size_t blank = body.find("\r\n\r\n", at);
    if (blank == body.npos || blank - at > longest_head_bytes)
      refuse(400, "form: the header of part ", form.size() + 1, " does not end within ",
             longest_head_bytes, " bytes");
    const size_t end = body.find(next, blank + 2);
    if (end == body.npos)
      refuse(400, "form: part ", form.size() + 1, " does not end; the body is cut off");
    FormPart part = read_head(body.substr(at, blank - at));
    // Without content the boundary follows the blank line itself.
    const size_t content = std::min(blank + 4, end);
    part.content = body.substr(content, end - content);
    form.push_back(std::move(part));
    at = end + next.size();
  }
  return form;
}

std::optional<std::string> form_text(const std::vector<FormPart>& form, std::string_view name) {
  std::optional<std::string> text;
  for (const FormPart& part : form) {
    if (part.name != name) continue;
    if (text || part.filename)
      refuse_param(400, std::string(name), "expected one value, got ",
                   part.filename ? "a file" : "several");
    text = std::string(part.content);
  }
  return text;
}

}  // namespace deepseek::serve
