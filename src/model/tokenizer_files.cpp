// SPDX-License-Identifier: Apache-2.0
#include "model/tokenizer_files.h"

#include <algorithm>
#include <unordered_set>

#include "core/error.h"
#include "core/json.h"
#include "formats/gguf_pre_tables.h"
#include "formats/gguf_vocabulary.h"

namespace deepseek {
namespace {

using nlohmann::ordered_json;

ordered_json byte_level(bool add_prefix_space) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", true},
          {"use_regex", false}};
}

const GgufPre& find_pre(const std::string& name, const std::string& file) {
  std::string known;
  for (const GgufPre& pre : known_gguf_pres()) {
    if (pre.name == name) return pre;
    known += concat(known.empty() ? "" : ", ", pre.name);
  }
  fail(ErrorKind::unsupported, file, ": tokenizer.ggml.pre: \"", printable(name),
       "\" has no known tokenizer.json; supported are ", known);
}

ordered_json pre_tokenizer(const GgufPre& pre) {
  ordered_json stages = ordered_json::array();
  for (const char* split : pre.splits)
    if (split != nullptr)
      stages.push_back({{"type", "Split"},
                        {"pattern", {{"Regex", split}}},
                        {"behavior", "Isolated"},
                        {"invert", false}});
  stages.push_back(byte_level(false));
  return {{"type", "Sequence"}, {"pretokenizers", stages}};
}

bool is_added(int64_t type) {
  return type == static_cast<int64_t>(GgufTokenType::control) ||
         type == static_cast<int64_t>(GgufTokenType::unknown) ||
         type == static_cast<int64_t>(GgufTokenType::user_defined);
}

ordered_json added_token(size_t id, std::string_view content, bool special) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", special}};
}

ordered_json sequence(const char* id) {
  return {{"Sequence", {{"id", id}, {"type_id", id[0] - 'A'}}}};
}

