// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"

namespace deepseek {

/// The longest config.json or generation_config.json that is read.
constexpr size_t config_limit_bytes = 16 << 20;

/// Typed reading of one JSON object that a stranger wrote. A field of the wrong type is refused
/// with bad_file "where: prefix.field: expected …, got …"; null counts as absent. Holds references:
/// object and `where` must outlive it.
class JsonFields {
 public:
  JsonFields(const nlohmann::json& object, const std::string& where, std::string prefix = "")
      : object_(object), where_(where), prefix_(std::move(prefix)) {}

  bool has(const char* name) const;
  /// The raw value, or null when absent.
  const nlohmann::json& raw(const char* name) const;

  std::optional<int64_t> integer(const char* name) const;
  std::optional<double> number(const char* name) const;
  std::optional<bool> boolean(const char* name) const;
  std::optional<std::string> text(const char* name) const;
  /// One integer or a list of them.
  std::vector<int64_t> integers(const char* name) const;
  /// A nested object, or nothing.
  std::optional<JsonFields> object(const char* name) const;

  /// The same, refusing absence.
  int64_t required_integer(const char* name) const;
  std::string required_text(const char* name) const;

  [[noreturn]] void refuse(const char* name, const std::string& expected) const;
  const std::string& where() const { return where_; }
  std::string full_name(const char* name) const { return prefix_ + name; }

 private:
  const nlohmann::json& object_;
  const std::string& where_;
  std::string prefix_;
};

/// A JSON value as an error message shows it, on one line and cut to a modest length.
std::string json_excerpt(const nlohmann::json& value);

}  // namespace deepseek
