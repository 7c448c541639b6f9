// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "serve/http/server.h"

namespace deepseek::serve {

/// One I/O thread. What is posted runs on it, in order.
class IoLoop {
 public:
  IoLoop();
  /// Joins.
  ~IoLoop();
  IoLoop(const IoLoop&) = delete;
  IoLoop& operator=(const IoLoop&) = delete;

  void start(const std::string& thread_name, int nice);
  void post(std::function<void()> work);
  /// Returns at once; handlers that have not run are dropped by the destructor.
  void stop();
  void join();

  struct Parts;
  Parts& parts() { return *parts_; }

 private:
  std::unique_ptr<Parts> parts_;
};

/// Calls on the loop's thread. Members are used on that thread alone.
class Timer {
 public:
  explicit Timer(IoLoop& loop);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Replaces what was set. The call comes late rather than early.
  void set(std::chrono::steady_clock::time_point when, std::function<void()> call);
  void cancel();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// A connected socket of any kind on its loop's thread: at most one read and one write at a time.
/// `done(ok, size)`: not ok is an error or the end.
class Socket {
 public:
  using Done = std::function<void(bool ok, size_t size)>;
  virtual ~Socket() = default;

  virtual bool secure() const = 0;
  virtual void handshake(std::function<void(bool ok)> done) = 0;
  virtual void read_some(char* data, size_t size, Done done) = 0;
  virtual void write_some(const char* data, size_t size, Done done) = 0;
  /// Says that no more will be sent; `done`, which keeps the socket alive, comes when that is said.
  virtual void shutdown_send(std::function<void()> done) = 0;
  /// Reads and writes under way end with not ok.
  virtual void close() = 0;
};

/// A certificate and key that can be read again while connections use the old ones.
class TlsContext {
 public:
  /// Throws bad_file.
  TlsContext(std::filesystem::path certificate, std::filesystem::path key);
  ~TlsContext();
  /// Throws bad_file and keeps the old ones.
  void reload();
  /// Whether the files have changed since they were read.
  bool files_changed() const;

  struct Parts;
  std::shared_ptr<Parts> current() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Listening sockets of one server; accepts on the first loop.
class Listener {
 public:
  /// Called on the listener's loop with a socket that lives on `home`, and who is at its other end.
  using Accepted = std::function<void(std::unique_ptr<Socket> socket, size_t home, std::string peer,
                                      bool is_unix)>;

  /// `loops` outlive it. `tls` may be null.
  Listener(std::vector<IoLoop*> loops, TlsContext* tls, bool reuse_port, Accepted accepted,
           std::function<void(const std::string&)> notice);
  ~Listener();

  /// Binds and listens. Throws busy for an address that is taken, invalid_input for one that is not
  /// ours.
  void open(const ListenAddress& address);
  /// Call once all are open, and before the loops start.
  void accept();
  /// On the first loop's thread: takes what already waits, then stops listening.
  void close();

  std::vector<ListenAddress> addresses() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace deepseek::serve
