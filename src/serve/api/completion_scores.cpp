// SPDX-License-Identifier: Apache-2.0
#include "serve/api/completion_scores.h"

#include "core/json.h"
#include "core/utf8.h"
#include "serve/api/api.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;

/// An array that grows as text.
class List {
 public:
  void add(const ordered_json& value) {
    text_ += text_.empty() ? '[' : ',';
    text_ += wire_text(value);
  }
  std::string text() const { return text_.empty() ? "[]" : text_ + ']'; }

 private:
  std::string text_;
};

}  // namespace

std::string scores_text(const Tokenizer& tokenizer,
                        std::initializer_list<std::span<const ScoredToken>> parts,
                        int64_t& offset) {
  List tokens, token_logprobs, top_logprobs, text_offset;
  for (const auto& part : parts)
    for (const ScoredToken& one : part) {
      const std::string text = replace_invalid_utf8(tokenizer.token_text(one.token));
      tokens.add(text);
      text_offset.add(offset);
      for (const char c : text) offset += (c & 0xC0) != 0x80;
      if (!one.scores) {
        token_logprobs.add(nullptr);
        top_logprobs.add(nullptr);
        continue;
      }
      token_logprobs.add(one.scores->chosen.logprob);
      ordered_json top = ordered_json::object();
      for (const TokenLogprob& likely : one.scores->best)
        top[replace_invalid_utf8(tokenizer.token_text(likely.token))] = likely.logprob;
      // The chosen one's score is the same number wherever it stands.
      if (!top.contains(text)) top[text] = one.scores->chosen.logprob;
      top_logprobs.add(top);
    }
  return concat("{\"tokens\":", tokens.text(), ",\"token_logprobs\":", token_logprobs.text(),
                ",\"top_logprobs\":", top_logprobs.text(), ",\"text_offset\":", text_offset.text(),
                "}");
}

}  // namespace deepseek::serve
