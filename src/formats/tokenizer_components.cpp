// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizer_components.h"

#include <array>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "formats/json_field.h"
#include "formats/regex_syntax.h"

namespace deepseek {

const char* const gpt2_split =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

namespace {

// Sequences may hold sequences; parsing has bounded the depth of the JSON already.
template <class Take>
void for_each_in(const JsonField& list, const Take& take) {
  for (size_t i = 0; i < list.size(); ++i) take(list[i]);
}

[[noreturn]] void refuse_type(const JsonField& component, std::string_view known) {
  fail(ErrorKind::unsupported, component.where(), ": type \"", printable(component["type"].text()),
       "\" is not supported; supported are ", known);
}

/// A "pattern": {"Regex": …} or {"String": …}, or in old files a plain string.
Regex read_pattern(const JsonField& pattern) {
  if (pattern.value().is_string()) return {quoted_pattern(pattern.text()), pattern.where()};
  const JsonField regex = pattern["Regex"], text = pattern["String"];
  if (!regex.is_null()) return {regex.text(), pattern.where()};
  if (text.is_null()) pattern.mismatch("{\"Regex\": …} or {\"String\": …}");
  return {quoted_pattern(text.text()), pattern.where()};
}

SplitBehavior read_behavior(const JsonField& field) {
  static constexpr std::array<std::pair<std::string_view, SplitBehavior>, 5> names{{
      {"Removed", SplitBehavior::removed},
      {"Isolated", SplitBehavior::isolated},
      {"Contiguous", SplitBehavior::contiguous},
      {"MergedWithPrevious", SplitBehavior::merged_with_previous},
      {"MergedWithNext", SplitBehavior::merged_with_next},
  }};
  for (const auto& [name, behavior] : names)
    if (field.text() == name) return behavior;
  fail(ErrorKind::unsupported, field.where(), ": behavior \"", printable(field.text()),
       "\" is not supported; supported are Removed, Isolated, Contiguous, MergedWithPrevious and "
       "MergedWithNext");
}

void add_normalizer(const JsonField& component, TokenizerParts& parts) {
  static constexpr std::array<std::pair<std::string_view, UnicodeForm>, 4> forms{{
      {"NFC", UnicodeForm::nfc},
      {"NFD", UnicodeForm::nfd},
      {"NFKC", UnicodeForm::nfkc},
      {"NFKD", UnicodeForm::nfkd},
  }};
  const std::string& type = component["type"].text();
  for (const auto& [name, form] : forms)
    if (type == name) return parts.normalizer.add(form);
  if (type == "Sequence") {
    for_each_in(component["normalizers"],
                [&](const JsonField& inner) { add_normalizer(inner, parts); });
  } else if (type == "Replace") {
    parts.normalizer.add(
        Normalizer::Replace{read_pattern(component["pattern"]), component["content"].text()});
  } else if (type == "Prepend") {
    parts.normalizer.add(Normalizer::Prepend{component["prepend"].text()});
  } else if (type == "Strip") {
    parts.normalizer.add(Normalizer::Strip{component["strip_left"].flag(false),
                                           component["strip_right"].flag(false)});
  } else {
    refuse_type(component, "NFC, NFD, NFKC, NFKD, Replace, Prepend, Strip and Sequence");
  }
}

class PreTokenizerReader {
 public:
  explicit PreTokenizerReader(TokenizerParts& parts) : parts_(parts) {}

  void add(const JsonField& component) {
    const std::string& type = component["type"].text();
    if (type == "Sequence") {
      for_each_in(component["pretokenizers"], [&](const JsonField& inner) { add(inner); });
      return;
    }
    if (byte_level_)
      fail(ErrorKind::unsupported, component.where(), ": ", printable(type),
           " after ByteLevel is not supported; ByteLevel must come last");
    if (type == "Split") {
      stage(component, PreTokenizer::Split{read_pattern(component["pattern"]),
                                           read_behavior(component["behavior"]),
                                           component["invert"].flag(false)});
    } else if (type == "Digits") {
      const bool single = component["individual_digits"].flag(false);
      stage(component,
            PreTokenizer::Split{Regex(single ? R"(\p{N})" : R"(\p{N}+)", component.where())});
    } else if (type == "ByteLevel") {
      byte_level_ = true;
      if (component["add_prefix_space"].flag(true)) stage(component, PreTokenizer::PrefixSpace{});
      if (component["use_regex"].flag(true))
        stage(component, PreTokenizer::Split{Regex(gpt2_split, component.where())});
    } else {
      refuse_type(component, "Split, Digits, ByteLevel and Sequence");
    }
  }
  bool byte_level() const { return byte_level_; }

