// SPDX-License-Identifier: Apache-2.0
#include "serve/batches/batch_input.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/text.h"
#include "formats/json.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;

constexpr size_t longest_line_bytes = size_t{16} << 20;
constexpr size_t longest_custom_id = 512;

const std::string* text_of(const ordered_json& line, const char* name) {
  const auto at = line.find(name);
  return at == line.end() ? nullptr : at->get_ptr<const std::string*>();
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

class Checker {
 public:
  explicit Checker(const std::string& endpoint) : endpoint_(endpoint) {}

  BatchInput::Checked run(std::string_view text) {
    size_t at = 0;
    for (int64_t number = 1; at < text.size() && !full(); ++number) {
      const size_t end = std::min(text.find('\n', at), text.size());
      const std::string_view line = text.substr(at, end - at);
      if (line.find_first_not_of(" \t\r") != line.npos) {
        if (result_.lines.size() == BatchInput::most_lines) {
          offend(number, "too_many_requests",
                 concat("expected at most ", BatchInput::most_lines, " requests"));
          break;
        }
        read_line(line, number, at);
      }
      at = end + 1;
    }
    if (result_.lines.empty() && result_.errors.empty())
      offend(0, "empty_file", "the file holds no request");
    return std::move(result_);
  }

 private:
  bool full() const { return result_.errors.size() == BatchInput::most_errors; }

  void offend(int64_t line, const char* code, const std::string& message,
              const char* param = nullptr) {
    result_.errors.push_back({{"code", code},
                              {"line", line > 0 ? ordered_json(line) : ordered_json(nullptr)},
                              {"message", message},
                              {"param", param ? ordered_json(param) : ordered_json(nullptr)}});
  }

  void read_line(std::string_view text, int64_t number, size_t first_byte) {
    if (text.size() > longest_line_bytes)
      return offend(number, "line_too_long",
                    concat("expected at most ", longest_line_bytes, " bytes, got ", text.size()));
    ordered_json line;
    try {
      line = parse_json<ordered_json>(text, ErrorKind::invalid_input, "");
    } catch (const Error& error) {
      return offend(number, "invalid_json_line", error.what());
    }
    if (!line.is_object())
      return offend(number, "invalid_json_line",
                    concat("expected a JSON object, got a JSON ", line.type_name()));
    const std::string* custom_id = text_of(line, "custom_id");
    if (!custom_id || custom_id->empty() || custom_id->size() > longest_custom_id)
      return offend(number, "missing_required_parameter",
                    concat("expected a text of 1 to ", longest_custom_id, " bytes"), "custom_id");
    if (std::ranges::any_of(*custom_id, is_control))
      return offend(number, "invalid_value",
                    concat("expected no control characters, got '", printable(*custom_id, 60), "'"),
                    "custom_id");
    if (!seen_.insert(*custom_id).second)
      return offend(number, "duplicate_custom_id",
                    concat("'", printable(*custom_id, 60), "' came before"), "custom_id");
    if (const std::string* method = text_of(line, "method"); !method || *method != "POST")
      return offend(number, "invalid_method", "expected POST", "method");
    if (const std::string* url = text_of(line, "url"); !url || *url != endpoint_)
      return offend(number, "invalid_url",
                    concat("expected the batch's endpoint ", endpoint_, ", got ",
                           url ? printable(*url, 60) : "none"),
                    "url");
    const auto body = line.find("body");
    if (body == line.end() || !body->is_object())
      return offend(number, "missing_required_parameter", "expected an object", "body");
    if (const auto stream = body->find("stream"); stream != body->end() && *stream == true)
      return offend(number, "invalid_value", "a batch has nobody to stream to", "body.stream");
    result_.lines.push_back({.line = static_cast<int64_t>(result_.lines.size()),
                             .custom_id = *custom_id,
                             .first_byte = static_cast<int64_t>(first_byte),
                             .size_bytes = static_cast<int64_t>(text.size())});
  }

  const std::string& endpoint_;
  BatchInput::Checked result_;
  std::set<std::string> seen_;
};

}  // namespace

std::string_view BatchInput::text() const {
  return {reinterpret_cast<const char*>(file_->bytes().data()), file_->bytes().size()};
}

BatchInput::Checked BatchInput::check(const std::string& endpoint) const {
  return Checker(endpoint).run(text());
}

ordered_json BatchInput::body(const store::BatchLine& line) const {
  return ordered_json::parse(text().substr(size_t(line.first_byte), size_t(line.size_bytes)))
      .at("body");
}

}  // namespace deepseek::serve
