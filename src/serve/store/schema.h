// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "serve/store/database.h"

namespace deepseek::store {

/// One step of the schema. `both` is spelled for either back end: {int} is INTEGER or BIGINT,
/// {blob} BLOB or BYTEA, {strict} STRICT or nothing. A released step never changes; a new one is
/// added.
struct Migration {
  const char* both;
  const char* sqlite;
  const char* postgres;
};
const std::vector<Migration>& migrations();
std::string spell_schema(const Migration& migration, Dialect dialect);

/// Steps that the store has; 0 when it is empty. Throws bad_file when the SQLite file belongs to
/// another program.
int64_t schema_version(Connection& connection);
void set_schema_version(Connection& connection, int64_t version);

/// A number of store_meta; 0 when it was never set.
int64_t meta_number(Connection& connection, std::string_view name);
void set_meta_number(Connection& connection, std::string_view name, int64_t number);
std::optional<std::string> meta_bytes(Connection& connection, std::string_view name);
void set_meta_bytes(Connection& connection, std::string_view name, const std::string& bytes);
/// 32 random bytes that the store drew for itself when they were first asked for.
std::string meta_secret(Database& database, std::string_view name);

}  // namespace deepseek::store
