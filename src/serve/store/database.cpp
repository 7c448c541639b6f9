// SPDX-License-Identifier: Apache-2.0
#include "serve/store/database.h"

#include <chrono>
#include <cstdlib>

#include "core/error.h"
#include "serve/store/digest.h"
#include "serve/store/postgres.h"
#include "serve/store/schema.h"
#include "serve/store/sqlite.h"

namespace deepseek::store {
namespace {

[[noreturn]] void unexpected_cell(size_t column, std::string_view wanted) {
  fail(ErrorKind::bad_file, "store: expected ", wanted, " in column ", column,
       " of an answer; the store was changed by another program");
}

std::unique_ptr<Connection> connect(const StoreLocation& location) {
  if (!location.url.empty()) return open_postgres(location.url, location.busy_timeout_ms);
  return open_sqlite(location.data_path / "store.sqlite3", location.busy_timeout_ms);
}

}  // namespace

int64_t system_clock_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

Value::Value(const std::optional<int64_t>& number) {
  if (number) data_.emplace<int64_t>(*number);
}

Value::Value(const std::optional<std::string>& text) {
  if (text) data_.emplace<std::string>(*text);
}

bool Row::is_null(size_t column) const {
  return std::holds_alternative<std::monostate>(cells_.at(column).data());
}

int64_t Row::integer(size_t column) const {
  if (const auto* number = std::get_if<int64_t>(&cells_.at(column).data())) return *number;
  unexpected_cell(column, "an integer");
}

const std::string& Row::text(size_t column) const {
  if (const auto* text = std::get_if<std::string>(&cells_.at(column).data())) return *text;
  unexpected_cell(column, "text");
}

const std::string& Row::bytes(size_t column) const {
  if (const auto* blob = std::get_if<Blob>(&cells_.at(column).data())) return blob->bytes;
  unexpected_cell(column, "bytes");
}

std::optional<int64_t> Row::optional_integer(size_t column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

std::optional<std::string> Row::optional_text(size_t column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

Database::Database(const StoreLocation& location) : Database(connect(location)) {}

Database::Database(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {
  migrate();
}

void Database::migrate() {
  const auto& scripts = migrations();
  const auto newest = int64_t(scripts.size());
  const auto check = [&](int64_t version) {
    if (version > newest)
      fail(ErrorKind::bad_file, place(), ": made by a newer deepseek (schema ", version,
           ", this one knows ", newest, "); use that version, or another --data-path");
  };
  // The common case writes nothing, so that it needs no turn at the store.
  const int64_t found = schema_version(*connection_);
  check(found);
  if (found == newest) return;
  write([&](Connection& connection) {
    int64_t version = schema_version(connection);
    check(version);
    for (; version < newest; ++version)
      connection.run_script(spell_schema(scripts[size_t(version)], connection.dialect()));
    set_schema_version(connection, newest);
  });
}

std::filesystem::path default_data_path() {
  if (const char* base = std::getenv("XDG_DATA_HOME"); base != nullptr && *base != '\0')
    return std::filesystem::path(base) / "deepseek";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
    return std::filesystem::path(home) / ".local/share/deepseek";
  fail(ErrorKind::not_found,
       "neither XDG_DATA_HOME nor HOME is set; name a folder with --data-path");
}

}  // namespace deepseek::store
