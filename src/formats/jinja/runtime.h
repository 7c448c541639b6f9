// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "core/error.h"
#include "formats/jinja/value.h"

namespace deepseek::jinja {

/// What a template may use; templates come with model files and are not trusted.
struct Limits {
  int64_t template_bytes = int64_t{1} << 20;
  int64_t parse_depth = 100;        // nested statements, brackets and operators
  int64_t expression_depth = 200;   // also of chains such as a.b.c or a + b + c
  int64_t run_depth = 400;          // nested evaluation, macro calls included
  int64_t value_depth = 200;        // lists in lists
  int64_t steps = 5'000'000;        // evaluated nodes and touched items
  int64_t made_bytes = 64'000'000;  // strings and lists made in one rendering
  int64_t made_for_each_byte = 32;  // more of them for each byte of the conversation
  int64_t output_bytes = int64_t{32} << 20;
  int64_t range_items = 100'000;
};

/// Counts what a rendering uses and says where it is when something fails.
class Runtime {
 public:
  Runtime(std::string name, const Limits& limits) : name_(std::move(name)), limits_(limits) {}

  const Limits& limits() const { return limits_; }

  /// Counts work in proportion to `n` items. Throws bad_file past the budget.
  void count_steps(int64_t n = 1) {
    if (n > limits_.steps - steps_) over_budget("steps", limits_.steps);
    steps_ += n;
  }
  /// Counts a search through `text` that may compare all of `part` everywhere.
  void count_search(std::string_view text, std::string_view part) {
    count_steps(int64_t(text.size()) + int64_t(text.size()) * int64_t(part.size()) / 256);
  }
  /// Counts `n` bytes about to be made, and the work on them.
  void count_bytes(int64_t n) {
    if (n > limits_.made_bytes - made_bytes_) over_budget("bytes made", limits_.made_bytes);
    made_bytes_ += n;
    count_steps(n / 256);
  }
  int64_t made_bytes() const { return made_bytes_; }
  /// Allows for a conversation of `n` bytes.
  void allow_for(int64_t n) { limits_.made_bytes += limits_.made_for_each_byte * n; }
  /// As count_bytes(n * size), safe against overflow.
  void count_bytes(int64_t n, int64_t size);
  [[noreturn]] void over_budget(std::string_view what, int64_t limit) const;

  /// Throws invalid_input naming template and line.
  template <class... Parts>
  [[noreturn]] void error(const Parts&... parts) const {
    fail(ErrorKind::invalid_input, where(), parts...);
  }
  std::string where() const;

  Value make_sequence(Sequence::Kind kind, std::vector<Value> items);
  Value make_list(std::vector<Value> items) {
    return make_sequence(Sequence::Kind::list, std::move(items));
  }
  Value make_dict(Dict dict);
  Value make_callable(std::string name, int depth,
                      std::function<Value(Interpreter&, Arguments&)> run);
  /// Counts and makes a string.
  Value make_text(Text text);
  Value make_string(std::string bytes) { return make_text(Text{std::move(bytes), {}}); }

  int line = 0;

 private:
  void check_depth(int depth) const;
  std::string name_;
  Limits limits_;
  int64_t steps_ = 0;
  int64_t made_bytes_ = 0;
};

/// The arguments of a call sorted to its parameters; absent ones are null.
class Bound {
 public:
  /// Throws when an argument is unknown, given twice, too many, or one of the first `required`
  /// parameters is absent.
  Bound(const Runtime& runtime, std::string_view function, const Arguments& arguments,
        std::initializer_list<std::string_view> parameters, size_t required = 0);

  const Value* operator[](size_t i) const { return values_[i]; }
  bool has(size_t i) const { return values_[i] != nullptr; }
  bool is_given(size_t i) const { return has(i) && !values_[i]->is<None>(); }
  int64_t integer(size_t i, int64_t otherwise) const;
  bool flag(size_t i, bool otherwise) const;
  /// The string, or null when absent or none.
  const Text* text(size_t i) const;

 private:
  [[noreturn]] void wrong_type(size_t i, std::string_view expected) const;
  const Runtime& runtime_;
  std::string_view function_;
  std::vector<std::string_view> parameters_;
  std::vector<const Value*> values_;
};

}  // namespace deepseek::jinja
