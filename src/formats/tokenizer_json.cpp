// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizer_json.h"

#include <array>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "formats/byte_level.h"
#include "formats/json.h"
#include "formats/json_field.h"
#include "formats/tokenizer_components.h"

namespace deepseek {
namespace {

using nlohmann::json;

/// Reads the file in one pass: the vocabulary and the merges, which are nearly all of it, go
/// straight into tables; the rest becomes `root`.
class Reader : public nlohmann::json_sax<json> {
 public:
  explicit Reader(TokenizerParts& parts) : parts_(parts) {}

  json root;
  MergeList merges;

  bool null() override { return value(nullptr, "null"); }
  bool boolean(bool v) override { return value(v, "a boolean"); }
  bool number_float(double v, const std::string&) override { return value(v, "a fraction"); }
  bool binary(json::binary_t&) override { return value(nullptr, "bytes"); }
  bool number_integer(int64_t v) override {
    if (mode_ != Mode::vocab) return value(v, "a number");
    parts_.tokens.add_spelled(v, key_);
    return true;
  }
  bool number_unsigned(uint64_t v) override {
    if (mode_ != Mode::vocab) return value(v, "a number");
    return number_integer(v > uint64_t(INT64_MAX) ? INT64_MAX : int64_t(v));
  }
  bool string(std::string& v) override {
    if (mode_ == Mode::merges) return whole_merge(v);
    if (mode_ == Mode::merge_pair) return part_of_merge(v);
    return value(std::move(v), "a string");
  }

  bool start_object(size_t) override {
    if (in_model() && key_ == "vocab") {
      mode_ = Mode::vocab;
      return open(json::object());
    }
    if (mode_ != Mode::plain) mismatch("an object");
    return open(json::object());
  }
  bool start_array(size_t) override {
    if (mode_ == Mode::merges) {
      mode_ = Mode::merge_pair;
      return true;
    }
    if (mode_ != Mode::plain) mismatch("a list");
    if (in_model() && key_ == "merges") mode_ = Mode::merges;
    return open(json::array());
  }
  bool end_object() override {
    mode_ = Mode::plain;
    stack_.pop_back();
    return true;
  }
  bool end_array() override {
    if (mode_ == Mode::merge_pair) {
      if (pair_size_ != 2) mismatch("a list of other than two strings");
      pair_size_ = 0;
      mode_ = Mode::merges;
      return add_merge(pair_[0], pair_[1]);
    }
    mode_ = Mode::plain;
    stack_.pop_back();
    return true;
  }
  bool key(std::string& name) override {
    key_ = std::move(name);
    if (mode_ == Mode::plain && stack_.back()->contains(key_))
      fail(ErrorKind::bad_file, parts_.name, ": expected every key once, got \"", printable(key_),
           "\" twice in one object; remove one of them");
    return true;
  }
  bool parse_error(size_t, const std::string&, const json::exception& error) override {
    fail(ErrorKind::bad_file, parts_.name, ": expected JSON, got ", json_error_text(error),
         "; download the file again");
  }

 private:
  enum class Mode { plain, vocab, merges, merge_pair };

  bool in_model() const {
    return mode_ == Mode::plain && stack_.size() == 2 && stack_[1] == model_;
  }
  [[noreturn]] void mismatch(std::string_view got) const {
    if (mode_ == Mode::vocab)
      fail(ErrorKind::bad_file, parts_.name, ": model.vocab: \"", printable(key_),
           "\": expected an id, got ", got);
    fail(ErrorKind::bad_file, parts_.name, ": model.merges[", merges.size(),
         "]: expected a string or a pair of strings, got ", got);
  }

  json* place(json v) {
    if (stack_.empty()) return &(root = std::move(v));
    json& top = *stack_.back();
    if (top.is_array()) return &top.emplace_back(std::move(v));
    return &(top[key_] = std::move(v));
  }
  bool value(json v, std::string_view kind) {
    if (mode_ != Mode::plain) mismatch(kind);
    place(std::move(v));
    return true;
  }
  bool open(json v) {
    if (stack_.size() == max_json_depth)
      fail(ErrorKind::bad_file, parts_.name, ": expected JSON nested at most ", max_json_depth,
           " deep, got more; the file is not what its name says");
    const bool is_model = stack_.size() == 1 && stack_[0]->is_object() && key_ == "model";
    stack_.push_back(place(std::move(v)));
    if (is_model) model_ = stack_.back();
    return true;
  }

