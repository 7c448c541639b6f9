// SPDX-License-Identifier: Apache-2.0
#include "formats/jinja/json.h"

#include <algorithm>
#include <cmath>

#include "core/utf8.h"
#include "formats/jinja/print.h"
#include "formats/json.h"

namespace deepseek::jinja {
namespace {

static_assert(Limits{}.value_depth >= max_json_depth);

Value text_value(Runtime& runtime, std::string_view bytes, bool as_content) {
  TextBuilder text;
  if (as_content)
    text.append_content(bytes);
  else
    text.append(bytes);
  return runtime.make_text(text.take());
}

Value big_integer(std::string_view digits) {
  return Value(BigInteger{std::make_shared<const std::string>(digits)});
}

[[noreturn]] void too_deep(const Runtime& runtime) {
  runtime.error("JSON nested more than ", runtime.limits().value_depth, " levels deep");
}

/// Builds values from the events of nlohmann's reader.
class Builder {
 public:
  Builder(Runtime& runtime, bool as_content) : runtime_(runtime), as_content_(as_content) {}

  bool null() { return add(Value::none()); }
  bool boolean(bool b) { return add(Value(b)); }
  bool number_integer(int64_t i) { return add(Value(i)); }
  bool number_unsigned(uint64_t u) {
    if (u <= uint64_t(INT64_MAX)) return add(Value(int64_t(u)));
    return add(big_integer(std::to_string(u)));
  }
  bool number_float(double d, const std::string& digits) {
    if (digits.find_first_of(".eE") == std::string::npos) return add(big_integer(digits));
    return add(Value(d));
  }
  bool string(std::string& s) { return add(text_value(runtime_, s, as_content_)); }
  bool binary(nlohmann::json::binary_t&) { return false; }
  bool start_object(size_t) { return open(true); }
  bool start_array(size_t) { return open(false); }
  bool key(std::string& s) {
    open_.back().key = text_value(runtime_, s, as_content_);
    return true;
  }
  bool end_object() {
    Value value = runtime_.make_dict(std::move(open_.back().dict));
    open_.pop_back();
    return add(std::move(value));
  }
  bool end_array() {
    Value value = runtime_.make_list(std::move(open_.back().items));
    open_.pop_back();
    return add(std::move(value));
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) {
    runtime_.error("not JSON: unexpected input at byte ", position);
  }
  Value take() { return std::move(result_); }

 private:
  struct Level {
    bool is_object;
    Value key;
    Dict dict;
    std::vector<Value> items;
  };

  bool open(bool is_object) {
    if (int64_t(open_.size()) >= runtime_.limits().value_depth) too_deep(runtime_);
    open_.push_back({is_object, {}, {}, {}});
    return true;
  }
  bool add(Value value) {
    runtime_.count_steps();
    if (open_.empty())
      result_ = std::move(value);
    else if (open_.back().is_object)
      open_.back().dict.set(std::move(open_.back().key), std::move(value));
    else
      open_.back().items.push_back(std::move(value));
    return true;
  }

  Runtime& runtime_;
  bool as_content_;
  std::vector<Level> open_;
  Value result_;
};

Value convert(Runtime& runtime, const nlohmann::ordered_json& json, bool as_content,
              int64_t depth) {
  if (depth > runtime.limits().value_depth) too_deep(runtime);
  runtime.count_steps();
  switch (json.type()) {
    case nlohmann::json::value_t::boolean:
      return Value(json.get<bool>());
    case nlohmann::json::value_t::number_integer:
      return Value(json.get<int64_t>());
    case nlohmann::json::value_t::number_unsigned: {
      const uint64_t u = json.get<uint64_t>();
      return u <= uint64_t(INT64_MAX) ? Value(int64_t(u)) : big_integer(std::to_string(u));
    }
    case nlohmann::json::value_t::number_float:
      return Value(json.get<double>());
    case nlohmann::json::value_t::string:
      return text_value(runtime, json.get_ref<const std::string&>(), as_content);
    case nlohmann::json::value_t::array: {
      std::vector<Value> items;
      for (const auto& item : json) items.push_back(convert(runtime, item, as_content, depth + 1));
      return runtime.make_list(std::move(items));
    }
    case nlohmann::json::value_t::object: {
      Dict dict;
      for (const auto& [key, value] : json.items())
        dict.set(text_value(runtime, key, as_content),
                 convert(runtime, value, as_content, depth + 1));
      return runtime.make_dict(std::move(dict));
    }
    default:
      return Value::none();
  }
}

class Dumper {
 public:
  Dumper(Runtime& runtime, const JsonStyle& style) : runtime_(runtime), style_(style) {}

  void dump(const Value& value) {
    runtime_.count_steps();
    const int64_t before = out_.size_bytes();
    std::visit([this](const auto& v) { write(v); }, value.data);
    runtime_.count_bytes(out_.size_bytes() - before);
  }
  Text take() { return out_.take(); }

