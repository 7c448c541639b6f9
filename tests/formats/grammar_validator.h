// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>

#include <chrono>
#include <cmath>
#include <regex>
#include <string>

#include "core/json.h"

namespace deepseek::testing {

/// JSON Schema as its specification reads, for the keywords that are enforced; oneOf counts as
/// anyOf. Shares nothing with the code under test.
class SchemaValidator {
 public:
  using json = nlohmann::json;
  explicit SchemaValidator(json root) : root_(std::move(root)) {}
  bool valid(const json& value) const { return check(root_, value); }

 private:
  static int64_t characters(const std::string& text) {
    int64_t count = 0;
    for (const char c : text) count += (uint8_t(c) & 0xC0) != 0x80;
    return count;
  }

  static bool has_type(const std::string& type, const json& v) {
    if (type == "integer")
      return v.is_number_integer() || (v.is_number() && std::floor(v.get<double>()) == v);
    if (type == "number") return v.is_number();
    if (type == "string") return v.is_string();
    if (type == "boolean") return v.is_boolean();
    if (type == "null") return v.is_null();
    if (type == "array") return v.is_array();
    return type == "object" && v.is_object();
  }

  static bool has_format(const std::string& format, const std::string& text) {
    namespace ch = std::chrono;
    unsigned char address[16];
    if (format == "ipv4") return inet_pton(AF_INET, text.c_str(), address) == 1;
    if (format == "ipv6") return inet_pton(AF_INET6, text.c_str(), address) == 1;
    if (format == "date" || format == "date-time") {
      int y = 0, m = 0, d = 0;
      if (std::sscanf(text.c_str(), "%4d-%2d-%2d", &y, &m, &d) != 3) return false;
      const bool real =
          ch::year_month_day(ch::year(y), ch::month(unsigned(m)), ch::day(unsigned(d))).ok();
      return real && (format == "date" ? text.size() == 10
                                       : text[10] == 'T' && has_format("time", text.substr(11)));
    }
    if (format == "time") {
      int h = 0, m = 0, s = 0;
      return std::sscanf(text.c_str(), "%2d:%2d:%2d", &h, &m, &s) == 3 && h < 24 && m < 60 &&
             s < 60 && (text.back() == 'Z' || text.find_first_of("+-") == text.size() - 6);
    }
    if (format == "uuid") {
      static const std::regex uuid("[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}");
      return std::regex_match(text, uuid);
    }
    if (format == "email") {
      const size_t at = text.find('@');
      return at != std::string::npos && at > 0 && has_format("hostname", text.substr(at + 1));
    }
    if (format == "hostname") {
      if (text.empty() || text.size() > 253) return false;
      for (size_t begin = 0; begin <= text.size();) {
        const size_t end = std::min(text.find('.', begin), text.size());
        const std::string label = text.substr(begin, end - begin);
        if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-')
          return false;
        begin = end + 1;
      }
      return true;
    }
    if (format == "uri") return text.find("://") != std::string::npos;
    return format == "duration" && text[0] == 'P' && text.size() > 2;
  }

  const json& resolve(const std::string& ref) const {
    return ref == "#" ? root_ : root_.at(json::json_pointer(ref.substr(1)));
  }

  bool check(const json& s, const json& v) const {
    if (s.is_boolean()) return s.get<bool>();
    if (s.contains("$ref") && !check(resolve(s["$ref"]), v)) return false;
    if (s.contains("type") && !(s.value("nullable", false) && v.is_null())) {
      bool any = false;
      for (const json& type : s["type"].is_array() ? s["type"] : json::array({s["type"]}))
        any = any || has_type(type, v);
      if (!any) return false;
    }
    if (s.contains("enum") && std::find(s["enum"].begin(), s["enum"].end(), v) == s["enum"].end())
      return false;
    if (s.contains("const") && s["const"] != v) return false;
    for (const json& part : s.value("allOf", json::array()))
      if (!check(part, v)) return false;
    for (const char* key : {"anyOf", "oneOf"}) {
      if (!s.contains(key)) continue;
      if (std::none_of(s[key].begin(), s[key].end(), [&](const json& o) { return check(o, v); }))
        return false;
    }
    if (v.is_number() && !check_number(s, v.get<double>())) return false;
    if (v.is_string() && !check_string(s, v.get<std::string>())) return false;
    if (v.is_array() && !check_array(s, v)) return false;
    return !v.is_object() || check_object(s, v);
  }

  static bool check_number(const json& s, double v) {
    return !(s.contains("minimum") && v < s["minimum"].get<double>()) &&
           !(s.contains("maximum") && v > s["maximum"].get<double>()) &&
           !(s.contains("exclusiveMinimum") && v <= s["exclusiveMinimum"].get<double>()) &&
           !(s.contains("exclusiveMaximum") && v >= s["exclusiveMaximum"].get<double>()) &&
           !(s.contains("multipleOf") && std::fmod(v, s["multipleOf"].get<double>()) != 0);
  }

  static bool check_string(const json& s, const std::string& v) {
    return characters(v) >= s.value("minLength", int64_t{0}) &&
           characters(v) <= s.value("maxLength", int64_t{1} << 40) &&
           (!s.contains("pattern") ||
            std::regex_search(v, std::regex(s["pattern"].get<std::string>()))) &&
           (!s.contains("format") || has_format(s["format"], v));
  }

  bool check_array(const json& s, const json& v) const {
    const auto size = int64_t(v.size());
    if (size < s.value("minItems", int64_t{0}) || size > s.value("maxItems", int64_t{1} << 40))
      return false;
    const json prefix = s.value("prefixItems", json::array());
    for (size_t i = 0; i < v.size(); ++i) {
      if (i < prefix.size() ? !check(prefix[i], v[i])
                            : s.contains("items") && !check(s["items"], v[i]))
        return false;
    }
    return true;
  }

  bool check_object(const json& s, const json& v) const {
    for (const json& name : s.value("required", json::array()))
      if (!v.contains(name.get<std::string>())) return false;
    const auto size = int64_t(v.size());
    if (size < s.value("minProperties", int64_t{0}) ||
        size > s.value("maxProperties", int64_t{1} << 40))
      return false;
    const json properties = s.value("properties", json::object());
    const json patterns = s.value("patternProperties", json::object());
    for (const auto& [name, value] : v.items()) {
      bool known = properties.contains(name);
      if (known && !check(properties[name], value)) return false;
      for (const auto& [pattern, schema] : patterns.items()) {
        if (!std::regex_search(name, std::regex(pattern))) continue;
        known = true;
        if (!check(schema, value)) return false;
      }
      if (!known && s.contains("additionalProperties") && !check(s["additionalProperties"], value))
        return false;
      if (s.contains("propertyNames") && !check(s["propertyNames"], name)) return false;
    }
    return true;
  }

  json root_;
};

}  // namespace deepseek::testing
