// SPDX-License-Identifier: Apache-2.0
#include "serve/store/schema.h"

namespace deepseek::store {
namespace {

// Times are milliseconds since 1970 in UTC, amounts micro-units of a currency, prices micro-units
// for a million tokens.
constexpr const char* first_both = R"sql(
CREATE TABLE store_meta (name TEXT NOT NULL PRIMARY KEY, number {int}, bytes {blob}) {strict};

CREATE TABLE api_keys (
  id TEXT NOT NULL PRIMARY KEY, hash {blob} NOT NULL UNIQUE, shown TEXT NOT NULL,
  name TEXT NOT NULL, scopes TEXT NOT NULL, models TEXT NOT NULL, expires_at_ms {int},
  requests_per_minute {int}, tokens_per_minute {int}, concurrency {int},
  disabled {int} NOT NULL, revoked_at_ms {int}, created_at_ms {int} NOT NULL) {strict};
CREATE TABLE balances (
  key_id TEXT NOT NULL PRIMARY KEY REFERENCES api_keys (id), currency TEXT NOT NULL,
  prepaid {int} NOT NULL, granted_micro {int} NOT NULL, topped_up_micro {int} NOT NULL,
  reserved_micro {int} NOT NULL) {strict};

CREATE TABLE owners (
  id TEXT NOT NULL PRIMARY KEY, host TEXT NOT NULL, pid {int} NOT NULL,
  start_ticks {int} NOT NULL, lease_until_ms {int} NOT NULL) {strict};
CREATE TABLE reservations (
  id TEXT NOT NULL PRIMARY KEY, key_id TEXT NOT NULL, owner TEXT NOT NULL, model TEXT NOT NULL,
  currency TEXT NOT NULL, price TEXT NOT NULL, hit_price {int} NOT NULL,
  miss_price {int} NOT NULL, output_price {int} NOT NULL, prompt_tokens {int} NOT NULL,
  max_output_tokens {int} NOT NULL, reserved_micro {int} NOT NULL, hit_tokens {int} NOT NULL,
  miss_tokens {int} NOT NULL, output_tokens {int} NOT NULL,
  admitted_at_ms {int} NOT NULL) {strict};
CREATE INDEX reservations_by_owner ON reservations (owner);

CREATE TABLE ledger (
  seq {int} NOT NULL PRIMARY KEY, entry_id TEXT NOT NULL UNIQUE, at_ms {int} NOT NULL,
  key_id TEXT NOT NULL, kind TEXT NOT NULL, currency TEXT NOT NULL,
  granted_micro {int} NOT NULL, topped_up_micro {int} NOT NULL, model TEXT NOT NULL,
  price TEXT NOT NULL, hit_price {int} NOT NULL, miss_price {int} NOT NULL,
  output_price {int} NOT NULL, hit_tokens {int} NOT NULL, miss_tokens {int} NOT NULL,
  output_tokens {int} NOT NULL, outcome TEXT NOT NULL, admitted_at_ms {int} NOT NULL,
  note TEXT NOT NULL, previous_hash {blob} NOT NULL, hash {blob} NOT NULL) {strict};
CREATE INDEX ledger_by_key ON ledger (key_id, seq);

CREATE TABLE usage_days (
  key_id TEXT NOT NULL, model TEXT NOT NULL, day {int} NOT NULL, currency TEXT NOT NULL,
  requests {int} NOT NULL, hit_tokens {int} NOT NULL, miss_tokens {int} NOT NULL,
  output_tokens {int} NOT NULL, cost_micro {int} NOT NULL,
  PRIMARY KEY (key_id, model, day, currency)) {strict};

CREATE TABLE idempotency (
  key_id TEXT NOT NULL, idempotency_key TEXT NOT NULL, body_hash {blob} NOT NULL,
  owner TEXT NOT NULL, state TEXT NOT NULL, status {int} NOT NULL, headers TEXT NOT NULL,
  reply {blob} NOT NULL, size_bytes {int} NOT NULL, created_at_ms {int} NOT NULL,
  PRIMARY KEY (key_id, idempotency_key)) {strict};
CREATE INDEX idempotency_by_age ON idempotency (created_at_ms);

CREATE TABLE files (
  id TEXT NOT NULL PRIMARY KEY, key_id TEXT NOT NULL, name TEXT NOT NULL, purpose TEXT NOT NULL,
  size_bytes {int} NOT NULL, sha256 TEXT NOT NULL, created_at_ms {int} NOT NULL,
  expires_at_ms {int}) {strict};
CREATE INDEX files_by_key ON files (key_id, created_at_ms, id);
CREATE INDEX files_by_content ON files (sha256);

CREATE TABLE batches (
  id TEXT NOT NULL PRIMARY KEY, key_id TEXT NOT NULL, endpoint TEXT NOT NULL,
  completion_window TEXT NOT NULL, input_file_id TEXT NOT NULL, output_file_id TEXT,
  error_file_id TEXT, status TEXT NOT NULL, owner TEXT NOT NULL, metadata TEXT NOT NULL, errors TEXT NOT NULL,
  total {int} NOT NULL, completed {int} NOT NULL, failed {int} NOT NULL,
  created_at_ms {int} NOT NULL, expires_at_ms {int} NOT NULL, in_progress_at_ms {int},
  finalizing_at_ms {int}, completed_at_ms {int}, failed_at_ms {int}, expired_at_ms {int},
  cancelling_at_ms {int}, cancelled_at_ms {int}) {strict};
CREATE INDEX batches_by_key ON batches (key_id, created_at_ms, id);
CREATE INDEX batches_by_status ON batches (status, created_at_ms, id);
CREATE TABLE batch_lines (
  batch_id TEXT NOT NULL REFERENCES batches (id) ON DELETE CASCADE, line {int} NOT NULL,
  custom_id TEXT NOT NULL, first_byte {int} NOT NULL, size_bytes {int} NOT NULL,
  state TEXT NOT NULL, result {blob}, PRIMARY KEY (batch_id, line)) {strict};
CREATE INDEX batch_lines_by_state ON batch_lines (batch_id, state, line);

CREATE TABLE responses (
  id TEXT NOT NULL PRIMARY KEY, key_id TEXT NOT NULL, previous_id TEXT, body {blob} NOT NULL,
  size_bytes {int} NOT NULL, created_at_ms {int} NOT NULL, expires_at_ms {int} NOT NULL) {strict};
CREATE INDEX responses_by_key ON responses (key_id, created_at_ms, id);
CREATE INDEX responses_by_expiry ON responses (expires_at_ms);

CREATE TABLE conversations (
  id TEXT NOT NULL PRIMARY KEY, key_id TEXT NOT NULL, title TEXT NOT NULL, settings TEXT NOT NULL,
  created_at_ms {int} NOT NULL, updated_at_ms {int} NOT NULL) {strict};
CREATE INDEX conversations_by_key ON conversations (key_id, updated_at_ms, id);
CREATE TABLE messages (
  number {int} NOT NULL PRIMARY KEY, id TEXT NOT NULL UNIQUE,
  conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  parent_id TEXT, role TEXT NOT NULL, content TEXT NOT NULL, reasoning TEXT NOT NULL,
  details TEXT NOT NULL, created_at_ms {int} NOT NULL) {strict};
CREATE INDEX messages_by_conversation ON messages (conversation_id, number);
)sql";

// Rows of the ledger are added and nothing else; the trigram index finds any three characters of a
// message, so that Chinese needs no word breaking.
constexpr const char* first_sqlite = R"sql(
CREATE TRIGGER ledger_keeps_rows BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_keeps_values BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE VIRTUAL TABLE message_index USING fts5 (
  content, content='messages', content_rowid='number', tokenize='trigram');
CREATE TRIGGER message_added AFTER INSERT ON messages
BEGIN INSERT INTO message_index (rowid, content) VALUES (new.number, new.content); END;
CREATE TRIGGER message_deleted AFTER DELETE ON messages
BEGIN
  INSERT INTO message_index (message_index, rowid, content)
  VALUES ('delete', old.number, old.content);
END;
CREATE TRIGGER message_changed AFTER UPDATE OF content ON messages
BEGIN
  INSERT INTO message_index (message_index, rowid, content)
  VALUES ('delete', old.number, old.content);
  INSERT INTO message_index (rowid, content) VALUES (new.number, new.content);
END;
)sql";

constexpr const char* first_postgres = R"sql(
CREATE FUNCTION ledger_is_append_only() RETURNS trigger AS $body$
BEGIN RAISE EXCEPTION 'the ledger is append-only'; END;
$body$ LANGUAGE plpgsql;
CREATE TRIGGER ledger_keeps_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
)sql";

// What a conversation holds in bytes, so that a key's chats can be bounded.
constexpr const char* second_both = R"sql(
ALTER TABLE conversations ADD COLUMN size_bytes {int} NOT NULL DEFAULT 0;
)sql";

// Titles and settings count as well.
constexpr const char* third_sqlite = R"sql(
UPDATE conversations SET size_bytes =
  size_bytes + length(CAST(title AS BLOB)) + length(CAST(settings AS BLOB));
)sql";
constexpr const char* third_postgres = R"sql(
UPDATE conversations SET size_bytes = size_bytes + octet_length(title) + octet_length(settings);
)sql";

}  // namespace

const std::vector<Migration>& migrations() {
  static const std::vector<Migration> steps{{first_both, first_sqlite, first_postgres},
                                            {second_both, "", ""},
                                            {"", third_sqlite, third_postgres}};
  return steps;
}

}  // namespace deepseek::store
