// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include "core/utf8.h"
#include "formats/byte_level.h"
#include "formats/gguf_pre_tables.h"
#include "formats/gguf_vocabulary.h"
#include "formats/tokenizer.h"
#include "fuzz/refusal.h"

namespace {

using namespace deepseek;
using fuzz::require;

/// All bytes, a few words, and added tokens that overlap each other.
Tokenizer small_tokenizer(std::string_view pre) {
  std::vector<std::string> tokens, merges;
  for (int byte = 0; byte < 256; ++byte) {
    const char text = static_cast<char>(byte);
    tokens.push_back(byte_level_spelling({&text, 1}));
  }
  const auto merge = [&](const char* left, const char* right) {
    const std::string parts[] = {byte_level_spelling(left), byte_level_spelling(right)};
    merges.push_back(parts[0] + " " + parts[1]);
    tokens.push_back(parts[0] + parts[1]);
  };
  merge("a", "a");
  merge("aa", "aa");
  merge(" ", " ");
  merge("  ", "  ");
  merge("t", "h");
  merge(" ", "th");
  merge("th", "e");
  merge("\xE7", "\x8C");
  merge("\xE7\x8C", "\xAB");
  merge("1", "2");
  merge("\r", "\n");
  GgufVocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = pre;
  vocabulary.token_types.assign(tokens.size(), int64_t(GgufTokenType::normal));
  for (const char* special : {"<|e|>", "<|e|><", "<｜e｜>"}) {
    tokens.push_back(special);
    vocabulary.token_types.push_back(int64_t(GgufTokenType::control));
  }
  tokens.push_back("<|e");
  vocabulary.token_types.push_back(int64_t(GgufTokenType::user_defined));
  vocabulary.tokens.assign(tokens.begin(), tokens.end());
  vocabulary.merges.assign(merges.begin(), merges.end());
  return Tokenizer::from_vocabulary(vocabulary, "small");
}

const std::vector<Tokenizer>& tokenizers() {
  static const std::vector<Tokenizer> all = [] {
    std::vector<Tokenizer> made;
    for (const GgufPre& pre : known_gguf_pres()) made.push_back(small_tokenizer(pre.name));
    return made;
  }();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const Tokenizer& tokenizer = tokenizers()[data[0] % tokenizers().size()];
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string valid = replace_invalid_utf8(text);
  for (const bool special : {true, false}) {
    const std::vector<int32_t> ids = tokenizer.encode(text, {.parse_special = special});
    require(tokenizer.decode(ids) == valid);
    require(tokenizer.encode(valid, {.parse_special = special}) == ids);
    if (!special)
      require(std::none_of(ids.begin(), ids.end(),
                           [&](int32_t id) { return tokenizer.is_special(id); }));
    StreamDecoder stream(tokenizer);
    std::string shown;
    for (const int32_t id : ids) {
      const std::string piece = stream.push(id);
      require(is_valid_utf8(piece));
      shown += piece;
    }
    require(shown + stream.finish() == valid);
  }
  // Two spans, the first trusted: together they are the text, but for a character torn in two.
  const size_t cut = std::min<size_t>(data[1], text.size());
  const TextSpan spans[] = {{text.substr(0, cut), true}, {text.substr(cut), false}};
  const std::string torn =
      replace_invalid_utf8(text.substr(0, cut)) + replace_invalid_utf8(text.substr(cut));
  require(tokenizer.decode(tokenizer.encode(spans)) == torn);
  return 0;
}
