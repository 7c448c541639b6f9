// SPDX-License-Identifier: Apache-2.0
#include "serve/store/postgres.h"

#include <libpq-fe.h>

#include <charconv>
#include <map>

#include "core/error.h"
#include "core/text.h"
#include "serve/store/digest.h"

namespace deepseek::store {
namespace {

// Any number that no other program is likely to lock in the same database.
constexpr int64_t writer_turn = 0x6465657073656b;

// Types of the catalogue pg_type.
constexpr Oid bool_type = 16, bytea_type = 17, int8_type = 20, int2_type = 21, int4_type = 23;

struct ResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, ResultDeleter>;

/// libpq's messages, which end in a line end and are laid out with line ends and tabs.
std::string one_line(const char* message) {
  std::string text;
  for (const std::string_view rest = message == nullptr ? "" : message; const char c : rest) {
    const bool blank = c == '\n' || c == '\t' || c == ' ';
    if (!blank)
      text += c;
    else if (!text.empty() && text.back() != ' ')
      text += ' ';
  }
  if (text.ends_with(' ')) text.pop_back();
  return printable(text, 400);
}

/// ? becomes $1, $2, …; the store's statements have no ? inside literals.
std::string numbered(std::string_view sql) {
  std::string out;
  int next = 0;
  for (const char c : sql)
    if (c == '?')
      out += concat("$", ++next);
    else
      out += c;
  return out;
}

Value cell_of(const PGresult* result, int row, int column) {
  if (PQgetisnull(result, row, column) != 0) return {};
  const std::string_view text(PQgetvalue(result, row, column),
                              size_t(PQgetlength(result, row, column)));
  switch (PQftype(result, column)) {
    case int8_type:
    case int4_type:
    case int2_type: {
      int64_t number = 0;
      std::from_chars(text.data(), text.data() + text.size(), number);
      return {number};
    }
    case bool_type:
      return {text == "t"};
    case bytea_type:
      return {Blob{from_hex(text.substr(2)).value_or("")}};  // the server writes \x and digits
    default:
      return {text};
  }
}

class PostgresConnection : public Connection {
 public:
  PostgresConnection(const std::string& url, int64_t busy_timeout_ms)
      : busy_timeout_ms_(busy_timeout_ms), session_(PQconnectdb(url.c_str())) {
    if (session_ == nullptr) throw std::bad_alloc();
    const auto part = [](const char* text) { return std::string(text == nullptr ? "" : text); };
    place_ = concat("postgresql ", part(PQdb(session_)), " at ", part(PQhost(session_)));
    try {
      require_session();
    } catch (...) {
      PQfinish(session_);
      throw;
    }
  }
  ~PostgresConnection() override { PQfinish(session_); }
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  Dialect dialect() const override { return Dialect::postgres; }
  const std::string& place() const override { return place_; }

  Rows query(std::string_view sql, const std::vector<Value>& parameters) override {
    const Result result = run(sql, parameters);
    Rows rows;
    const int columns = PQnfields(result.get());
    for (int row = 0; row < PQntuples(result.get()); ++row) {
      std::vector<Value> cells;
      cells.reserve(size_t(columns));
      for (int column = 0; column < columns; ++column)
        cells.push_back(cell_of(result.get(), row, column));
      rows.emplace_back(std::move(cells));
    }
    return rows;
  }

  int64_t execute(std::string_view sql, const std::vector<Value>& parameters) override {
    const Result result = run(sql, parameters);
    const std::string_view text = PQcmdTuples(result.get());
    int64_t changed = 0;
    std::from_chars(text.data(), text.data() + text.size(), changed);
    return changed;
  }

  void run_script(const std::string& sql) override {
    reconnect_if_lost();
    check(Result(PQexec(session_, sql.c_str())));
  }

  void begin(Durability durability) override {
    reconnect_if_lost();
    run_script("BEGIN");
    in_transaction_ = true;
    try {
      run_script(
          concat("SET LOCAL lock_timeout = ", busy_timeout_ms_,
                 durability == Durability::full ? "" : "; SET LOCAL synchronous_commit = off"));
      query("SELECT pg_advisory_xact_lock(?)", {writer_turn});
    } catch (...) {
      rollback();
      throw;
    }
  }
  void commit() override {
    run_script("COMMIT");
    in_transaction_ = false;
  }
  void rollback() noexcept override {
    if (PQstatus(session_) == CONNECTION_OK) PQclear(PQexec(session_, "ROLLBACK"));
    in_transaction_ = false;
  }

