// SPDX-License-Identifier: Apache-2.0
#include "formats/grammar/token_trie.h"

#include <algorithm>

#include "core/error.h"

namespace deepseek::grammar {

int TokenTrie::byte_class(uint8_t byte) {
  if (byte >= 0x80) return 0;
  if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') return 1;
  if (byte >= '0' && byte <= '9') return 2;
  if (byte == ' ') return 3;
  if (byte < ' ') return 4;
  if (byte == '"' || byte == '\\') return 5;
  if (byte == '<' || byte == '>') return 6;  // where tags begin and end
  return 7;
}

TokenTrie::TokenTrie(std::span<const std::string_view> texts, std::span<const int32_t> end_tokens)
    : end_tokens_(end_tokens.begin(), end_tokens.end()) {
  size_t bytes = 0;
  for (const std::string_view text : texts) bytes += text.size();
  all_text_.reserve(bytes);
  for (const std::string_view text : texts) all_text_ += text;
  size_t at = 0;
  for (const std::string_view text : texts) {
    texts_.push_back(std::string_view(all_text_).substr(at, text.size()));
    at += text.size();
  }
  for (const int32_t token : end_tokens_) {
    if (token < 0 || token >= size())
      fail(ErrorKind::invalid_input, "vocabulary: expected end tokens below ", size(), ", got ",
           token);
    texts_[token] = {};
  }
  for (int32_t id = 0; id < size(); ++id) {
    // Longer ones are no words of any model; they would only make room for long paths.
    constexpr size_t longest = 4096;
    if (texts_[id].size() > longest) texts_[id] = {};
    if (!texts_[id].empty()) tokens_.push_back(id);
  }
  std::sort(tokens_.begin(), tokens_.end(), [&](int32_t a, int32_t b) {
    return texts_[a] != texts_[b] ? texts_[a] < texts_[b] : a < b;
  });
  add_nodes();
  find_runs();
}

bool TokenTrie::ends(int32_t token) const {
  return std::find(end_tokens_.begin(), end_tokens_.end(), token) != end_tokens_.end();
}

void TokenTrie::add_nodes() {
  std::vector<int32_t> path{0};  // the open nodes by depth
  const auto add = [&](uint8_t byte, int32_t depth, int32_t token) {
    bytes_.push_back(byte);
    depths_.push_back(uint16_t(depth));
    ends_.push_back(0);
    first_token_.push_back(token);
    token_count_.push_back(0);
    classes_.push_back(0);
  };
  const auto close = [&](size_t depth) {
    while (path.size() > depth) {
      const int32_t node = path.back();
      path.pop_back();
      ends_[node] = int32_t(bytes_.size());
      if (!path.empty())
        classes_[path.back()] |= classes_[node] | uint32_t(1) << byte_class(bytes_[node]);
    }
  };
  add(0, 0, 0);
  std::string_view last;
  for (int32_t i = 0; i < int32_t(tokens_.size()); ++i) {
    const std::string_view text = texts_[tokens_[i]];
    const size_t same = size_t(
        std::mismatch(text.begin(), text.end(), last.begin(), last.end()).first - text.begin());
    close(same + 1);
    for (size_t d = same; d < text.size(); ++d) {
      path.push_back(int32_t(bytes_.size()));
      add(uint8_t(text[d]), int32_t(d) + 1, i);
    }
    max_depth_ = std::max(max_depth_, int32_t(text.size()));
    ++token_count_[path.back()];
    if (text.size() == 1) single_[uint8_t(text[0])] = true;
    last = text;
  }
  close(0);
  first_token_.push_back(int32_t(tokens_.size()));
  root_children_.fill(-1);
  for (int32_t node = 1; node < ends_[0]; node = ends_[node]) root_children_[bytes_[node]] = node;
}

int32_t TokenTrie::child(int32_t node, uint8_t byte) const {
  if (node == 0) return root_children_[byte];
  for (int32_t child = node + 1; child < ends_[node]; child = ends_[child])
    if (bytes_[child] == byte) return child;
  return -1;
}

void TokenTrie::find_runs() {
  std::vector<bool> has(2);
  for (const int32_t token : tokens_) {
    const std::string_view text = texts_[token];
    const bool run = std::all_of(text.begin(), text.end(), [](char c) {
      const int kind = byte_class(uint8_t(c));
      return kind == 1 || kind == 3;
    });
    if (!run) continue;
    if (has.size() <= text.size()) has.resize(text.size() + 1);
    has[text.size()] = true;
  }
  longest_run_ = int64_t(has.size()) - 1;
  while (longest_run_ > 1 && !has[longest_run_]) --longest_run_;
  constexpr int32_t never = 1 << 30;
  run_costs_.assign(2 * longest_run_ + 1, never);
  run_costs_[0] = 0;
  for (int64_t n = 1; n < int64_t(run_costs_.size()); ++n)
    for (int64_t length = 1; length <= std::min(n, longest_run_); ++length)
      if (has[length]) run_costs_[n] = std::min(run_costs_[n], run_costs_[n - length] + 1);
}

int64_t TokenTrie::run_cost(int64_t chars) const {
  const int64_t known = int64_t(run_costs_.size()) - 1;
  if (chars <= known) return run_costs_[chars];
  const int64_t steps = (chars - known + longest_run_ - 1) / longest_run_;
  return steps + run_costs_[chars - steps * longest_run_];
}

std::shared_ptr<const Vocabulary> Vocabulary::from_tokenizer(const Tokenizer& tokenizer,
                                                             std::span<const int32_t> end_tokens,
                                                             int64_t most) {
  std::vector<std::string_view> texts(size_t(std::min(tokenizer.vocab_size(), most)));
  for (int32_t id = 0; id < int32_t(texts.size()); ++id)
    if (!tokenizer.is_special(id)) texts[id] = tokenizer.token_text(id);
  return std::make_shared<TokenTrie>(texts, end_tokens);
}

std::shared_ptr<const Vocabulary> Vocabulary::from_texts(std::span<const std::string> texts,
                                                         std::span<const int32_t> end_tokens) {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  return std::make_shared<TokenTrie>(views, end_tokens);
}

}  // namespace deepseek::grammar
