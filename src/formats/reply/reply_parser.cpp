// SPDX-License-Identifier: Apache-2.0
#include "formats/reply/reply_parser.h"

#include <algorithm>

#include "core/json.h"

namespace deepseek {
namespace {

constexpr size_t longest_name_bytes = 256;
/// What follows the name of a DSML parameter.
constexpr std::string_view text_follows = "\" string=\"true\">",
                           value_follows = "\" string=\"false\">";

size_t leading_blanks(std::string_view text) {
  return static_cast<size_t>(std::ranges::find_if_not(text, is_json_blank) - text.begin());
}

size_t trailing_blanks(std::string_view text) {
  size_t size = 0;
  while (size < text.size() && is_json_blank(text[text.size() - 1 - size])) ++size;
  return size;
}

/// Length of the longest end of `text` that is a beginning of `mark`.
size_t unfinished(std::string_view text, std::string_view mark) {
  for (size_t size = std::min(text.size(), mark.size() - 1); size > 0; --size)
    if (text.ends_with(mark.substr(0, size))) return size;
  return 0;
}

/// A JSON string's text, with or without the quotes.
std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

ReplyParser::ReplyParser(const ReplyForm& form, const Options& options)
    : form_(form),
      read_calls_(options.read_calls && form.tools != nullptr),
      calls_first_(options.calls_first || (read_calls_ && form.tools->at_start)),
      at_(!form.thinks               ? At::content
          : options.inside_reasoning ? At::reasoning
                                     : At::start) {}

std::vector<ReplyPart> ReplyParser::feed(std::string_view piece) {
  held_ += piece;
  while (step()) {
  }
  return std::exchange(out_, {});
}

void ReplyParser::finish_cut_off() {
  if (at_ == At::content && held_.empty()) emit(ReplyPart::Kind::content, trailing_);
  if (at_ != At::call_close) return;
  emit(ReplyPart::Kind::call_end, "");
  ++complete_calls_;
}

std::vector<ReplyPart> ReplyParser::finish(bool cut_off) {
  if (cut_off) {
    finish_cut_off();
    return std::exchange(out_, {});
  }
  ended_ = true;
  while (step()) {
  }
  switch (at_) {
    case At::between_calls:
    case At::name:
      not_a_call();
      emit(ReplyPart::Kind::content, std::exchange(held_, {}));
      break;
    case At::reasoning:
      emit(ReplyPart::Kind::reasoning, std::exchange(held_, {}));
      break;
    case At::start:
    case At::content:
      emit(ReplyPart::Kind::content, trailing_ + std::exchange(held_, {}));
      break;
    default:  // inside a call: what cannot be told apart from a marker is no part of its arguments
      break;
  }
  return std::exchange(out_, {});
}

ReplyParser::Match ReplyParser::match(std::string_view literal) const {
  size_t at = 0;
  for (const char c : literal) {
    if (is_json_blank(c)) continue;
    while (at < held_.size() && is_json_blank(held_[at])) ++at;
    if (at == held_.size()) return {.more = !ended_};
    if (held_[at] != c) return {};
    ++at;
  }
  return {.matched = true, .size = at};
}

void ReplyParser::emit(ReplyPart::Kind kind, std::string text) {
  if (text.empty() && kind != ReplyPart::Kind::call_end) return;
  const bool of_call = kind != ReplyPart::Kind::content && kind != ReplyPart::Kind::reasoning;
  const int call = of_call ? call_ : 0;
  if (!out_.empty() && out_.back().kind == kind && out_.back().call == call &&
      kind != ReplyPart::Kind::call_begin)
    out_.back().text += text;
  else
    out_.push_back({kind, std::move(text), call});
}

void ReplyParser::take(size_t size) {
  raw_call_ += held_.substr(0, size);
  held_.erase(0, size);
}

bool ReplyParser::not_a_call() {
  if (raw_call_.empty() && !held_.empty()) take(1);
  emit(ReplyPart::Kind::content, std::exchange(trailing_, {}) + std::exchange(raw_call_, {}));
  shown_ = true;
  in_block_ = false;
  at_ = At::content;
  return true;
}

bool ReplyParser::broken_call() {
  shown_ = true;
  in_block_ = false;
  at_ = At::content;
  return true;
}

void ReplyParser::begin_call(const std::string& name) {
  ++call_;
  emit(ReplyPart::Kind::call_begin, name);
  raw_call_.clear();
  trailing_.clear();
  first_parameter_ = true;
  begin_value();
  at_ = form_.tools->parameters ? At::parameters : At::arguments;
}

bool ReplyParser::step() {
  switch (at_) {
    case At::start:
      return step_start();
    case At::reasoning:
      return step_reasoning();
    case At::content:
      return step_content();
    case At::between_calls:
      return step_between_calls();
    case At::name:
      return step_name();
    case At::parameters:
      return step_parameters();
    case At::parameter_text:
      return step_parameter_text();
    case At::parameter_value:
      return step_value(At::parameters);
    case At::arguments:
      return step_value(At::call_close);
    case At::call_close:
      return step_call_close();
  }
  return false;
}

bool ReplyParser::step_start() {
  const size_t blanks = leading_blanks(held_);
  const std::string_view rest = std::string_view(held_).substr(blanks);
  if (rest.starts_with(form_.think_open)) {
    held_.erase(0, blanks + form_.think_open.size());
    at_ = At::reasoning;
    return true;
  }
  if (!ended_ && form_.think_open.starts_with(rest)) return false;
  at_ = At::content;
  return true;
}

bool ReplyParser::step_reasoning() {
  if (!shown_) held_.erase(0, leading_blanks(held_));
  const size_t at = held_.find(form_.think_close);
  const bool closes = at != std::string::npos;
  const size_t ready =
      closes ? at : held_.size() - (ended_ ? 0 : unfinished(held_, form_.think_close));
  const size_t blanks = trailing_blanks(std::string_view(held_).substr(0, ready));
  if (ready > blanks) {
    emit(ReplyPart::Kind::reasoning, trailing_ + held_.substr(0, ready - blanks));
    trailing_.clear();
    shown_ = true;
  }
  if (!closes) {
    trailing_ += held_.substr(ready - blanks, blanks);
    held_.erase(0, ready);
    return false;
  }
  held_.erase(0, at + form_.think_close.size());
  trailing_.clear();
  shown_ = false;
  at_ = At::content;
  return true;
}

bool ReplyParser::step_content() {
  if (!shown_ && form_.thinks) held_.erase(0, leading_blanks(held_));
  if (!read_calls_) {
    if (!held_.empty()) {
      emit(ReplyPart::Kind::content, std::exchange(held_, {}));
      shown_ = true;
    }
    return false;
  }
  const std::string_view trigger = form_.tools->trigger();
  if (calls_first_) {
    const Match found = match(trigger);
    if (!shown_ && found.matched) {
      at_ = At::between_calls;
      return true;
    }
    if (!shown_ && found.more && !ended_) return false;
    emit(ReplyPart::Kind::content, std::exchange(held_, {}));
    shown_ = shown_ || !out_.empty();
    return false;
  }
  // Readers take other blanks than the family writes, so only the trigger's first word counts.
  const std::string_view mark = trigger.substr(0, trigger.find_first_of("\n{"));
  const size_t at = held_.find(mark);
  const bool found = at != std::string::npos;
  const size_t ready = found ? at : held_.size() - (ended_ ? 0 : unfinished(held_, mark));
  const size_t blanks = trailing_blanks(std::string_view(held_).substr(0, ready));
  if (ready > blanks) {
    emit(ReplyPart::Kind::content, trailing_ + held_.substr(0, ready - blanks));
    trailing_.clear();
    shown_ = true;
  }
  trailing_ += held_.substr(ready - blanks, blanks);
  held_.erase(0, ready);
  if (!found) return false;
  at_ = At::between_calls;
  in_block_ = false;
  return true;
}

bool ReplyParser::step_between_calls() {
  const ToolForm& tools = *form_.tools;
  if (!tools.block_open.empty() && !in_block_) {
    const Match open = match(tools.block_open);
    if (open.more) return false;
    if (!open.matched) return not_a_call();
    take(open.size);
    in_block_ = true;
    return true;
  }
  if (in_block_) {
    const Match close = match(tools.block_close);
    if (close.matched) {
      held_.erase(0, close.size);
      raw_call_.clear();
      trailing_.clear();
      in_block_ = false;
      at_ = At::content;
      return true;
    }
    if (close.more) return false;
  }
  const Match open = match(tools.call_open);
  if (open.more) return false;
  if (!open.matched) return not_a_call();
  take(open.size);
  at_ = At::name;
  return true;
}

bool ReplyParser::step_name() {
  const ToolForm& tools = *form_.tools;
  // The name ends where the first visible character of name_close stands.
  const size_t end = held_.find(tools.name_close[0]);
  const bool ends = end != std::string::npos;
  if (ends ? end > longest_name_bytes : held_.size() > longest_name_bytes) return not_a_call();
  if (!ends) return false;
  const std::string name = held_.substr(0, end);
  const std::string whole = held_;
  held_.erase(0, end);
  const Match close = match(tools.name_close);
  if (!close.matched) {
    held_ = whole;
    return close.more ? false : not_a_call();
  }
  held_.erase(0, close.size);
  begin_call(name);
  return true;
}

bool ReplyParser::step_parameters() {
  const Match close = match(form_.tools->call_close);
  if (close.matched) {
    arguments(first_parameter_ ? "{}" : "}");
    at_ = At::call_close;
    return true;
  }
  const Match open = match(parameter_open);
  if (open.matched) {
    const size_t name_end = held_.find('"', open.size);
    if (name_end == std::string::npos) return false;
    const std::string_view rest = std::string_view(held_).substr(name_end);
    const bool text = rest.starts_with(text_follows), value = rest.starts_with(value_follows);
    if (!text && !value && (text_follows.starts_with(rest) || value_follows.starts_with(rest)))
      return false;
    if (text || value) {
      const std::string name = held_.substr(open.size, name_end - open.size);
      held_.erase(0, name_end + (text ? text_follows : value_follows).size());
      arguments((first_parameter_ ? "{" : ", ") + json_string(name) + (text ? ": \"" : ": "));
      first_parameter_ = false;
      begin_value();
      at_ = text ? At::parameter_text : At::parameter_value;
      return true;
    }
  } else if (close.more || open.more) {
    return false;
  }
  return broken_call();
}

bool ReplyParser::step_parameter_text() {
  const size_t at = held_.find(parameter_close);
  const bool closes = at != std::string::npos;
  size_t ready = closes ? at : held_.size() - (ended_ ? 0 : unfinished(held_, parameter_close));
  if (ready > 0) {
    const std::string quoted = json_string(std::string_view(held_).substr(0, ready));
    arguments(std::string_view(quoted).substr(1, quoted.size() - 2));
    held_.erase(0, ready);
  }
  if (!closes) return false;
  held_.erase(0, parameter_close.size());
  arguments("\"");
  at_ = At::parameters;
  return true;
}

bool ReplyParser::step_value(At next) {
  if (!value_begun_) held_.erase(0, leading_blanks(held_));
  const size_t size = extent_.feed(held_);
  value_begun_ = value_begun_ || size > 0;
  arguments(std::string_view(held_).substr(0, size));
  held_.erase(0, size);
  if (extent_.state() == JsonExtent::State::wrong) return broken_call();
  if (extent_.state() == JsonExtent::State::open) return false;
  if (next == At::parameters) {
    const Match close = match(parameter_close);
    if (close.more) return false;
    if (!close.matched) return broken_call();
    held_.erase(0, close.size);
  }
  at_ = next;
  return true;
}

bool ReplyParser::step_call_close() {
  const ToolForm& tools = *form_.tools;
  const Match close = match(tools.call_close);
  if (close.more && !ended_) return false;
  if (!close.matched) return broken_call();
  held_.erase(0, close.size);
  emit(ReplyPart::Kind::call_end, "");
  ++complete_calls_;
  trailing_.clear();
  at_ = in_block_ ? At::between_calls : At::content;
  return true;
}

}  // namespace deepseek