  bool whole_merge(std::string_view text) {
    const size_t space = text.find(' ');
    if (space == text.npos || text.find(' ', space + 1) != text.npos)
      mismatch("a string of other than two parts");
    return add_merge(text.substr(0, space), text.substr(space + 1));
  }
  bool part_of_merge(std::string& text) {
    if (pair_size_ == 2) mismatch("a list of other than two strings");
    pair_[pair_size_++].swap(text);
    return true;
  }
  bool add_merge(std::string_view left, std::string_view right) {
    if (!merges.add(left, right))
      mismatch("a part that is empty or not spelled in the byte-level alphabet");
    return true;
  }

  TokenizerParts& parts_;
  Mode mode_ = Mode::plain;
  std::vector<json*> stack_;
  const json* model_ = nullptr;
  std::string key_;
  std::array<std::string, 2> pair_;
  size_t pair_size_ = 0;
};

void read_model(const JsonField& model, const MergeList& merges, TokenizerParts& parts) {
  const JsonField type = model["type"];
  if (!type.is_null() && type.text() != "BPE")
    fail(ErrorKind::unsupported, type.where(), ": \"", printable(type.text()),
         "\" is not supported; only byte-level BPE is");
  const JsonField vocab = model["vocab"];
  if (!vocab.value().is_object()) vocab.mismatch("an object");
  if (!model["merges"].value().is_array()) model["merges"].mismatch("a list");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (const JsonField affix = model[key]; !affix.is_null() && !affix.text().empty())
      fail(ErrorKind::unsupported, affix.where(), ": \"", printable(affix.text()),
           "\" is not supported; only byte-level BPE is");
  if (model["byte_fallback"].flag(false))
    fail(ErrorKind::unsupported, parts.name,
         ": model.byte_fallback: true is not supported; only byte-level BPE is");
  if (const JsonField dropout = model["dropout"]; !dropout.is_null()) {
    if (!dropout.value().is_number()) dropout.mismatch("a number");
    if (dropout.value().get<double>() != 0)
      fail(ErrorKind::unsupported, dropout.where(), ": ", dropout.value().dump(),
           " is not supported; merges are never left out");
  }
  Bpe::Options options;
  options.ignore_merges = model["ignore_merges"].flag(false);
  options.fuse_unknown = model["fuse_unk"].flag(false);
  if (const JsonField unknown = model["unk_token"]; !unknown.is_null()) {
    std::string bytes;
    if (append_byte_level(bytes, unknown.text())) options.unknown_id = parts.tokens.find(bytes);
    if (options.unknown_id >= 0) parts.special.unknown = options.unknown_id;
  }
  parts.bpe.emplace(parts.tokens, parts.name, options, merges);
}

/// A token that tokenizer_config.json names, by its text or by an object that holds it.
std::optional<int32_t> configured_token(const JsonField& field, const Tokenizer& tokenizer) {
  if (field.is_null()) return std::nullopt;
  const std::string& text = field.value().is_object() ? field["content"].text() : field.text();
  return tokenizer.find_token(text);
}

}  // namespace

void read_tokenizer_json(std::string_view text, TokenizerParts& parts) {
  Reader reader(parts);
  // Guesses from published files; the tables grow if they are wrong.
  parts.tokens.reserve(text.size() / 60, text.size() / 8);
  reader.merges.reserve(text.size() / 60, text.size() / 8);
  json::sax_parse(text, &reader);
  const JsonField root = JsonField::of_file(reader.root, parts.name);
  const JsonField model = root["model"];
  if (!model.value().is_object()) model.mismatch("an object");
  parts.tokens.index();
  read_normalizer(root["normalizer"].value(), parts);
  read_added_tokens(root["added_tokens"].value(), parts);
  parts.index_added_tokens();
  read_model(model, reader.merges, parts);
  read_pre_tokenizer(root["pre_tokenizer"].value(), parts);
  check_decoder(root["decoder"].value(), parts);
  read_post_processor(root["post_processor"].value(), parts);
}

void read_tokenizer_config(std::string_view text, const std::string& name,
                           const Tokenizer& tokenizer, TokenizerParts& parts) {
  const json root = parse_json_object(text, name);
  const JsonField config = JsonField::of_file(root, name);
  parts.special.bos = configured_token(config["bos_token"], tokenizer);
  parts.special.eos = configured_token(config["eos_token"], tokenizer);
  parts.special.pad = configured_token(config["pad_token"], tokenizer);
  const JsonField bos = config["add_bos_token"], eos = config["add_eos_token"];
  const JsonField type = config["tokenizer_class"];
  // The Llama class of Hugging Face builds its own post-processor from these two.
  if (type.is_null() || !type.text().starts_with("Llama")) return;
  parts.special.add_bos = bos.flag(true);
  parts.special.add_eos = eos.flag(false);
  parts.surround_by_flags();
}

}  // namespace deepseek
