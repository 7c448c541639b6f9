// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace deepseek::store {

/// Milliseconds since 1970 in UTC. Given to whoever needs the time, so that tests need not wait.
using Clock = std::function<int64_t()>;
int64_t system_clock_ms();

struct Blob {
  std::string bytes;
};

/// A parameter or a cell: null, a 64-bit integer, UTF-8 text, or bytes.
class Value {
 public:
  Value() = default;
  Value(int number) : data_(int64_t{number}) {}
  Value(int64_t number) : data_(number) {}
  Value(bool flag) : data_(int64_t{flag}) {}
  Value(const char* text) : data_(std::string(text)) {}
  Value(std::string_view text) : data_(std::string(text)) {}
  Value(std::string text) : data_(std::move(text)) {}
  Value(Blob blob) : data_(std::move(blob)) {}
  // Not inline: GCC 12 mistakes the alternative that is not there for an uninitialised one.
  Value(const std::optional<int64_t>& number);
  Value(const std::optional<std::string>& text);

  const std::variant<std::monostate, int64_t, std::string, Blob>& data() const { return data_; }

 private:
  std::variant<std::monostate, int64_t, std::string, Blob> data_;
};

/// One row of an answer. Reading a cell as what it is not throws bad_file: someone else wrote it.
class Row {
 public:
  explicit Row(std::vector<Value> cells) : cells_(std::move(cells)) {}

  bool is_null(size_t column) const;
  int64_t integer(size_t column) const;
  bool flag(size_t column) const { return integer(column) != 0; }
  const std::string& text(size_t column) const;
  const std::string& bytes(size_t column) const;
  std::optional<int64_t> optional_integer(size_t column) const;
  std::optional<std::string> optional_text(size_t column) const;

 private:
  std::vector<Value> cells_;
};
using Rows = std::vector<Row>;

enum class Dialect { sqlite, postgres };

/// What a commit survives: `full` a power cut, `relaxed` the death of the process only.
enum class Durability { full, relaxed };

/// One session of a back end, used by one thread at a time. SQL is the part that SQLite and
/// PostgreSQL share, with ? for parameters; every statement is prepared once and kept.
///
/// Errors: busy when another process holds the store, out_of_memory when the disk is full, bad_file
/// when the content is damaged, network when the server is away.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual Dialect dialect() const = 0;
  /// Where the store is, for messages; holds no password.
  virtual const std::string& place() const = 0;

  virtual Rows query(std::string_view sql, const std::vector<Value>& parameters = {}) = 0;
  /// How many rows were changed.
  virtual int64_t execute(std::string_view sql, const std::vector<Value>& parameters = {}) = 0;
  /// Statements without parameters, one after the other: the schema.
  virtual void run_script(const std::string& sql) = 0;

  /// Opens the one writing transaction that the store has at a time, over all processes; waits for
  /// its turn as long as the busy timeout allows.
  virtual void begin(Durability durability) = 0;
  virtual void commit() = 0;
  virtual void rollback() noexcept = 0;
};

/// Where a store is kept.
struct StoreLocation {
  std::filesystem::path data_path = {};  // folder of the SQLite file and of uploaded content
  std::string url = {};                  // "postgresql://…"; empty: SQLite in data_path
  int64_t busy_timeout_ms = 5000;
};

/// The open store. Thread-safe: calls take turns on one session, which suits a store whose writes
/// are serial anyway.
class Database {
 public:
  /// Opens, creating or bringing up to date what is there. Throws, beside what Connection says,
  /// bad_file for a file that is no store or was made by a newer version.
  explicit Database(const StoreLocation& location);
  explicit Database(std::unique_ptr<Connection> connection);

  Dialect dialect() const { return connection_->dialect(); }
  const std::string& place() const { return connection_->place(); }

  /// Runs `body(Connection&)`; all it writes is there afterwards, or none of it when it throws.
  template <class Body>
  auto write(Body&& body, Durability durability = Durability::full) {
    const std::lock_guard lock(mutex_);
    Transaction transaction(*connection_, durability);
    if constexpr (std::is_void_v<decltype(body(*connection_))>) {
      body(*connection_);
      transaction.commit();
    } else {
      auto answer = body(*connection_);
      transaction.commit();
      return answer;
    }
  }

  /// Runs `body(Connection&)`, which only reads; each of its statements sees a state of its own.
  template <class Body>
  auto read(Body&& body) {
    const std::lock_guard lock(mutex_);
    return body(*connection_);
  }

 private:
  class Transaction {
   public:
    Transaction(Connection& connection, Durability durability) : connection_(connection) {
      connection_.begin(durability);
    }
    ~Transaction() {
      if (!done_) connection_.rollback();
    }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit() {
      connection_.commit();
      done_ = true;
    }

   private:
    Connection& connection_;
    bool done_ = false;
  };

  void migrate();

  std::mutex mutex_;
  std::unique_ptr<Connection> connection_;
};

/// $XDG_DATA_HOME/deepseek, else ~/.local/share/deepseek. Throws not_found when neither is known.
std::filesystem::path default_data_path();

}  // namespace deepseek::store
