// SPDX-License-Identifier: Apache-2.0
#include "serve/http/request_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/parser.hpp>

#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

namespace http = boost::beast::http;

/// A body that grows as bytes come. Beast's own reserves what Content-Length promises.
struct GrowingBody {
  using value_type = std::string;

  class reader {  // NOLINT(readability-identifier-naming): Beast's name
   public:
    template <bool is_request, class Fields>
    reader(http::header<is_request, Fields>&, value_type& body) : body_(body) {}

    void init(const boost::optional<uint64_t>&, boost::system::error_code& code) { code = {}; }
    template <class Buffers>
    size_t put(const Buffers& buffers, boost::system::error_code& code) {
      size_t size = 0;
      for (auto part = boost::asio::buffer_sequence_begin(buffers);
           part != boost::asio::buffer_sequence_end(buffers); ++part) {
        const boost::asio::const_buffer bytes(*part);
        body_.append(static_cast<const char*>(bytes.data()), bytes.size());
        size += bytes.size();
      }
      code = {};
      return size;
    }
    void finish(boost::system::error_code& code) { code = {}; }

   private:
    value_type& body_;
  };
};

using Parser = http::request_parser<GrowingBody>;

/// The longest chunk header or trailer that may wait for its end.
constexpr size_t most_chunk_overhead = 16 << 10;

bool is_token_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

[[noreturn]] void refuse_syntax(std::string_view what) { refuse(400, "malformed HTTP: ", what); }

/// Where the header ends, past its empty line; nothing while it does not. `from`: already searched.
std::optional<size_t> find_end(std::string_view input, size_t from) {
  for (size_t at = input.find('\n', from); at != input.npos; at = input.find('\n', at + 1)) {
    if (at == 0 || input[at - 1] != '\r') refuse_syntax("a line ends without a carriage return");
    if (at >= 3 && input[at - 2] == '\n') return at + 1;
    // Peers disagree on folded lines, which lets one smuggle a field past another.
    if (at + 1 < input.size() && (input[at + 1] == ' ' || input[at + 1] == '\t'))
      refuse_syntax("a header line is folded");
  }
  return std::nullopt;
}

void check_framing(RequestHead& head) {
  const size_t lengths = head.headers.count("Content-Length");
  const size_t encodings = head.headers.count("Transfer-Encoding");
  if (lengths > 1) refuse_syntax("several Content-Length fields");
  if (encodings > 1) refuse_syntax("several Transfer-Encoding fields");
  if (lengths > 0 && encodings > 0) refuse_syntax("both Content-Length and Transfer-Encoding");
  if (encodings > 0) {
    if (head.minor_version == 0) refuse_syntax("Transfer-Encoding in HTTP/1.0");
    if (!same_name(head.headers.value("Transfer-Encoding"), "chunked"))
      refuse(501, "of Transfer-Encoding only 'chunked' is understood");
    head.chunked = true;
  }
  if (lengths > 0) {
    const std::string_view text = head.headers.value("Content-Length");
    const bool digits =
        !text.empty() && text.size() <= 18 && text.find_first_not_of("0123456789") == text.npos;
    if (!digits) refuse_syntax("Content-Length is no number");
    head.content_length = std::stoll(std::string(text));
  }
}

}  // namespace

bool is_name_list(std::string_view text) {
  while (true) {
    const size_t end = std::min(text.find(','), text.size());
    std::string_view name = text.substr(0, end);
    name.remove_prefix(std::min(name.find_first_not_of(" \t"), name.size()));
    name = name.substr(0, name.find_last_not_of(" \t") + 1);
    if (name.empty() || !std::ranges::all_of(name, is_token_char)) return false;
    if (end == text.size()) return true;
    text.remove_prefix(end + 1);
  }
}

struct RequestParser::Parts {
  std::optional<Parser> parser;
  RequestHead head;
  size_t searched = 0;
  bool begun = false;
};

RequestParser::RequestParser(const ParseLimits& limits)
    : limits_(limits), parts_(std::make_unique<Parts>()) {}

