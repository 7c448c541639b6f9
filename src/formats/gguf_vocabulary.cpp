// SPDX-License-Identifier: Apache-2.0
#include "formats/gguf_vocabulary.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "core/error.h"
#include "formats/byte_level.h"
#include "formats/gguf_metadata.h"
#include "formats/gguf_pre_tables.h"
#include "formats/tokenizer_components.h"
#include "formats/tokenizer_parts.h"

namespace deepseek {
namespace {

const GgufPre& pre_named(std::string_view name, const std::string& file) {
  std::string known;
  for (const GgufPre& pre : known_gguf_pres()) {
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

void read_merges(const GgufVocabulary& vocabulary, const GgufPre& pre, TokenizerParts& parts) {
  MergeList merges;
  merges.reserve(vocabulary.merges.size(), vocabulary.merges.size() * 8);
  for (size_t i = 0; i < vocabulary.merges.size(); ++i) {
    const std::string_view merge = vocabulary.merges[i];
    const size_t space = merge.find(' ');
    if (space == merge.npos || !merges.add(merge.substr(0, space), merge.substr(space + 1)))
      fail(ErrorKind::bad_file, parts.name, ": tokenizer.ggml.merges[", i,
           "]: expected two parts in the byte-level alphabet, got \"", printable(merge), "\"");
  }
  Bpe::Options options;
  options.ignore_merges = pre.ignore_merges;
  options.later_merge_wins = false;
  parts.bpe.emplace(parts.tokens, parts.name, options, merges);
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
  const GgufPre& pre = pre_named(vocabulary.pre, parts.name);
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