 private:
  void write(const None&) { out_.append("null"); }
  void write(bool b) { out_.append(b ? "true" : "false"); }
  void write(int64_t i) { out_.append(std::to_string(i)); }
  void write(double d) {
    if (std::isnan(d))
      out_.append("NaN");
    else if (std::isinf(d))
      out_.append(d < 0 ? "-Infinity" : "Infinity");
    else
      out_.append(float_text(d));
  }
  void write(const BigInteger& i) { out_.append(*i.digits); }
  void write(const TextPtr& text) { write_string(*text); }
  void write(const SequencePtr& sequence) {
    if (sequence->items.empty()) return out_.append("[]");
    out_.append("[");
    ++level_;
    for (size_t i = 0; i < sequence->items.size(); ++i) {
      begin_item(i > 0);
      dump(sequence->items[i]);
    }
    --level_;
    break_line();
    out_.append("]");
  }
  void write(const DictPtr& dict) {
    if (dict->entries.empty()) return out_.append("{}");
    std::vector<const std::pair<Value, Value>*> entries;
    for (const auto& entry : dict->entries) entries.push_back(&entry);
    if (style_.sort_keys)
      std::stable_sort(entries.begin(), entries.end(), [&](const auto* a, const auto* b) {
        return key_text(a->first).bytes < key_text(b->first).bytes;
      });
    out_.append("{");
    ++level_;
    for (size_t i = 0; i < entries.size(); ++i) {
      begin_item(i > 0);
      write_string(key_text(entries[i]->first));
      out_.append(style_.key_separator);
      dump(entries[i]->second);
    }
    --level_;
    break_line();
    out_.append("}");
  }
  template <class Other>
  void write(const Other& value) {
    runtime_.error("a value of type ", type_name(Value(value)), " has no JSON form");
  }

  Text key_text(const Value& key) {
    if (const Text* text = key.as_text()) return *text;
    if (key.is<None>()) return {"null", {}};
    if (const bool* b = key.get<bool>()) return {*b ? "true" : "false", {}};
    if (is_number(key)) return repr(runtime_, key);
    runtime_.error("a key of type ", type_name(key), " has no JSON form");
  }
  void begin_item(bool is_later) {
    if (is_later) out_.append(style_.item_separator);
    break_line();
  }
  void break_line() {
    if (!style_.indent) return;
    runtime_.count_bytes(level_, int64_t(style_.indent->size()));
    out_.append("\n");
    for (int64_t i = 0; i < level_; ++i) out_.append(*style_.indent);
  }
  void write_string(const Text& text);
  void append_code(std::string& out, uint32_t unit) {
    static constexpr char hex[] = "0123456789abcdef";
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += hex[(unit >> shift) & 15];
  }

  Runtime& runtime_;
  const JsonStyle& style_;
  TextBuilder out_;
  int64_t level_ = 0;
};

// Content marks follow the characters; the quotes are the template's.
void Dumper::write_string(const Text& text) {
  static constexpr std::string_view plain = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt";
  out_.append("\"");
  std::string escape;
  size_t start = 0;
  const std::string_view bytes = text.bytes;
  for (size_t at = 0; at < bytes.size();) {
    const auto byte = static_cast<unsigned char>(bytes[at]);
    const bool needs_escape = byte < 0x20 || byte == '"' || byte == '\\';
    if (!needs_escape && (byte < 0x80 || !style_.ascii_only)) {
      ++at;
      continue;
    }
    const size_t size = character_size(bytes, at);
    const char32_t c = read_utf8(bytes.substr(at)).code_point;
    escape.clear();
    const size_t letter = byte < 0x80 ? plain.find(bytes[at]) : std::string_view::npos;
    if (letter != std::string_view::npos) {
      escape = {'\\', letters[letter]};
    } else if (c > 0xFFFF) {
      append_code(escape, 0xD800 + ((uint32_t(c) - 0x10000) >> 10));
      append_code(escape, 0xDC00 + ((uint32_t(c) - 0x10000) & 0x3FF));
    } else {
      append_code(escape, uint32_t(c));
    }
    out_.append(text, start, at);
    out_.append_derived(escape, text);
    at += size;
    start = at;
  }
  out_.append(text, start, bytes.size());
  out_.append("\"");
}

}  // namespace

Value parse_json(Runtime& runtime, std::string_view text, bool as_content) {
  Builder builder(runtime, as_content);
  nlohmann::json::sax_parse(text, &builder);
  return builder.take();
}

Value from_json(Runtime& runtime, const nlohmann::ordered_json& json, bool as_content) {
  return convert(runtime, json, as_content, 1);
}

Text dump_json(Runtime& runtime, const Value& value, const JsonStyle& style) {
  Dumper dumper(runtime, style);
  dumper.dump(value);
  return dumper.take();
}

}  // namespace deepseek::jinja
