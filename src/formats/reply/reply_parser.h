// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/reply/json_extent.h"
#include "formats/reply/reply_form.h"

namespace deepseek {

/// What a stretch of a reply is.
struct ReplyPart {
  enum class Kind {
    reasoning,
    content,
    call_begin,      // text: the function's name
    call_arguments,  // text: the next piece of a JSON object
    call_end         // the arguments are complete
  };
  Kind kind = Kind::content;
  std::string text;
  int call = 0;  // which one, from 0

  bool operator==(const ReplyPart&) const = default;
};

/// Takes a reply apart as it comes: reasoning, content, calls. How the text is cut into pieces
/// changes nothing but where the parts are cut. What looks like a call and is none stays content;
/// nothing is lost but the markers, the blanks around reasoning and those before calls.
class ReplyParser {
 public:
  struct Options {
    bool inside_reasoning = false;  // the prompt ends within it
    bool read_calls = false;        // tools were declared
    bool calls_first = false;       // a reply that does not begin with a call has none
  };
  ReplyParser(const ReplyForm& form, const Options& options);

  std::vector<ReplyPart> feed(std::string_view piece);
  /// At the end of the reply: what was held back. `cut_off`: a limit ended it, so that what may be
  /// the beginning of a marker is no part of the text, and a call whose arguments are whole is one.
  std::vector<ReplyPart> finish(bool cut_off);

  /// Calls whose arguments are complete.
  int calls() const { return complete_calls_; }

 private:
  enum class At {
    start,      // nothing of the answer yet: blanks, or the beginning of reasoning
    reasoning,  // leading blanks of it are dropped
    content,
    between_calls,
    name,
    parameters,       // DSML: before the next parameter or the end of the call
    parameter_text,   // string="true"
    parameter_value,  // string="false"
    arguments,
    call_close
  };
  /// How a literal stands to what is held, blanks aside.
  struct Match {
    bool matched = false, more = false;
    size_t size = 0;
  };

  bool step();
  bool step_start();
  bool step_reasoning();
  bool step_content();
  bool step_between_calls();
  bool step_name();
  bool step_parameters();
  bool step_parameter_text();
  bool step_value(At next);
  bool step_call_close();

  Match match(std::string_view literal) const;
  void emit(ReplyPart::Kind kind, std::string text);
  void arguments(std::string_view text) {
    emit(ReplyPart::Kind::call_arguments, std::string(text));
  }
  void take(size_t size);
  /// The text so far was no call after all: it is content.
  bool not_a_call();
  void finish_cut_off();
  /// A call whose name was told breaks off: what follows is content.
  bool broken_call();
  void begin_call(const std::string& name);
  void begin_value() {
    extent_ = {};
    value_begun_ = false;
  }

  ReplyForm form_;
  bool read_calls_, calls_first_;
  At at_;
  bool ended_ = false;
  std::string held_;      // not yet understood
  std::string raw_call_;  // of a call whose name is not yet known, markers included
  std::string trailing_;  // blanks at the end of content or reasoning
  bool shown_ = false;    // something of reasoning, then of content, was emitted
  bool in_block_ = false;
  int call_ = -1, complete_calls_ = 0;
  bool first_parameter_ = true;
  JsonExtent extent_;
  bool value_begun_ = false;
  std::vector<ReplyPart> out_;
};

}  // namespace deepseek
