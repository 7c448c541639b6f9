// SPDX-License-Identifier: Apache-2.0
#include "serve/store/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>

#include "core/error.h"
#include "serve/store/digest.h"

namespace deepseek::store {
namespace {

struct StatementDeleter {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, StatementDeleter>;

/// A prepared statement goes back to where it can run again, whatever happened.
class Rewind {
 public:
  explicit Rewind(sqlite3_stmt* statement) : statement_(statement) {}
  ~Rewind() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Rewind(const Rewind&) = delete;
  Rewind& operator=(const Rewind&) = delete;

 private:
  sqlite3_stmt* statement_;
};

Value cell_of(sqlite3_stmt* statement, int column) {
  const auto size = [&] { return size_t(sqlite3_column_bytes(statement, column)); };
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return {int64_t{sqlite3_column_int64(statement, column)}};
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      return {std::string(text, size())};
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, column));
      return {Blob{bytes == nullptr ? std::string() : std::string(bytes, size())}};
    }
    default:
      return {};
  }
}

class SqliteConnection : public Connection {
 public:
  SqliteConnection(const std::filesystem::path& path, int64_t busy_timeout_ms)
      : place_(path.string()) {
    if (path != in_memory) create_private_file(path);
    if (sqlite3_open_v2(place_.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        nullptr) != SQLITE_OK) {
      const std::string why = handle_ == nullptr ? "out of memory" : sqlite3_errmsg(handle_);
      sqlite3_close_v2(handle_);
      fail(ErrorKind::bad_file, place_, ": cannot open: ", why);
    }
    try {
      sqlite3_extended_result_codes(handle_, 1);
      sqlite3_busy_timeout(handle_, int(busy_timeout_ms));
      prepare_session();
    } catch (...) {
      close();
      throw;
    }
  }
  ~SqliteConnection() override { close(); }
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  Dialect dialect() const override { return Dialect::sqlite; }
  const std::string& place() const override { return place_; }

  Rows query(std::string_view sql, const std::vector<Value>& parameters) override {
    sqlite3_stmt* statement = prepared(sql);
    const Rewind rewind(statement);
    bind(statement, parameters);
    Rows rows;
    const int columns = sqlite3_column_count(statement);
    while (true) {
      const int code = sqlite3_step(statement);
      if (code == SQLITE_DONE) return rows;
      if (code != SQLITE_ROW) refuse(code);
      std::vector<Value> cells;
      cells.reserve(size_t(columns));
      for (int column = 0; column < columns; ++column) cells.push_back(cell_of(statement, column));
      rows.emplace_back(std::move(cells));
    }
  }

  int64_t execute(std::string_view sql, const std::vector<Value>& parameters) override {
    sqlite3_stmt* statement = prepared(sql);
    const Rewind rewind(statement);
    bind(statement, parameters);
    int code = SQLITE_ROW;
    while (code == SQLITE_ROW) code = sqlite3_step(statement);
    if (code != SQLITE_DONE) refuse(code);
    return sqlite3_changes64(handle_);
  }

