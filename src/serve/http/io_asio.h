// SPDX-License-Identifier: Apache-2.0
// The only header that brings Asio in; included by io_*.cpp alone, for it is slow to compile.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <thread>

#include "serve/http/io.h"

namespace boost::asio::ssl {
class context;  // NOLINT(readability-identifier-naming): theirs
}

namespace deepseek::serve {

struct IoLoop::Parts {
  boost::asio::io_context context{1};
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work;
  std::thread thread;
};

struct TlsContext::Parts {
  std::shared_ptr<boost::asio::ssl::context> context;
};

std::unique_ptr<Socket> make_socket(boost::asio::ip::tcp::socket socket);
std::unique_ptr<Socket> make_socket(boost::asio::local::stream_protocol::socket socket);
/// Defined with TLS, so that OpenSSL's headers stay in one file.
std::unique_ptr<Socket> make_socket(boost::asio::ip::tcp::socket socket,
                                    std::shared_ptr<TlsContext::Parts> tls);

}  // namespace deepseek::serve