/// A template that puts BOS before and EOS after, as the flags say.
ordered_json post_processor(const GgufVocabulary& vocabulary, bool add_bos, bool add_eos) {
  if (!add_bos && !add_eos) return byte_level(true);
  ordered_json single = ordered_json::array(), pair = ordered_json::array();
  ordered_json tokens = ordered_json::object();
  const auto special = [&](const std::optional<int64_t>& id, bool wanted, int type_id) {
    if (!wanted || !id || *id < 0 || *id >= static_cast<int64_t>(vocabulary.tokens.size())) return;
    const std::string text(vocabulary.tokens[static_cast<size_t>(*id)]);
    const ordered_json item{{"SpecialToken", {{"id", text}, {"type_id", type_id}}}};
    if (type_id == 0) single.push_back(item);
    pair.push_back(item);
    tokens[text] = {{"id", text}, {"ids", {*id}}, {"tokens", {text}}};
  };
  special(vocabulary.bos, add_bos, 0);
  single.push_back(sequence("A"));
  pair.push_back(sequence("A"));
  special(vocabulary.eos, add_eos, 0);
  special(vocabulary.bos, add_bos, 1);
  pair.push_back(ordered_json{{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
  special(vocabulary.eos, add_eos, 1);
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", pair},
          {"special_tokens", tokens}};
}

std::string tokenizer_json(const GgufVocabulary& vocabulary, const GgufPre& pre) {
  ordered_json added = ordered_json::array();
  ordered_json::object_t vocab;
  std::unordered_set<std::string_view> seen;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const int64_t type = vocabulary.token_types.empty()
                             ? static_cast<int64_t>(GgufTokenType::normal)
                             : vocabulary.token_types[id];
    if (type == static_cast<int64_t>(GgufTokenType::unused)) continue;
    const std::string_view text = vocabulary.tokens[id];
    if (is_added(type))
      added.push_back(
          added_token(id, text, type != static_cast<int64_t>(GgufTokenType::user_defined)));
    else if (seen.insert(text).second)  // appended: a lookup in this map walks through all of it
      vocab.ordered_json::object_t::Container::emplace_back(std::string(text), id);
  }
  const bool normalizes = pre.name == "qwen2" || pre.name == "deepseek-r1-qwen";
  ordered_json out;
  out["version"] = "1.0";
  out["truncation"] = nullptr;
  out["padding"] = nullptr;
  out["added_tokens"] = std::move(added);
  out["normalizer"] = normalizes ? ordered_json{{"type", "NFC"}} : ordered_json();
  out["pre_tokenizer"] = pre_tokenizer(pre);
  out["post_processor"] = post_processor(vocabulary, vocabulary.add_bos.value_or(pre.add_bos),
                                         vocabulary.add_eos.value_or(false));
  out["decoder"] = byte_level(true);
  out["model"] = {{"type", "BPE"},
                  {"dropout", nullptr},
                  {"unk_token", nullptr},
                  {"continuing_subword_prefix", nullptr},
                  {"end_of_word_suffix", nullptr},
                  {"fuse_unk", false},
                  {"byte_fallback", false},
                  {"ignore_merges", pre.ignore_merges}};
  out["model"]["vocab"] = std::move(vocab);
  out["model"]["merges"] = vocabulary.merges;
  return out.dump(1, ' ', false) + "\n";
}

std::string tokenizer_config_json(const GgufVocabulary& vocabulary, const GgufPre& pre,
                                  const GgufMetadata& metadata) {
  ordered_json out;
  out["tokenizer_class"] = "PreTrainedTokenizerFast";
  out["clean_up_tokenization_spaces"] = false;
  out["add_bos_token"] = vocabulary.add_bos.value_or(pre.add_bos);
  out["add_eos_token"] = vocabulary.add_eos.value_or(false);
  const auto token = [&](const char* name, const std::optional<int64_t>& id) {
    if (id && *id >= 0 && *id < static_cast<int64_t>(vocabulary.tokens.size()))
      out[name] = vocabulary.tokens[static_cast<size_t>(*id)];
  };
  token("bos_token", vocabulary.bos);
  token("eos_token", vocabulary.eos);
  token("pad_token", vocabulary.pad);
  token("unk_token", vocabulary.unknown);
  constexpr std::string_view key = "tokenizer.chat_template";
  const auto main = metadata.find_string(key);
  ordered_json named = ordered_json::array();
  for (const GgufEntry& entry : metadata.entries())
    if (entry.key.starts_with(concat(key, ".")) && entry.value.type == GgufType::string)
      named.push_back({{"name", entry.key.substr(key.size() + 1)},
                       {"template", metadata.get_string(entry.key)}});
  if (main && named.empty()) {
    out["chat_template"] = *main;
  } else if (!named.empty()) {
    if (main) named.insert(named.begin(), ordered_json{{"name", "default"}, {"template", *main}});
    out["chat_template"] = named;
  }
  return out.dump(2, ' ', false) + "\n";
}

}  // namespace

std::optional<TokenizerFiles> tokenizer_files_from_gguf(const GgufFile& file) {
  const GgufMetadata& metadata = file.metadata();
  if (!metadata.has("tokenizer.ggml.model")) return std::nullopt;
  const std::string path = file.path().string();
  const GgufVocabulary vocabulary = gguf_vocabulary(metadata);
  if (vocabulary.model != "gpt2")
    fail(ErrorKind::unsupported, path, ": tokenizer.ggml.model: \"", printable(vocabulary.model),
         "\" is not supported; only gpt2 (byte-level BPE) is");
  if (!vocabulary.token_types.empty() && vocabulary.token_types.size() != vocabulary.tokens.size())
    fail(ErrorKind::bad_file, path, ": tokenizer.ggml.token_type: expected ",
         vocabulary.tokens.size(), " entries, one for each token, got ",
         vocabulary.token_types.size());
  const GgufPre& pre = find_pre(vocabulary.pre, path);
  try {
    return TokenizerFiles{tokenizer_json(vocabulary, pre),
                          tokenizer_config_json(vocabulary, pre, metadata)};
  } catch (const nlohmann::json::exception&) {
    fail(ErrorKind::bad_file, path,
         ": tokenizer.ggml.tokens or chat template: expected UTF-8, got bytes that are not");
  }
}

}  // namespace deepseek
