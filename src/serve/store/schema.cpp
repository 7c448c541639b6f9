// SPDX-License-Identifier: Apache-2.0
#include "serve/store/schema.h"

#include "core/error.h"
#include "serve/store/digest.h"

namespace deepseek::store {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

int64_t count(Connection& connection, std::string_view sql) {
  return connection.query(sql).at(0).integer(0);
}

bool has_meta(Connection& connection) {
  if (connection.dialect() == Dialect::postgres)
    return count(connection,
                 "SELECT COUNT(*) FROM pg_catalog.pg_class WHERE relname = 'store_meta' AND "
                 "pg_catalog.pg_table_is_visible(oid)") > 0;
  if (count(connection, "SELECT COUNT(*) FROM sqlite_master WHERE name = 'store_meta'") > 0)
    return true;
  if (count(connection, "SELECT COUNT(*) FROM sqlite_master") > 0)
    fail(ErrorKind::bad_file, connection.place(),
         ": a database of another program, not a deepseek store; name another --data-path");
  return false;
}

}  // namespace

std::string spell_schema(const Migration& migration, Dialect dialect) {
  const bool sqlite = dialect == Dialect::sqlite;
  std::string sql = migration.both;
  replace_all(sql, "{int}", sqlite ? "INTEGER" : "BIGINT");
  replace_all(sql, "{blob}", sqlite ? "BLOB" : "BYTEA");
  replace_all(sql, "{strict}", sqlite ? "STRICT" : "");
  return sql + (sqlite ? migration.sqlite : migration.postgres);
}

int64_t schema_version(Connection& connection) {
  return has_meta(connection) ? meta_number(connection, "schema_version") : 0;
}

void set_schema_version(Connection& connection, int64_t version) {
  set_meta_number(connection, "schema_version", version);
}

int64_t meta_number(Connection& connection, std::string_view name) {
  const Rows rows = connection.query("SELECT number FROM store_meta WHERE name = ?", {name});
  return rows.empty() ? 0 : rows[0].optional_integer(0).value_or(0);
}

void set_meta_number(Connection& connection, std::string_view name, int64_t number) {
  connection.execute(
      "INSERT INTO store_meta (name, number) VALUES (?, ?) "
      "ON CONFLICT (name) DO UPDATE SET number = excluded.number",
      {name, number});
}

std::optional<std::string> meta_bytes(Connection& connection, std::string_view name) {
  const Rows rows = connection.query("SELECT bytes FROM store_meta WHERE name = ?", {name});
  if (rows.empty() || rows[0].is_null(0)) return std::nullopt;
  return rows[0].bytes(0);
}

void set_meta_bytes(Connection& connection, std::string_view name, const std::string& bytes) {
  connection.execute(
      "INSERT INTO store_meta (name, bytes) VALUES (?, ?) "
      "ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes",
      {name, Blob{bytes}});
}

std::string meta_secret(Database& database, std::string_view name) {
  const auto found =
      database.read([&](Connection& connection) { return meta_bytes(connection, name); });
  if (found) return *found;
  return database.write([&](Connection& connection) {
    if (const auto drawn_meanwhile = meta_bytes(connection, name)) return *drawn_meanwhile;
    const std::string secret = random_bytes(32);
    set_meta_bytes(connection, name, secret);
    return secret;
  });
}

}  // namespace deepseek::store
