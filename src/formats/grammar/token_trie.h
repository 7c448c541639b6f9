// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <vector>

#include "formats/grammar/grammar.h"

namespace deepseek::grammar {

/// All texts of a vocabulary in one tree, its nodes in depth-first order: the subtree of node n is
/// n..end(n)-1, and the tokens that begin with its bytes are neighbours in `tokens`.
class TokenTrie final : public Vocabulary {
 public:
  /// texts[id]; empty texts never match.
  TokenTrie(std::span<const std::string_view> texts, std::span<const int32_t> end_tokens);

  int64_t size() const override { return int64_t(texts_.size()); }
  const std::vector<int32_t>& end_tokens() const { return end_tokens_; }
  bool ends(int32_t token) const;
  /// Bytes of a token, empty if it is special.
  std::string_view text(int32_t token) const { return texts_[token]; }

  /// Node 0 is the root, which has no byte.
  int32_t node_count() const { return int32_t(bytes_.size()); }
  uint8_t byte(int32_t node) const { return bytes_[node]; }
  int32_t depth(int32_t node) const { return depths_[node]; }
  int32_t end(int32_t node) const { return ends_[node]; }
  int32_t child(int32_t node, uint8_t byte) const;
  int32_t max_depth() const { return max_depth_; }
  /// The tokens that end at a node.
  std::span<const int32_t> tokens(int32_t node) const {
    return std::span(tokens_).subspan(first_token_[node], token_count_[node]);
  }
  /// The tokens of its whole subtree.
  std::span<const int32_t> tokens_below(int32_t node) const {
    return std::span(tokens_).subspan(first_token_[node],
                                      first_token_[ends_[node]] - first_token_[node]);
  }
  /// Which bytes the subtree uses below the node, as a set of classes; see byte_class.
  uint32_t classes_below(int32_t node) const { return classes_[node]; }
  static constexpr int class_count = 8;
  static int byte_class(uint8_t byte);

  /// Whether one token is this byte alone.
  bool spells(uint8_t byte) const { return single_[byte]; }
  /// The fewest tokens that spell some text of `chars` letters and spaces.
  int64_t run_cost(int64_t chars) const;

 private:
  void add_nodes();
  void find_runs();

  std::string all_text_;
  std::vector<std::string_view> texts_;  // by id, into all_text_
  std::vector<int32_t> end_tokens_;
  std::vector<int32_t> tokens_;  // with text, sorted by it
  std::vector<uint8_t> bytes_;
  std::vector<uint16_t> depths_;
  std::vector<int32_t> ends_, first_token_, token_count_;
  std::vector<uint32_t> classes_;
  std::array<int32_t, 256> root_children_{};
  std::array<bool, 256> single_{};
  std::vector<int32_t> run_costs_;
  int64_t longest_run_ = 1;
  int32_t max_depth_ = 0;
};

}  // namespace deepseek::grammar