 private:
  void stage(const JsonField& component, PreTokenizer::Stage stage) {
    if (parts_.pre_tokenizer.stages() == PreTokenizer::max_stages)
      fail(ErrorKind::unsupported, component.where(), ": more than ", PreTokenizer::max_stages,
           " pre-tokenizers are not supported");
    parts_.pre_tokenizer.add(std::move(stage));
  }

  TokenizerParts& parts_;
  bool byte_level_ = false;
};

void read_template(const JsonField& component, TokenizerParts& parts) {
  const JsonField items = component["single"];
  bool after = false;
  for (size_t i = 0; i < items.size(); ++i) {
    const JsonField item = items[i];
    if (!item["Sequence"].is_null()) {
      if (after) item.mismatch("one sequence in a template");
      after = true;
      continue;
    }
    const std::string& id = item["SpecialToken"]["id"].text();
    const JsonField ids = component["special_tokens"][id]["ids"];
    for (size_t k = 0; k < ids.size(); ++k)
      (after ? parts.after : parts.before).push_back(parts.role(id, ids[k].integer()));
  }
  if (!after) items.mismatch("a template with a sequence");
}

void add_post_processor(const JsonField& component, TokenizerParts& parts) {
  const std::string& type = component["type"].text();
  if (type == "Sequence") {
    for_each_in(component["processors"],
                [&](const JsonField& inner) { add_post_processor(inner, parts); });
  } else if (type == "TemplateProcessing") {
    if (!parts.before.empty() || !parts.after.empty())
      fail(ErrorKind::unsupported, component.where(), ": a second TemplateProcessing");
    read_template(component, parts);
  } else if (type != "ByteLevel") {  // which only moves offsets
    refuse_type(component, "TemplateProcessing, ByteLevel and Sequence");
  }
}

void check_decoder_type(const JsonField& component, bool& byte_level) {
  const std::string& type = component["type"].text();
  if (type == "Sequence") {
    for_each_in(component["decoders"],
                [&](const JsonField& inner) { check_decoder_type(inner, byte_level); });
  } else if (type == "ByteLevel" && !byte_level) {
    byte_level = true;
  } else if (type != "Fuse") {  // which joins texts that are joined already
    refuse_type(component, "ByteLevel once, Fuse and Sequence");
  }
}

}  // namespace

void read_normalizer(const nlohmann::json& value, TokenizerParts& parts) {
  if (!value.is_null()) add_normalizer({value, concat(parts.name, ": normalizer")}, parts);
}

void read_pre_tokenizer(const nlohmann::json& value, TokenizerParts& parts) {
  PreTokenizerReader reader(parts);
  if (!value.is_null()) reader.add({value, concat(parts.name, ": pre_tokenizer")});
  if (!reader.byte_level())
    fail(ErrorKind::unsupported, parts.name,
         ": pre_tokenizer: only byte-level vocabularies are supported; expected ByteLevel");
}

void read_post_processor(const nlohmann::json& value, TokenizerParts& parts) {
  if (!value.is_null()) add_post_processor({value, concat(parts.name, ": post_processor")}, parts);
}

void check_decoder(const nlohmann::json& value, const TokenizerParts& parts) {
  const JsonField decoder(value, concat(parts.name, ": decoder"));
  bool byte_level = false;
  if (!value.is_null()) check_decoder_type(decoder, byte_level);
  if (!byte_level)
    fail(ErrorKind::unsupported, decoder.where(),
         ": only byte-level vocabularies are supported; expected ByteLevel");
}

void read_added_tokens(const nlohmann::json& value, TokenizerParts& parts) {
  if (value.is_null()) return;
  const JsonField list(value, concat(parts.name, ": added_tokens"));
  for (size_t i = 0; i < list.size(); ++i) {
    const JsonField field = list[i];
    AddedToken token;
    token.content = field["content"].text();
    token.single_word = field["single_word"].flag(false);
    token.lstrip = field["lstrip"].flag(false);
    token.rstrip = field["rstrip"].flag(false);
    token.special = field["special"].flag(false);
    token.normalized = field["normalized"].flag(!token.special);
    if (token.content.empty()) continue;
    if (token.content.size() > AddedTokens::max_content_bytes)
      fail(ErrorKind::unsupported, field.where(), ".content: expected at most ",
           AddedTokens::max_content_bytes, " bytes, got ", token.content.size());
    token.id = parts.take_id(field["id"].integer(), token.content);
    parts.add(std::move(token));
  }
}

}  // namespace deepseek
