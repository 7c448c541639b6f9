// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/buffer.hpp>

#include "serve/http/io_asio.h"

namespace deepseek::serve {

/// Reading and writing of whatever Asio calls a stream; what differs is the derived class's.
template <class Stream>
class StreamSocket : public Socket {
 public:
  void read_some(char* data, size_t size, Done done) override {
    stream_.async_read_some(boost::asio::buffer(data, size),
                            [done = std::move(done)](boost::system::error_code code, size_t count) {
                              done(!code, count);
                            });
  }
  void write_some(const char* data, size_t size, Done done) override {
    stream_.async_write_some(boost::asio::buffer(data, size),
                             [done = std::move(done)](boost::system::error_code code,
                                                      size_t count) { done(!code, count); });
  }
  void close() override {
    boost::system::error_code ignored;
    stream_.lowest_layer().close(ignored);
  }

 protected:
  template <class... Arguments>
  explicit StreamSocket(Arguments&&... arguments)
      : stream_(std::forward<Arguments>(arguments)...) {}
  Stream stream_;  // NOLINT(readability-identifier-naming)
};

}  // namespace deepseek::serve
