// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "core/text.h"
#include "core/utf8.h"
#include "formats/jinja/interpreter.h"
#include "formats/jinja/letters.h"
#include "formats/jinja/operators.h"
#include "formats/jinja/print.h"

namespace deepseek::jinja {
namespace {

struct TestRow {
  std::string_view name;
  bool (*run)(Interpreter& in, const Value& subject, const Arguments& arguments);
};

const Value& operand(Interpreter& in, const Arguments& arguments) {
  if (arguments.positional.size() != 1 || !arguments.named.empty())
    in.error("the test takes one argument");
  return arguments.positional[0];
}

bool is_sequence(const Value& value) {
  const Sequence* s = value.as_sequence();
  return value.as_text() != nullptr || value.as_dict() != nullptr || value.is<Undefined>() ||
         (s != nullptr && (s->kind == Sequence::Kind::list || s->kind == Sequence::Kind::tuple));
}

bool is_iterable(const Value& value) {
  return value.as_text() != nullptr || value.as_dict() != nullptr ||
         value.as_sequence() != nullptr || value.is<Undefined>() || value.is<LoopPtr>();
}

template <Comparison op>
bool compares(Interpreter& in, const Value& subject, const Arguments& arguments) {
  return compare(in, op, subject, operand(in, arguments));
}

template <int64_t remainder>
bool has_parity(Interpreter& in, const Value& subject, const Arguments&) {
  return equal(in, binary(in, Operator::modulo, subject, Value(int64_t{2})), Value(remainder));
}

bool is_divisible(Interpreter& in, const Value& subject, const Arguments& arguments) {
  return equal(in, binary(in, Operator::modulo, subject, operand(in, arguments)),
               Value(int64_t{0}));
}

bool is_same(Interpreter& in, const Value& subject, const Arguments& arguments) {
  const Value& other = operand(in, arguments);
  return subject.data.index() == other.data.index() && equal(in, subject, other);
}

template <LetterCase to>
bool is_case(Interpreter& in, const Value& subject, const Arguments&) {
  const TextPtr text = to_text(in, subject);
  in.count_steps(int64_t(text->bytes.size()) / 16);
  bool cased = false;
  for (size_t at = 0; at < text->bytes.size(); at += character_size(text->bytes, at)) {
    const char32_t c = read_utf8(std::string_view(text->bytes).substr(at)).code_point;
    if (to == LetterCase::upper ? is_lower(c) : is_upper(c)) return false;
    cased |= is_lower(c) || is_upper(c);
  }
  return cased;
}

constexpr std::array<TestRow, 37> tests{{
    {"defined", [](Interpreter&, const Value& v, const Arguments&) { return !v.is<Undefined>(); }},
    {"undefined", [](Interpreter&, const Value& v, const Arguments&) { return v.is<Undefined>(); }},
    {"none", [](Interpreter&, const Value& v, const Arguments&) { return v.is<None>(); }},
    {"boolean", [](Interpreter&, const Value& v, const Arguments&) { return v.is<bool>(); }},
    {"true",
     [](Interpreter&, const Value& v, const Arguments&) { return v.is<bool>() && *v.get<bool>(); }},
    {"false", [](Interpreter&, const Value& v,
                 const Arguments&) { return v.is<bool>() && !*v.get<bool>(); }},
    {"integer", [](Interpreter&, const Value& v,
                   const Arguments&) { return v.is<int64_t>() || v.is<BigInteger>(); }},
    {"float", [](Interpreter&, const Value& v, const Arguments&) { return v.is<double>(); }},
    {"number", [](Interpreter&, const Value& v,
                  const Arguments&) { return is_number(v) || v.is<BigInteger>(); }},
    {"string",
     [](Interpreter&, const Value& v, const Arguments&) { return v.as_text() != nullptr; }},
    {"mapping",
     [](Interpreter&, const Value& v, const Arguments&) { return v.as_dict() != nullptr; }},
    {"sequence", [](Interpreter&, const Value& v, const Arguments&) { return is_sequence(v); }},
    {"iterable", [](Interpreter&, const Value& v, const Arguments&) { return is_iterable(v); }},
    {"callable", [](Interpreter&, const Value& v,
                    const Arguments&) { return v.is<CallablePtr>() || v.is<LoopPtr>(); }},
    {"escaped", [](Interpreter&, const Value&, const Arguments&) { return false; }},
    {"lower", is_case<LetterCase::lower>},
    {"upper", is_case<LetterCase::upper>},
    {"even", has_parity<0>},
    {"odd", has_parity<1>},
    {"divisibleby", is_divisible},
    {"sameas", is_same},
    {"in", compares<Comparison::in>},
    {"eq", compares<Comparison::equal>},
    {"equalto", compares<Comparison::equal>},
    {"==", compares<Comparison::equal>},
    {"ne", compares<Comparison::not_equal>},
    {"!=", compares<Comparison::not_equal>},
    {"lt", compares<Comparison::less>},
    {"lessthan", compares<Comparison::less>},
    {"<", compares<Comparison::less>},
    {"le", compares<Comparison::less_equal>},
    {"<=", compares<Comparison::less_equal>},
    {"gt", compares<Comparison::greater>},
    {"greaterthan", compares<Comparison::greater>},
    {">", compares<Comparison::greater>},
    {"ge", compares<Comparison::greater_equal>},
    {">=", compares<Comparison::greater_equal>},
}};

}  // namespace

bool Interpreter::test(std::string_view name, const Value& subject, Arguments& arguments) {
  count_steps();
  for (const TestRow& row : tests)
    if (row.name == name) return row.run(*this, subject, arguments);
  std::vector<std::string> names;
  names.reserve(tests.size());
  for (const TestRow& row : tests) names.emplace_back(row.name);
  const std::string_view near = nearest_name(name, names);
  error("unknown test '", name, "'", near.empty() ? "" : concat("; did you mean '", near, "'?"));
}

}  // namespace deepseek::jinja
