// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <mutex>

#include "core/error.h"
#include "serve/http/io_socket.h"

namespace deepseek::serve {
namespace {

namespace asio = boost::asio;
using TcpTls = asio::ssl::stream<asio::ip::tcp::socket>;

class TlsSocket : public StreamSocket<TcpTls> {
 public:
  TlsSocket(asio::ip::tcp::socket socket, std::shared_ptr<TlsContext::Parts> tls)
      : StreamSocket<TcpTls>(std::move(socket), *tls->context), tls_(std::move(tls)) {}
  bool secure() const override { return true; }
  void handshake(std::function<void(bool)> done) override {
    stream_.async_handshake(
        asio::ssl::stream_base::server,
        [done = std::move(done)](boost::system::error_code code) { done(!code); });
  }
  void shutdown_send(std::function<void()> done) override {
    // close_notify, so that the client can tell an end from a cut. It waits for the client's own;
    // close() ends the wait.
    stream_.async_shutdown([done = std::move(done)](boost::system::error_code) { done(); });
  }

 private:
  std::shared_ptr<TlsContext::Parts> tls_;
};

int choose_http11(SSL*, const unsigned char** out, unsigned char* out_size,
                  const unsigned char* offered, unsigned int offered_size, void*) {
  static const unsigned char own[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, own, sizeof own - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

struct FileStamp {
  timespec time{};
  ino_t inode = 0;
  off_t size_bytes = 0;
  bool operator==(const FileStamp& other) const {
    return time.tv_sec == other.time.tv_sec && time.tv_nsec == other.time.tv_nsec &&
           inode == other.inode && size_bytes == other.size_bytes;
  }
};

FileStamp stamp_of(const std::filesystem::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {info.st_mtim, info.st_ino, info.st_size};
}

std::shared_ptr<asio::ssl::context> load(const std::filesystem::path& certificate,
                                         const std::filesystem::path& key) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context->native_handle(), choose_http11, nullptr);
  boost::system::error_code code;
  context->use_certificate_chain_file(certificate.string(), code);
  if (code)
    fail(ErrorKind::bad_file, certificate.string(), ": no PEM certificate chain: ", code.message());
  context->use_private_key_file(key.string(), asio::ssl::context::pem, code);
  if (code)
    fail(ErrorKind::bad_file, key.string(), ": no PEM private key for it: ", code.message());
  if (SSL_CTX_check_private_key(context->native_handle()) != 1)
    fail(ErrorKind::bad_file, key.string(), ": is not the key of ", certificate.string());
  return context;
}

}  // namespace

struct TlsContext::Impl {
  std::filesystem::path certificate, key;
  mutable std::mutex mutex;
  std::shared_ptr<Parts> parts;
  FileStamp certificate_stamp, key_stamp;
};

TlsContext::TlsContext(std::filesystem::path certificate, std::filesystem::path key)
    : impl_(std::make_unique<Impl>()) {
  impl_->certificate = std::move(certificate);
  impl_->key = std::move(key);
  reload();
}

TlsContext::~TlsContext() = default;

void TlsContext::reload() {
  // Stamped before reading, also when reading fails: a broken file is tried again once it changes.
  const FileStamp certificate_stamp = stamp_of(impl_->certificate),
                  key_stamp = stamp_of(impl_->key);
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->certificate_stamp = certificate_stamp;
    impl_->key_stamp = key_stamp;
  }
  auto parts = std::make_shared<Parts>(Parts{load(impl_->certificate, impl_->key)});
  const std::lock_guard lock(impl_->mutex);
  impl_->parts = std::move(parts);
}

bool TlsContext::files_changed() const {
  const std::lock_guard lock(impl_->mutex);
  return !(stamp_of(impl_->certificate) == impl_->certificate_stamp &&
           stamp_of(impl_->key) == impl_->key_stamp);
}

std::shared_ptr<TlsContext::Parts> TlsContext::current() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->parts;
}

std::unique_ptr<Socket> make_socket(asio::ip::tcp::socket socket,
                                    std::shared_ptr<TlsContext::Parts> tls) {
  return std::make_unique<TlsSocket>(std::move(socket), std::move(tls));
}

}  // namespace deepseek::serve
