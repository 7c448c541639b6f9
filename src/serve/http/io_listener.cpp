// SPDX-License-Identifier: Apache-2.0
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <variant>

#include "core/error.h"
#include "core/text.h"
#include "serve/http/io_asio.h"

namespace deepseek::serve {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Local = asio::local::stream_protocol;
using boost::system::error_code;

constexpr int most_unsent_bytes = 128 << 10;
constexpr auto pause_without_descriptors = std::chrono::milliseconds(100);

[[noreturn]] void fail_to_bind(const std::string& address, const error_code& code) {
  if (code == asio::error::address_in_use)
    fail(ErrorKind::busy, address, " is taken by another program; choose another with --listen");
  if (code == asio::error::access_denied)
    fail(ErrorKind::invalid_input, address, ": this user may not listen there: ", code.message());
  fail(ErrorKind::invalid_input, address, ": cannot listen: ", code.message());
}

std::string peer_text(const tcp::socket& socket) {
  error_code code;
  const tcp::endpoint peer = socket.remote_endpoint(code);
  if (code) return "unknown";
  const std::string host = peer.address().to_string();
  return concat(peer.address().is_v6() ? "[" + host + "]" : host, ":", peer.port());
}

/// Removes the socket of a process that is gone; a live one answers and stays.
void remove_stale(const std::filesystem::path& path, asio::io_context& context) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return;
  if (!S_ISSOCK(info.st_mode))
    fail(ErrorKind::invalid_input, "unix:", path.string(), ": there is a file that is no socket");
  Local::socket probe(context);
  error_code code;
  probe.connect(Local::endpoint(path.string()), code);
  if (!code || code == asio::error::try_again)
    fail(ErrorKind::busy, "unix:", path.string(), " is taken by another program");
  ::unlink(path.c_str());
}

}  // namespace

struct Listener::Impl : std::enable_shared_from_this<Listener::Impl> {
  template <class Protocol>
  struct Door {
    typename Protocol::acceptor acceptor;
    asio::steady_timer pause;
    std::filesystem::path path = {};  // of a UNIX socket
    ino_t inode = 0;
  };

  std::vector<IoLoop*> loops;
  TlsContext* tls;
  bool reuse_port;
  Accepted accepted;
  std::function<void(const std::string&)> notice;
  std::vector<std::unique_ptr<Door<tcp>>> tcp_doors;
  std::vector<std::unique_ptr<Door<Local>>> local_doors;
  std::vector<ListenAddress> addresses;
  std::atomic<size_t> next_loop{0};

  asio::io_context& context() { return loops[0]->parts().context; }

  ~Impl() { remove_paths(); }

  void remove_paths() {
    for (auto& door : local_doors) {
      struct stat info {};
      // Another process may have bound the name since.
      if (!door->path.empty() && ::stat(door->path.c_str(), &info) == 0 &&
          info.st_ino == door->inode)
        ::unlink(door->path.c_str());
      door->path.clear();
    }
  }

  void open_tcp(const tcp::endpoint& endpoint, const std::string& name) {
    auto door = std::make_unique<Door<tcp>>(
        Door<tcp>{tcp::acceptor(context()), asio::steady_timer(context())});
    error_code code;
    door->acceptor.open(endpoint.protocol(), code);
    if (code) fail_to_bind(name, code);
    door->acceptor.set_option(tcp::acceptor::reuse_address(true));
    if (reuse_port) {
      const int on = 1;
      ::setsockopt(door->acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    }
    if (endpoint.address().is_v6()) door->acceptor.set_option(asio::ip::v6_only(true));
    door->acceptor.bind(endpoint, code);
    if (!code) door->acceptor.listen(1024, code);
    if (code) fail_to_bind(name, code);
    const tcp::endpoint bound = door->acceptor.local_endpoint();
    addresses.push_back({bound.address().to_string(), bound.port()});
    tcp_doors.push_back(std::move(door));
  }

  void open_local(const std::filesystem::path& path) {
    remove_stale(path, context());
    auto door = std::make_unique<Door<Local>>(
        Door<Local>{Local::acceptor(context()), asio::steady_timer(context())});
    const std::string name = "unix:" + path.string();
    error_code code;
    if (path.string().size() > 100)
      fail(ErrorKind::invalid_input, name, ": a socket's path has at most 100 bytes");
    door->acceptor.open(Local(), code);
    if (!code) door->acceptor.bind(Local::endpoint(path.string()), code);
    if (!code) ::chmod(path.c_str(), 0660);
    if (!code) door->acceptor.listen(1024, code);
    if (code) fail_to_bind(name, code);
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0) door->inode = info.st_ino;
    door->path = path;
    addresses.push_back({"", 0, path});
    local_doors.push_back(std::move(door));
  }

