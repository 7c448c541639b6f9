// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "cli/messages.h"
#include "core/progress.h"

namespace deepseek::cli {

/// Thrown when the reader of standard output went away; the run ends without a word.
struct OutputClosed {};

/// Whether the terminal understands nothing but text: TERM is "dumb" or not set.
bool terminal_is_dumb();
/// What a model wrote made fit for a terminal, which would obey control characters: other than
/// line feed and tab they become U+FFFD; carriage returns are left out.
std::string terminal_text(std::string_view text);

/// The two ends of one call: results on standard output; progress, notices and errors on standard
/// error. Writes that fail throw out_of_memory, or OutputClosed.
class Console {
 public:
  Console(Language language, bool json);

  Language language() const { return language_; }
  bool json() const { return json_; }
  bool input_is_terminal() const { return input_is_terminal_; }
  bool output_is_terminal() const { return output_is_terminal_; }
  /// Colour and bars may be used: a terminal that is not dumb, and no NO_COLOR.
  bool output_has_style() const { return output_is_terminal_ && style_allowed_; }
  bool error_has_style() const { return error_is_terminal_ && style_allowed_; }

  /// Buffered until flush, or until some kilobytes are there.
  void write(std::string_view text);
  void line(std::string_view text);
  void flush();

  /// One line on standard error, as it is or after "deepseek: ".
  void error_line(std::string_view text);
  void notice(std::string_view text);
  template <class... Parts>
  std::string say(std::string_view key, const Parts&... parts) const {
    return cli::say(language_, key, parts...);
  }

  /// Shows work that takes longer than a second: one line rewritten in place on a terminal, else a
  /// line every ten seconds. Throws interrupted after Ctrl-C inside an InterruptScope.
  ProgressSink progress();
  NoticeSink notices();

 private:
  Language language_;
  bool json_;
  bool input_is_terminal_, output_is_terminal_, error_is_terminal_, style_allowed_;
  std::string buffer_;
};

}  // namespace deepseek::cli