RequestParser::~RequestParser() = default;

RequestHead& RequestParser::head() { return parts_->head; }

void RequestParser::reset() { parts_ = std::make_unique<Parts>(); }

bool RequestParser::read_head(std::string& input) {
  Parts& parts = *parts_;
  if (!parts.begun) {
    // Some clients send an empty line after a body (RFC 9112, 2.2).
    while (input.starts_with("\r\n")) input.erase(0, 2);
    if (input.empty() || input == "\r") return false;
    if (!is_token_char(input[0])) refuse_syntax("no request line");
    parts.begun = true;
  }
  const std::string_view view = input;
  const size_t line_end = std::min(view.find('\r'), view.size());
  const size_t target = std::min(view.find(' '), line_end);
  if (target > 32) refuse_syntax("the method is too long");
  if (int64_t(line_end - target) > limits_.uri_bytes + 16)
    refuse(414, "the URI is longer than ", limits_.uri_bytes, " bytes");
  const std::optional<size_t> end = find_end(view, parts.searched);
  if (int64_t(end.value_or(view.size())) > limits_.header_bytes)
    refuse(431, "the header is longer than ", limits_.header_bytes, " bytes");
  if (!end) {
    // A line feed at the very end is searched again, for what follows it decides on folding.
    parts.searched = view.size() - 1;
    return false;
  }
  const std::string_view block = view.substr(0, *end);
  if (std::count(block.begin(), block.end(), '\n') - 2 > limits_.header_count)
    refuse(431, "the header has more than ", limits_.header_count, " fields");

  Parser& parser = parts.parser.emplace();
  parser.header_limit(UINT32_MAX);
  parser.body_limit(UINT64_MAX);  // Beast 1.74 takes none for zero
  boost::system::error_code code;
  const size_t used = parser.put(boost::asio::buffer(block.data(), block.size()), code);
  if (code) refuse_syntax(code.message());
  if (used != block.size() || !parser.is_header_done())
    refuse_syntax("the header has no clear end");

  RequestHead& head = parts.head;
  const auto& message = parser.get();
  if (message.version() != 10 && message.version() != 11)
    refuse(505, "the protocol is HTTP/1.1 or HTTP/1.0");
  head.minor_version = int(message.version() - 10);
  head.method = std::string(message.method_string());
  head.target = std::string(message.target());
  for (const auto& field : message)
    head.headers.add(std::string(field.name_string()), std::string(field.value()));
  head.keep_alive = message.keep_alive();
  check_framing(head);
  const std::string_view expect = head.headers.value("Expect");
  head.expects_continue = same_name(expect, "100-continue");
  if (!expect.empty() && !head.expects_continue)
    refuse(417, "of Expect only '100-continue' is understood");
  input.erase(0, *end);
  return true;
}

void RequestParser::body_limit(int64_t size_bytes) {
  parts_->parser->body_limit(uint64_t(size_bytes));
}

int64_t RequestParser::body_size() const {
  return parts_->parser ? int64_t(parts_->parser->get().body().size()) : 0;
}

bool RequestParser::read_body(std::string& input) {
  Parser& parser = *parts_->parser;
  size_t used = 0;
  while (!parser.is_done() && used < input.size()) {
    boost::system::error_code code;
    const size_t step =
        parser.put(boost::asio::buffer(input.data() + used, input.size() - used), code);
    used += step;
    if (code == http::error::body_limit) refuse(413, "the body is too large");
    if (code && code != http::error::need_more) refuse_syntax(code.message());
    if (code == http::error::need_more) break;
    if (step == 0 && !parser.is_done()) break;
  }
  input.erase(0, used);
  if (!parser.is_done() && input.size() > most_chunk_overhead)
    refuse_syntax("a chunk's header or trailer is too long");
  return parser.is_done();
}

std::string RequestParser::take_body() { return std::move(parts_->parser->get().body()); }

}  // namespace deepseek::serve