  void run_script(const std::string& sql) override {
    const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) refuse(code);
  }

  void begin(Durability durability) override {
    // The pragma is refused inside a transaction, and costs a statement, so it runs on a change.
    if (durability != durability_)
      run_script(durability == Durability::full ? "PRAGMA synchronous = FULL"
                                                : "PRAGMA synchronous = NORMAL");
    durability_ = durability;
    execute("BEGIN IMMEDIATE", {});
  }
  void commit() override { execute("COMMIT", {}); }
  void rollback() noexcept override {
    // Disk full and the like have already rolled back; then there is nothing to do.
    if (sqlite3_get_autocommit(handle_) == 0)
      sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  }

 private:
  void create_private_file(const std::filesystem::path& path) const {
    std::error_code error;
    const std::filesystem::path folder = path.parent_path();
    if (!std::filesystem::exists(folder, error)) {
      std::filesystem::create_directories(folder, error);
      if (!error) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    }
    if (error) refuse_system(folder.string(), "cannot make the folder", error.value());
    if (std::filesystem::exists(path, error)) return;
    // Made under another name and closed before it appears: closing a descriptor of the store
    // itself would take this process's locks off it.
    const std::string made = concat(place_, ".new-", random_letters(12));
    const int file = ::open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) refuse_system(place_, "cannot make", errno);
    ::close(file);
    const bool linked = ::link(made.c_str(), place_.c_str()) == 0;
    const int code = errno;
    ::unlink(made.c_str());
    if (!linked && code != EEXIST) refuse_system(place_, "cannot make", code);
  }

  [[noreturn]] static void refuse_system(const std::string& what, std::string_view failed,
                                         int code) {
    const bool full = code == ENOSPC || code == EDQUOT;
    fail(full ? ErrorKind::out_of_memory : ErrorKind::bad_file, what, ": ", failed, ": ",
         std::strerror(code));
  }

  void prepare_session() {
    run_script(
        "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; "
        "PRAGMA journal_size_limit = 67108864");
    const std::string mode = query("PRAGMA journal_mode", {}).at(0).text(0);
    if (mode == "wal" || place_ == in_memory) return;
    // Changing the mode needs the file for itself for a moment, and does not wait on its own.
    for (int attempt = 0;; ++attempt) {
      const int code =
          sqlite3_exec(handle_, "PRAGMA journal_mode = WAL", nullptr, nullptr, nullptr);
      if (code == SQLITE_OK) break;
      if ((code & 0xff) != SQLITE_BUSY || attempt == 50) refuse(code);
      sqlite3_sleep(20);
    }
  }

  sqlite3_stmt* prepared(std::string_view sql) {
    const auto found = statements_.find(sql);
    if (found != statements_.end()) return found->second.get();
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(handle_, sql.data(), int(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) refuse(code);
    return statements_.emplace(std::string(sql), Statement(statement)).first->second.get();
  }

  void bind(sqlite3_stmt* statement, const std::vector<Value>& parameters) {
    if (int(parameters.size()) != sqlite3_bind_parameter_count(statement))
      fail(ErrorKind::internal, "store: ", parameters.size(), " parameters for '",
           sqlite3_sql(statement), "'");
    int index = 0;
    for (const Value& value : parameters) {
      ++index;
      int code = SQLITE_OK;
      if (const auto* number = std::get_if<int64_t>(&value.data()))
        code = sqlite3_bind_int64(statement, index, *number);
      else if (const auto* text = std::get_if<std::string>(&value.data()))
        code = sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC,
                                   SQLITE_UTF8);
      else if (const auto* blob = std::get_if<Blob>(&value.data()))
        code = sqlite3_bind_blob64(statement, index, blob->bytes.data(), blob->bytes.size(),
                                   SQLITE_STATIC);
      if (code != SQLITE_OK) refuse(code);
    }
  }

  [[noreturn]] void refuse(int code) const {
    const std::string why = sqlite3_errmsg(handle_);
    const int system = sqlite3_system_errno(handle_);
    const bool no_room =
        (code & 0xff) == SQLITE_IOERR && (system == ENOSPC || system == EDQUOT || system == EFBIG);
    if (no_room || (code & 0xff) == SQLITE_FULL)
      fail(ErrorKind::out_of_memory, place_,
           ": the disk is full; nothing of this change was kept; make room and try again");
    if (code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_SHMSIZE)
      fail(ErrorKind::out_of_memory, place_,
           ": cannot write: no room, a quota, or a failing disk; nothing of this change was kept");
    switch (code & 0xff) {
      case SQLITE_BUSY:
      case SQLITE_LOCKED:
        fail(ErrorKind::busy, place_,
             ": the store is locked by another process; try again when it has finished");
      case SQLITE_CORRUPT:
        fail(ErrorKind::bad_file, place_, ": the store is damaged (", why,
             "); restore it from a copy");
      case SQLITE_NOTADB:
        fail(ErrorKind::bad_file, place_,
             ": not an SQLite database; restore it from a copy, or name another --data-path");
      case SQLITE_READONLY:
      case SQLITE_PERM:
      case SQLITE_CANTOPEN:
        fail(ErrorKind::bad_file, place_, ": cannot be written: ", why);
      case SQLITE_IOERR:
        fail(ErrorKind::bad_file, place_, ": ", why, system == 0 ? "" : ": ",
             system == 0 ? "" : std::strerror(system));
      case SQLITE_NOMEM:
        fail(ErrorKind::out_of_memory, place_, ": out of memory");
      default:
        fail(ErrorKind::internal, place_, ": ", why, " (", code, ")");
    }
  }

  void close() {
    statements_.clear();
    sqlite3_close_v2(handle_);
    handle_ = nullptr;
  }

  std::string place_;
  sqlite3* handle_ = nullptr;
  std::map<std::string, Statement, std::less<>> statements_;
  Durability durability_ = Durability::full;
};

}  // namespace

std::unique_ptr<Connection> open_sqlite(const std::filesystem::path& path,
                                        int64_t busy_timeout_ms) {
  return std::make_unique<SqliteConnection>(path, busy_timeout_ms);
}

}  // namespace deepseek::store
