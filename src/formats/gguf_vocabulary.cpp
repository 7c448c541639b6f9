// SPDX-License-Identifier: Apache-2.0
#include "formats/gguf_vocabulary.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "core/error.h"
#include "formats/byte_level.h"
#include "formats/gguf_metadata.h"
#include "formats/tokenizer_components.h"
#include "formats/tokenizer_parts.h"

namespace deepseek {
namespace {

constexpr size_t max_splits = 6;

/// What a `pre` name stands for: patterns that cut one after the other.
struct Pre {
  std::string_view name;
  std::array<const char*, max_splits> splits;
  bool ignore_merges = false, add_bos = false;
};

constexpr const char* cjk_and_hangul = R"([\x{4E00}-\x{9FA5}\x{800}-\x{4E00}\x{AC00}-\x{D7FF}]+)";
constexpr const char* cjk_and_kana = R"([\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+)";
constexpr const char* punctuation =
    R"(\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+)";
constexpr const char* cased_letters =
    R"(\s?[A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293})"
    R"(\x{295}-\x{2AF}\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A})"
    R"(\x{38C}\x{38E}-\x{3A1}\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556})"
    R"(\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF})"
    R"(\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D})"
    R"(\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D}\x{1F5F}-\x{1F7D})"
    R"(\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC})"
    R"(\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102})"
    R"(\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D})"
    R"(\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184})"
    R"(\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D})"
    R"(\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787}\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF})"
    R"(\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}\x{10400}-\x{1044F})"
    R"(\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2})"
    R"(\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}]+)";

constexpr const char* qwen2_split =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* llama3_split =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* deepseek_v3_split =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
    R"(| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

const std::array<Pre, 7>& known_pres() {
  static const std::array<Pre, 7> pres{{
      {"deepseek-llm",
       {R"([\r\n])", cased_letters, punctuation, R"(\s+$)", cjk_and_hangul, R"(\p{N})"}},
      {"deepseek-coder", {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", cjk_and_hangul, R"(\p{N})"}},
      {"deepseek-v3", {R"(\p{N}{1,3})", cjk_and_kana, deepseek_v3_split}},
      {"deepseek-r1-qwen", {qwen2_split}},
      {"qwen2", {qwen2_split}},
      {"llama-bpe", {llama3_split}, true, true},
      {"smollm", {R"(\p{N})", gpt2_split}},
  }};
  return pres;
}

const Pre& pre_named(std::string_view name, const std::string& file) {
  std::string known;
  for (const Pre& pre : known_pres()) {
    if (pre.name == name) return pre;
    known += concat(known.empty() ? "" : ", ", pre.name);
  }
  fail(ErrorKind::unsupported, file, ": tokenizer.ggml.pre: \"", printable(name),
       "\" is not supported; supported are ", known);
}

void read_tokens(const GgufVocabulary& vocabulary, TokenizerParts& parts) {
  const size_t count = vocabulary.tokens.size();
  if (count == 0)
    fail(ErrorKind::bad_file, parts.name, ": tokenizer.ggml.tokens: expected tokens, got none");
  if (!vocabulary.token_types.empty() && vocabulary.token_types.size() != count)
    fail(ErrorKind::bad_file, parts.name, ": tokenizer.ggml.token_type: expected ", count,
         " entries, one for each token, got ", vocabulary.token_types.size());
  size_t text_bytes = 0;
  for (const std::string_view token : vocabulary.tokens) text_bytes += token.size();
  parts.tokens.reserve(count, text_bytes);
  for (size_t id = 0; id < count; ++id) {
    const std::string_view text = vocabulary.tokens[id];
    const auto type = vocabulary.token_types.empty()
                          ? GgufTokenType::normal
                          : static_cast<GgufTokenType>(vocabulary.token_types[id]);
    const bool special = type == GgufTokenType::control || type == GgufTokenType::unknown;
    parts.tokens.add_spelled(int64_t(id), text);
    if (!special && type != GgufTokenType::user_defined) continue;
    parts.tokens.set_literal(int32_t(id), text);
    if (special) parts.tokens.set_special(int32_t(id));
    if (text.empty()) continue;
    if (text.size() > AddedTokens::max_content_bytes)
      fail(ErrorKind::unsupported, parts.name, ": tokenizer.ggml.tokens[", id,
           "]: expected at most ", AddedTokens::max_content_bytes, " bytes, got ", text.size());
    AddedToken added;
    added.content = text;
    added.id = int32_t(id);
    added.special = special;
    parts.add(std::move(added));
  }
  parts.tokens.index();
  parts.index_added_tokens();
}

void read_merges(const GgufVocabulary& vocabulary, const Pre& pre, TokenizerParts& parts) {
  Bpe::Options options;
  options.ignore_merges = pre.ignore_merges;
  options.later_merge_wins = false;
  Bpe& bpe = parts.bpe.emplace(parts.tokens, parts.name, options, vocabulary.merges.size());
  std::string left, right;
  for (size_t i = 0; i < vocabulary.merges.size(); ++i) {
    const std::string_view merge = vocabulary.merges[i];
    const size_t space = merge.find(' ', 1);
    left.clear();
    right.clear();
    if (space == merge.npos || space + 1 == merge.size() ||
        !append_byte_level(left, merge.substr(0, space)) ||
        !append_byte_level(right, merge.substr(space + 1)))
      fail(ErrorKind::bad_file, parts.name, ": tokenizer.ggml.merges[", i,
           "]: expected two parts in the byte-level alphabet, got \"", printable(merge), "\"");
    bpe.add_merge(left, right);
  }
}

}  // namespace

GgufVocabulary gguf_vocabulary(const GgufMetadata& metadata) {
  GgufVocabulary vocabulary;
  vocabulary.model = metadata.get_string("tokenizer.ggml.model");
  vocabulary.pre = metadata.find_string("tokenizer.ggml.pre").value_or("");
  vocabulary.tokens = metadata.get_strings("tokenizer.ggml.tokens");
  vocabulary.token_types =
      metadata.find_ints("tokenizer.ggml.token_type").value_or(std::vector<int64_t>());
  vocabulary.merges =
      metadata.find_strings("tokenizer.ggml.merges").value_or(std::vector<std::string_view>());
  vocabulary.bos = metadata.find_int("tokenizer.ggml.bos_token_id");
  vocabulary.eos = metadata.find_int("tokenizer.ggml.eos_token_id");
  vocabulary.eot = metadata.find_int("tokenizer.ggml.eot_token_id");
  vocabulary.eom = metadata.find_int("tokenizer.ggml.eom_token_id");
  vocabulary.pad = metadata.find_int("tokenizer.ggml.padding_token_id");
  vocabulary.unknown = metadata.find_int("tokenizer.ggml.unknown_token_id");
  vocabulary.add_bos = metadata.find_bool("tokenizer.ggml.add_bos_token");
  vocabulary.add_eos = metadata.find_bool("tokenizer.ggml.add_eos_token");
  return vocabulary;
}

void read_gguf_vocabulary(const GgufVocabulary& vocabulary, TokenizerParts& parts) {
  if (vocabulary.model != "gpt2")
    fail(ErrorKind::unsupported, parts.name, ": tokenizer.ggml.model: \"",
         printable(vocabulary.model), "\" is not supported; only gpt2 (byte-level BPE) is");
  const Pre& pre = pre_named(vocabulary.pre, parts.name);
  read_tokens(vocabulary, parts);
  read_merges(vocabulary, pre, parts);
  for (const char* split : pre.splits)
    if (split) parts.pre_tokenizer.add(PreTokenizer::Split{Regex(split, parts.name)});
  const auto role = [&](const char* key, const std::optional<int64_t>& id,
                        std::optional<int32_t>& out) {
    if (id) out = parts.role(concat("tokenizer.ggml.", key), *id);
  };
  role("bos_token_id", vocabulary.bos, parts.special.bos);
  role("eos_token_id", vocabulary.eos, parts.special.eos);
  role("eot_token_id", vocabulary.eot, parts.special.eot);
  role("eom_token_id", vocabulary.eom, parts.special.eom);
  role("padding_token_id", vocabulary.pad, parts.special.pad);
  role("unknown_token_id", vocabulary.unknown, parts.special.unknown);
  parts.special.add_bos = vocabulary.add_bos.value_or(pre.add_bos);
  parts.special.add_eos = vocabulary.add_eos.value_or(false);
  parts.surround_by_flags();
}

}  // namespace deepseek
