// SPDX-License-Identifier: Apache-2.0
#include "serve/http/io_socket.h"

namespace deepseek::serve {
namespace {

template <class Stream>
class PlainSocket : public StreamSocket<Stream> {
 public:
  explicit PlainSocket(Stream stream) : StreamSocket<Stream>(std::move(stream)) {}
  bool secure() const override { return false; }
  void handshake(std::function<void(bool)> done) override { done(true); }
  void shutdown_send(std::function<void()> done) override {
    boost::system::error_code ignored;
    this->stream_.shutdown(boost::asio::socket_base::shutdown_send, ignored);
    done();
  }
};

}  // namespace

std::unique_ptr<Socket> make_socket(boost::asio::ip::tcp::socket socket) {
  return std::make_unique<PlainSocket<boost::asio::ip::tcp::socket>>(std::move(socket));
}

std::unique_ptr<Socket> make_socket(boost::asio::local::stream_protocol::socket socket) {
  return std::make_unique<PlainSocket<boost::asio::local::stream_protocol::socket>>(
      std::move(socket));
}

}  // namespace deepseek::serve