  template <class Protocol>
  void hand_on(typename Protocol::socket socket, size_t home) {
    constexpr bool is_unix = std::is_same_v<Protocol, Local>;
    if constexpr (is_unix) {
      accepted(make_socket(std::move(socket)), home, "unix", true);
    } else {
      error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      socket.set_option(asio::socket_base::keep_alive(true), ignored);
      // Else megabytes of a stream wait in the kernel, and a slow reader looks like none.
      ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most_unsent_bytes,
                   sizeof most_unsent_bytes);
      std::string peer = peer_text(socket);
      auto wrapped =
          tls ? make_socket(std::move(socket), tls->current()) : make_socket(std::move(socket));
      accepted(std::move(wrapped), home, std::move(peer), false);
    }
  }

  template <class Protocol>
  void accept(Door<Protocol>& door) {
    const size_t home = next_loop++ % loops.size();
    door.acceptor.async_accept(
        loops[home]->parts().context, [self = shared_from_this(), &door, home](
                                          error_code code, typename Protocol::socket socket) {
          if (!door.acceptor.is_open()) return;
          if (!code) {
            self->template hand_on<Protocol>(std::move(socket), home);
          } else if (code == asio::error::no_descriptors || code == asio::error::no_memory ||
                     code == asio::error::no_buffer_space) {
            // Accepting again at once would spin, for the connection still waits.
            door.pause.expires_after(pause_without_descriptors);
            door.pause.async_wait([self, &door](error_code cancelled) {
              if (!cancelled && door.acceptor.is_open()) self->accept(door);
            });
            if (self->notice) self->notice("cannot accept connections: " + code.message());
            return;
          }
          self->accept(door);
        });
  }

  template <class Protocol>
  void close(Door<Protocol>& door) {
    if (!door.acceptor.is_open()) return;
    // Closing resets the connections that wait; they were promised an answer by the handshake.
    error_code code;
    door.acceptor.non_blocking(true, code);
    while (!code) {
      const size_t home = next_loop++ % loops.size();
      typename Protocol::socket socket(loops[home]->parts().context);
      door.acceptor.accept(socket, code);
      if (!code) hand_on<Protocol>(std::move(socket), home);
    }
    door.pause.cancel();
    door.acceptor.close(code);
  }
};

Listener::Listener(std::vector<IoLoop*> loops, TlsContext* tls, bool reuse_port, Accepted accepted,
                   std::function<void(const std::string&)> notice)
    : impl_(std::make_shared<Impl>()) {
  impl_->loops = std::move(loops);
  impl_->tls = tls;
  impl_->reuse_port = reuse_port;
  impl_->accepted = std::move(accepted);
  impl_->notice = std::move(notice);
}

Listener::~Listener() = default;

void Listener::open(const ListenAddress& address) {
  if (address.is_unix()) return impl_->open_local(address.unix_path);
  const std::string name = address.text();
  error_code code;
  if (address.host.empty()) {
    impl_->open_tcp(tcp::endpoint(tcp::v4(), uint16_t(address.port)), name);
    // A machine may have no IPv6 at all; then IPv4 is every address.
    const int port = impl_->addresses.back().port;
    tcp::acceptor probe(impl_->context());
    probe.open(tcp::v6(), code);
    if (!code) probe.set_option(asio::ip::v6_only(true), code);
    if (!code) impl_->open_tcp(tcp::endpoint(tcp::v6(), uint16_t(port)), name);
    return;
  }
  tcp::resolver resolver(impl_->context());
  const auto found =
      resolver.resolve(address.host, std::to_string(address.port),
                       tcp::resolver::passive | tcp::resolver::numeric_service, code);
  if (code || found.empty())
    fail(ErrorKind::invalid_input, name, ": no such address: ", code.message());
  int port = address.port;
  std::vector<tcp::endpoint> seen;
  for (const auto& entry : found) {
    tcp::endpoint endpoint = entry.endpoint();
    endpoint.port(uint16_t(port));
    if (std::find(seen.begin(), seen.end(), endpoint) != seen.end()) continue;
    seen.push_back(endpoint);
    try {
      impl_->open_tcp(endpoint, name);
    } catch (const Error& error) {
      // "localhost" has an IPv6 address also where the system has none.
      if (seen.size() == 1 || error.kind() == ErrorKind::busy) throw;
    }
    port = impl_->addresses.back().port;
    seen.back().port(uint16_t(port));
  }
}

void Listener::accept() {
  for (auto& door : impl_->tcp_doors) impl_->accept(*door);
  for (auto& door : impl_->local_doors) impl_->accept(*door);
}

void Listener::close() {
  for (auto& door : impl_->tcp_doors) impl_->close(*door);
  for (auto& door : impl_->local_doors) impl_->close(*door);
  impl_->remove_paths();
}

std::vector<ListenAddress> Listener::addresses() const { return impl_->addresses; }

}  // namespace deepseek::serve
