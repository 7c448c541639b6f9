// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "serve/http/admission.h"
#include "serve/http/exchange_state.h"
#include "serve/http/request_parser.h"
#include "serve/http/server_core.h"

namespace deepseek::serve {

/// One connection, on its loop's thread alone. It reads a request, has it authorised and handled,
/// writes the answer, and begins again. While an answer is made it goes on reading, which is how it
/// learns that the client has left.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// `overloaded`: beyond the cap; its first request is refused.
  Connection(ServerCore& core, LoopHome& home, std::unique_ptr<Socket> socket, std::string peer,
             bool is_unix, bool crowded);
  ~Connection();

  void start();
  /// Closes at once when no request is in work.
  void close_if_idle();
  /// Ends the request in work with `why` as its answer; without one, closes.
  void stop(const RequestError& why);
  void close();

 private:
  /// Closes the connection of this home that is between requests longest. False when there is none.
  bool make_room();

  using Clock = std::chrono::steady_clock;
  enum class Phase { handshake, idle, head, authorising, body, answering, lingering, closed };

  // Reading.
  void next_request();
  void want_read();
  void on_read(size_t size);
  void on_gone();
  void advance();
  void on_head();
  void authorise();
  void on_authorised(std::shared_ptr<const Principal> principal, const std::exception_ptr& failure);
  void receive_body();
  void on_body();
  void account_body(int64_t size_bytes);

  // Answering.
  void look();
  void look_for_stream(const ExchangeState::Taken& taken);
  void refuse_request(const RequestError& error, std::string withheld = {});
  ErrorDialect dialect();
  void write_reply(const HttpReply& reply);
  void finish_blank_reply(const HttpReply& reply);
  std::string head_text(int status, const HttpHeaders& headers,
                        std::optional<size_t> content_length);
  std::string stream_head();
  std::string framed(std::string_view bytes) const;
  std::string_view last_chunk() const { return chunked_ ? "0\r\n\r\n" : ""; }
  void write(std::string bytes, std::function<void()> then);
  void write_more();
  void keep_alive();
  void finish_request();
  void record(int status);
  void linger();

  // Time.
  void deadline_after(int64_t timeout_ms);
  void no_deadline();
  void arm();
  void on_deadline();

  ServerCore& core_;
  LoopHome& home_;
  std::unique_ptr<Socket> socket_;
  const std::string peer_;
  const bool is_unix_;
  const bool crowded_;       // it came when there were as many connections as may be
  bool overloaded_ = false;  // nobody made room for it

  Phase phase_ = Phase::handshake;
  bool reading_ = false, writing_ = false;
  std::string read_buffer_, input_;
  std::string output_;
  size_t output_sent_ = 0;
  std::function<void()> after_write_;

  RequestParser parser_;
  Admission admission_;
  std::shared_ptr<ExchangeState> state_;
  bool head_read_ = false;  // of the request in work
  bool counted_ = false;    // among the running requests
  bool keep_connection_ = true;
  bool status_sent_ = false;  // the status line has left or is on its way
  bool chunked_ = false;      // the reply is
  bool blank_ = false;        // the reply began with blank lines
  bool streaming_ = false;
  int status_ = 0;
  int64_t received_bytes_ = 0, sent_bytes_ = 0, body_bytes_ = 0;
  Clock::time_point received_{}, body_began_{}, idle_since_{};
  std::optional<Clock::time_point> first_byte_;
  std::string withheld_;

  Timer timer_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point armed_for_ = Clock::time_point::max();
};

}  // namespace deepseek::serve
