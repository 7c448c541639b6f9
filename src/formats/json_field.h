// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/error.h"
#include "core/json.h"

namespace deepseek {

/// A JSON value of unknown origin together with where it stands, for messages: "FILE: a.b[3]".
class JsonField {
 public:
  JsonField(const nlohmann::json& value, std::string where)
      : JsonField(value, std::move(where), ".") {}
  /// The whole of a file.
  static JsonField of_file(const nlohmann::json& value, std::string file) {
    return {value, std::move(file), ": "};
  }

  const nlohmann::json& value() const { return *value_; }
  const std::string& where() const { return where_; }
  bool is_null() const { return value_->is_null(); }

  /// The member `key`, or null where the object has none. Throws bad_file if this is no object.
  JsonField operator[](const std::string& key) const {
    static const nlohmann::json absent;
    if (!value_->is_object()) mismatch("an object");
    const auto at = value_->find(key);
    return {at == value_->end() ? absent : *at, concat(where_, separator_, printable(key))};
  }
  size_t size() const {
    if (!value_->is_array()) mismatch("a list");
    return value_->size();
  }
  JsonField operator[](size_t index) const {
    return {(*value_)[index], concat(where_, "[", index, "]")};
  }

  const std::string& text() const {
    if (!value_->is_string()) mismatch("a string");
    return value_->get_ref<const std::string&>();
  }
  bool flag(bool absent) const {
    if (is_null()) return absent;
    if (!value_->is_boolean()) mismatch("true or false");
    return value_->get<bool>();
  }
  int64_t integer() const {
    if (!value_->is_number_integer()) mismatch("an integer");
    if (value_->is_number_unsigned() && value_->get<uint64_t>() > uint64_t(INT64_MAX))
      return INT64_MAX;
    return value_->get<int64_t>();
  }
  [[noreturn]] void mismatch(std::string_view expected) const {
    fail(ErrorKind::bad_file, where_, ": expected ", expected, ", got ",
         printable(value_->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), 60));
  }

 private:
  JsonField(const nlohmann::json& value, std::string where, const char* separator)
      : value_(&value), where_(std::move(where)), separator_(separator) {}

  const nlohmann::json* value_;
  std::string where_;
  const char* separator_;  // before the name of a member
};

}  // namespace deepseek
