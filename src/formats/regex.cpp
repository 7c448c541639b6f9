// SPDX-License-Identifier: Apache-2.0
#include "formats/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "core/error.h"
#include "formats/regex_syntax.h"

namespace deepseek {
namespace {

constexpr size_t max_pattern_bytes = size_t{1} << 16;
// Steps of one search; a run of white space as long as the text takes a few for each byte.
constexpr uint64_t match_limit = 10'000'000;
constexpr uint64_t match_limit_per_byte = 16;
constexpr size_t jit_stack_bytes = size_t{8} << 20;
// A search is cut into windows of start positions, and the clock is read after every so many bytes
// that the pattern could have read, so that one that reads to the end of a long text from every
// position is noticed. Ordinary patterns take well under a microsecond a byte.
constexpr size_t window_bytes = 256;
constexpr size_t bytes_between_checks = size_t{16} << 20;
constexpr std::chrono::seconds patience{10};
constexpr std::chrono::microseconds patience_per_byte{2};

using Clock = std::chrono::steady_clock;

std::string message_of(int code) {
  unsigned char text[256];
  if (pcre2_get_error_message(code, text, sizeof text) < 0) return concat("error ", code);
  return reinterpret_cast<const char*>(text);
}

struct Deleter {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
  void operator()(pcre2_compile_context* p) const { pcre2_compile_context_free(p); }
  void operator()(pcre2_jit_stack* p) const { pcre2_jit_stack_free(p); }
};

template <class T>
using Owned = std::unique_ptr<T, Deleter>;

template <class T>
Owned<T> owned(T* p) {
  if (!p) throw std::bad_alloc();
  return Owned<T>(p);
}

}  // namespace

struct Regex::Code {
  Owned<pcre2_code> pattern;
  bool jit = false;
};

struct Regex::Scratch::Parts {
  Owned<pcre2_match_data> data = owned(pcre2_match_data_create(1, nullptr));
  Owned<pcre2_match_context> context = owned(pcre2_match_context_create(nullptr));
  Owned<pcre2_jit_stack> stack = owned(pcre2_jit_stack_create(32 * 1024, jit_stack_bytes, nullptr));
  Clock::time_point deadline = Clock::time_point::max();
  size_t bytes_since_check = 0;

  bool late(size_t bytes_at_stake) {
    bytes_since_check += bytes_at_stake;
    if (bytes_since_check < bytes_between_checks) return false;
    bytes_since_check = 0;
    return Clock::now() > deadline;
  }
};

Regex::Scratch::Scratch() : parts_(std::make_unique<Parts>()) {
  start(0);
  pcre2_set_heap_limit(parts_->context.get(), uint32_t{64} << 10);
  pcre2_jit_stack_assign(parts_->context.get(), nullptr, parts_->stack.get());
}
Regex::Scratch::~Scratch() = default;

void Regex::Scratch::start(size_t text_bytes) {
  const uint64_t limit = match_limit + match_limit_per_byte * text_bytes;
  pcre2_set_match_limit(parts_->context.get(), uint32_t(std::min<uint64_t>(limit, UINT32_MAX)));
  parts_->deadline = Clock::now() + patience + patience_per_byte * int64_t(text_bytes);
  parts_->bytes_since_check = 0;
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

Regex::Regex(std::string_view pattern, std::string owner)
    : code_(std::make_unique<Code>()), owner_(std::move(owner)) {
  const std::string translated = pcre2_pattern(pattern, owner_);
  const auto context = owned(pcre2_compile_context_create(nullptr));
  pcre2_set_max_pattern_length(context.get(), max_pattern_bytes);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  // In Ruby's flavour ^ and $ always are those of a line.
  constexpr uint32_t options =
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_USE_OFFSET_LIMIT | PCRE2_NEVER_BACKSLASH_C;
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_->pattern.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()),
                                     translated.size(), options, &error, &offset, context.get()));
  if (!code_->pattern)
    fail(ErrorKind::bad_file, owner_, ": pattern \"", printable(pattern),
         "\": expected a regular expression, got ", message_of(error));
  code_->jit = pcre2_jit_compile(code_->pattern.get(), PCRE2_JIT_COMPLETE) == 0;
}

bool Regex::find(std::string_view text, size_t from, Scratch& scratch, Match& match) const {
  Scratch::Parts& parts = *scratch.parts_;
  const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  while (from <= text.size()) {
    if (parts.late(text.size() - from))
      fail(ErrorKind::unsupported, owner_, ": the patterns take too long on ",
           size_text(text.size()), " of text; the file is damaged or hostile");
    size_t last = std::min(text.size(), from + window_bytes);
    while (last < text.size() && (text[last] & 0xC0) == 0x80) ++last;
    pcre2_set_offset_limit(parts.context.get(), last);
    const int code = code_->jit
                         ? pcre2_jit_match(code_->pattern.get(), subject, text.size(), from, 0,
                                           parts.data.get(), parts.context.get())
                         : pcre2_match(code_->pattern.get(), subject, text.size(), from,
                                       PCRE2_NO_UTF_CHECK, parts.data.get(), parts.context.get());
    if (code >= 0) {
      const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(parts.data.get());
      if (bounds[0] > bounds[1] || bounds[0] < from)
        fail(ErrorKind::unsupported, owner_, ": \\K in a lookaround cannot be used here");
      match = {bounds[0], bounds[1]};
      return true;
    }
    if (code != PCRE2_ERROR_NOMATCH)
      fail(ErrorKind::unsupported, owner_, ": a pattern exceeds its limits on this text (",
           message_of(code), "); the file is damaged or hostile");
    if (last == text.size()) return false;
    from = last;
  }
  return false;
}

}  // namespace deepseek