 private:
  void require_session() {
    if (PQstatus(session_) != CONNECTION_OK)
      fail(ErrorKind::network, "store: ", one_line(PQerrorMessage(session_)));
    // Notices of the schema are no news to anyone.
    PQsetNoticeProcessor(
        session_, [](void*, const char*) {}, nullptr);
    check(Result(PQexec(session_,
                        "SET client_min_messages = warning; SET bytea_output = hex; "
                        "SET client_encoding = 'UTF8'")));
  }

  /// A transaction never moves to a new session: what it did is gone with the old one.
  void reconnect_if_lost() {
    if (in_transaction_ || PQstatus(session_) == CONNECTION_OK) return;
    names_.clear();
    PQreset(session_);
    require_session();
  }

  Result run(std::string_view sql, const std::vector<Value>& parameters) {
    reconnect_if_lost();
    const std::string& name = prepared(sql);
    std::vector<std::string> texts(parameters.size());
    std::vector<const char*> values(parameters.size());
    std::vector<int> sizes(parameters.size()), formats(parameters.size());
    size_t i = 0;
    for (const Value& value : parameters) {
      if (const auto* number = std::get_if<int64_t>(&value.data())) {
        texts[i] = concat(*number);
      } else if (const auto* text = std::get_if<std::string>(&value.data())) {
        if (text->find('\0') != text->npos)
          fail(ErrorKind::invalid_input, "store: text with a NUL character cannot be kept");
        texts[i] = *text;
      } else if (const auto* blob = std::get_if<Blob>(&value.data())) {
        texts[i] = blob->bytes;
        formats[i] = 1;
      }
      const bool null = std::holds_alternative<std::monostate>(value.data());
      values[i] = null ? nullptr : texts[i].data();
      sizes[i] = int(texts[i].size());
      ++i;
    }
    Result result(PQexecPrepared(session_, name.c_str(), int(values.size()), values.data(),
                                 sizes.data(), formats.data(), 0));
    check(result);
    return result;
  }

  const std::string& prepared(std::string_view sql) {
    const auto found = names_.find(sql);
    if (found != names_.end()) return found->second;
    const std::string name = concat("s", names_.size());
    check(Result(PQprepare(session_, name.c_str(), numbered(sql).c_str(), 0, nullptr)));
    return names_.emplace(std::string(sql), name).first->second;
  }

  void check(const Result& result) const {
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return;
    if (PQstatus(session_) != CONNECTION_OK)
      fail(ErrorKind::network, place_,
           ": the server is away: ", one_line(PQerrorMessage(session_)));
    const char* found = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
    const std::string_view state = found == nullptr ? "" : found;
    if (state == "55P03")
      fail(ErrorKind::busy, place_,
           ": the store is locked by another process; try again when it has finished");
    if (state == "53100")
      fail(ErrorKind::out_of_memory, place_,
           ": the server's disk is full; nothing of this change was kept");
    if (state.starts_with("53"))
      fail(ErrorKind::out_of_memory, place_, ": ", one_line(PQresultErrorMessage(result.get())));
    if (state.starts_with("XX") || state.starts_with("58"))
      fail(ErrorKind::bad_file, place_,
           ": the store is damaged: ", one_line(PQresultErrorMessage(result.get())));
    if (state.starts_with("57"))
      fail(ErrorKind::network, place_, ": ", one_line(PQresultErrorMessage(result.get())));
    if (state == "42501" || state == "25006")
      fail(ErrorKind::bad_file, place_,
           ": cannot be written: ", one_line(PQresultErrorMessage(result.get())));
    fail(ErrorKind::internal, place_, ": ", one_line(PQresultErrorMessage(result.get())));
  }

  std::string place_;
  int64_t busy_timeout_ms_;
  PGconn* session_;
  bool in_transaction_ = false;
  std::map<std::string, std::string, std::less<>> names_;
};

}  // namespace

std::unique_ptr<Connection> open_postgres(const std::string& url, int64_t busy_timeout_ms) {
  return std::make_unique<PostgresConnection>(url, busy_timeout_ms);
}

}  // namespace deepseek::store
