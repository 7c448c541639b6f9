// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "serve/http/router.h"

namespace deepseek::serve {

/// Where to listen: "127.0.0.1:8080", "[::1]:8080", "localhost:8080", ":8080" (every address, both
/// families), "unix:/run/deepseek.sock". Port 0 takes a free one.
struct ListenAddress {
  std::string host;  // empty: every address
  int port = 0;
  std::filesystem::path unix_path = {};  // set: a UNIX socket, host and port unused

  bool is_unix() const { return !unix_path.empty(); }
  std::string text() const;
};

/// Throws invalid_input naming what was expected.
ListenAddress parse_listen_address(std::string_view text);

struct ServerConfig {
  std::vector<ListenAddress> listen = {{"127.0.0.1", 8080}};
  std::string url_prefix = {};                               // "/deepseek"; empty: none
  std::filesystem::path tls_certificate = {}, tls_key = {};  // PEM; both or neither
  int io_threads = 2;
  int handler_threads = 4;
  int heavy_threads = 2;  // of routes that are `heavy`
  int authoriser_threads = 2;
  int io_nice = -10;        // of the I/O threads, where the system permits; 0 leaves them alone
  bool reuse_port = false;  // two processes share the port: drain closes the listener at once

  int64_t max_connections = 4096;
  int64_t header_bytes = 32 << 10;
  int64_t header_count = 100;
  int64_t uri_bytes = 8 << 10;
  int64_t body_bytes = 48 << 20;
  int64_t all_bodies_bytes = 1 << 30;     // of requests being received, all connections together
  int64_t stream_buffer_bytes = 1 << 20;  // outgoing, of one stream

  int64_t header_timeout_ms = 10'000;  // from a request's first byte to the end of its header
  int64_t body_timeout_ms =
      60'000;  // from there to the end of its body, and 1 ms for each 64 bytes
  int64_t idle_timeout_ms = 75'000;   // between requests; 0: none
  int64_t write_timeout_ms = 30'000;  // without the client taking a byte
  int64_t keep_alive_ms = 15'000;     // silence before a keep-alive in a reply; 0: none
  int64_t last_words_ms = 1'000;      // for the ends of answers that stop() cuts

  std::vector<std::string> cors_origins = {};   // "https://chat.example", "*" without credentials
  std::vector<std::string> allowed_hosts = {};  // names beside localhost that Host may hold
  bool check_host = true;  // off where keys guard a public name that is not known here
  std::string server_header = "deepseek";

  /// Throws invalid_input naming the field.
  void validate() const;
};

/// Whether the server can answer.
struct Readiness {
  bool ready = true;
  std::string reason = {};  // "loading the model: 40%"
  int64_t retry_after_ms = 1000;
};

/// One finished request, for log, metrics and trace. Never holds bodies.
struct RequestRecord {
  std::string request_id, method, route, peer, principal;
  int status = 0;  // 499: the client left
  std::chrono::system_clock::time_point began = {};
  double total_ms = 0;        // from the first byte of the request to the last of the reply
  double first_byte_ms = -1;  // to the first byte of the reply
  int64_t received_bytes = 0, sent_bytes = 0;
  bool streamed = false;
  TraceContext trace = {};
  RequestSummary summary = {};
  std::string error = {};  // what was withheld from the client
};

struct ServerHooks {
  /// Called for every route that is not open, before the body is read, on a thread of its own.
  /// Throws RequestError (401, 402, 403, 429). Without it the server starts only when every route
  /// is open.
  std::function<std::shared_ptr<const Principal>(const HttpRequest&, const Route&)> authorise = {};
  /// Whether requests are taken at all (a model is there, or loads on demand); while they are not,
  /// routes that are not `always` answer 503. On an I/O thread: must not block.
  std::function<Readiness()> admission = {};
  /// On an I/O thread: must not block.
  std::function<void(const RequestRecord&)> finished = {};
  /// One line for the operator: a certificate that does not load, a listener that fails.
  std::function<void(const std::string&)> notice = {};
};

struct ServerCounts {
  int64_t connections = 0;
  int64_t requests = 0;  // being received or answered
  int64_t streams = 0;
  int64_t requests_total = 0;
  int64_t refused_connections = 0;
};

/// HTTP/1.1 over TCP, TLS and UNIX sockets. Each connection lives on one I/O thread and has one
/// request in work at a time; pipelined ones wait in order.
class HttpServer {
 public:
  /// Validates; throws invalid_input, and internal for a route that needs an authoriser there is
  /// not.
  HttpServer(ServerConfig config, Router router, ServerHooks hooks = {});
  /// As stop().
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Listens when it returns. Throws busy naming an address that is taken, invalid_input for one
  /// that is not ours, bad_file for a certificate or key.
  void start();
  /// In the order of the configuration, with the ports taken.
  std::vector<ListenAddress> addresses() const;

  /// Before drain(): answers go on, each with Connection: close, and draining() is true, so that
  /// probes say so and clients look for another server.
  void leave();
  /// Refuses new requests with 503, Retry-After and Connection: close, and lets running ones
  /// finish; connections between requests are closed. Returns at once.
  void drain();
  bool draining() const;
  /// Waits until no request runs. False when `grace` passed first.
  bool wait_idle(std::chrono::milliseconds grace);
  /// Ends running requests (on_closed server_stopped; 503, or the error event in a stream), lets
  /// those last bytes out for up to last_words_ms, closes everything and joins the threads.
  void stop();

  /// Reads certificate and key again; the old ones stay when that fails, which is noticed. Also
  /// happens by itself within some seconds when the files change.
  void reload_tls();

  ServerCounts counts() const;
  const Router& router() const;
  const ServerConfig& config() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Throws invalid_input when an address is reachable from other machines, no key guards the server
/// and nothing forces it. UNIX sockets and loopback addresses are not public.
void check_bind(const std::vector<ListenAddress>& listen, bool has_keys, bool forced);
bool is_loopback(const ListenAddress& address);

}  // namespace deepseek::serve
