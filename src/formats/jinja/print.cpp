// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/print.h"

#include <utf8proc.h>

#include <array>
#include <charconv>
#include <cmath>

#include "core/utf8.h"

namespace deepseek::jinja {
namespace {

bool is_printable(char32_t c) {
  if (c < 0x7F) return c >= 0x20;
  switch (utf8proc_category(utf8proc_int32_t(c))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

void append_escaped(std::string& out, char32_t c) {
  static constexpr char hex[] = "0123456789abcdef";
  const int digits = c <= 0xFF ? 2 : c <= 0xFFFF ? 4 : 8;
  out += '\\';
  out += digits == 2 ? 'x' : digits == 4 ? 'u' : 'U';
  for (int i = digits - 1; i >= 0; --i) out += hex[(c >> (4 * i)) & 15];
}

std::string quoted(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  while (!text.empty()) {
    const Utf8Step step = read_utf8(text);
    const char32_t c = step.code_point;
    if (c == char32_t(quote) || c == U'\\') {
      out += '\\';
      out += char(c);
    } else if (c == U'\n') {
      out += "\\n";
    } else if (c == U'\r') {
      out += "\\r";
    } else if (c == U'\t') {
      out += "\\t";
    } else if (is_printable(c)) {
      out += text.substr(0, size_t(step.size_bytes));
    } else {
      append_escaped(out, c);
    }
    text.remove_prefix(size_t(step.size_bytes));
  }
  return out += quote;
}

class Printer {
 public:
  explicit Printer(Runtime& runtime) : runtime_(runtime) {}

  void print(const Value& value) {
    runtime_.count_steps();
    const int64_t before = out_.size_bytes();
    std::visit([this](const auto& v) { write(v); }, value.data);
    runtime_.count_bytes(out_.size_bytes() - before);
  }
  Text take() { return out_.take(); }

 private:
  void write(const Undefined&) { out_.append("Undefined"); }
  void write(const None&) { out_.append("None"); }
  void write(bool b) { out_.append(b ? "True" : "False"); }
  void write(int64_t i) { out_.append(std::to_string(i)); }
  void write(double d) { out_.append(float_text(d)); }
  void write(const BigInteger& i) { out_.append(*i.digits); }
  void write(const TextPtr& t) { out_.append_derived(quoted(t->bytes), *t); }
  void write(const SequencePtr& s) {
    using Kind = Sequence::Kind;
    if (s->kind == Kind::generator) return out_.append("<generator object>");
    const bool is_tuple = s->kind == Kind::tuple;
    const bool is_view = s->kind != Kind::list && !is_tuple;
    if (is_view) out_.append(concat(type_name(Value(s)), "("));
    out_.append(is_tuple ? "(" : "[");
    for (size_t i = 0; i < s->items.size(); ++i) {
      if (i > 0) out_.append(", ");
      print(s->items[i]);
    }
    if (is_tuple && s->items.size() == 1) out_.append(",");
    out_.append(is_tuple ? ")" : is_view ? "])" : "]");
  }
  void write_entries(const Dict& dict) {
    out_.append("{");
    for (size_t i = 0; i < dict.entries.size(); ++i) {
      if (i > 0) out_.append(", ");
      print(dict.entries[i].first);
      out_.append(": ");
      print(dict.entries[i].second);
    }
    out_.append("}");
  }
  void write(const DictPtr& d) { write_entries(*d); }
  void write(const CallablePtr& c) { out_.append(concat("<function ", c->name, ">")); }
  void write(Namespace* n) {
    if (++namespaces_ > runtime_.limits().value_depth)
      runtime_.over_budget("levels of nested values", runtime_.limits().value_depth);
    out_.append("<Namespace ");
    write_entries(n->attributes);
    out_.append(">");
    --namespaces_;
  }
  void write(const LoopPtr& l) {
    out_.append(concat("<LoopContext ", l->index0 + 1, "/", l->items->items.size(), ">"));
  }

  Runtime& runtime_;
  TextBuilder out_;
  int64_t namespaces_ = 0;
};

}  // namespace

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 64> buffer;
  const double size = std::abs(value);
  const bool plain = value == 0 || (size >= 1e-4 && size < 1e16);
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer.data(), end.ptr);
  if (plain && text.find('.') == std::string::npos) text += ".0";
  return text;
}

Text repr(Runtime& runtime, const Value& value) {
  Printer printer(runtime);
  printer.print(value);
  return printer.take();
}

TextPtr to_text(Runtime& runtime, const Value& value) {
  if (const TextPtr* text = value.get<TextPtr>()) return *text;
  if (value.is<Undefined>()) return std::make_shared<const Text>();
  return std::make_shared<const Text>(repr(runtime, value));
}

}  // namespace deepseek::jinja
