// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/merge_queue.h"
#include "formats/token_table.h"

namespace deepseek {

/// A file's merges in their order: pairs of byte strings, all in one block of memory.
class MergeList {
 public:
  void reserve(size_t merges, size_t bytes);
  /// Adds a merge of parts spelled in the byte-level alphabet; false, adding nothing, if a part is
  /// empty or not spelled so.
  bool add(std::string_view left, std::string_view right);
  size_t size() const { return ends_.size(); }
  struct Pair {
    std::string_view left, right, joined;
  };
  Pair operator[](size_t i) const;

 private:
  struct Ends {
    uint32_t left, right;
  };
  std::string bytes_;
  std::vector<Ends> ends_;
};

/// Byte-pair encoding (Sennrich et al., 2016) over bytes: of all neighbours that the merge list
/// names, the pair of lowest rank is joined, leftmost first, until none is left.
class Bpe {
 public:
  struct Options {
    /// A piece that is a token as a whole is that token, whatever its merges (Llama 3).
    bool ignore_merges = false;
    /// Of equal merges the later one counts (tokenizer.json); otherwise the first (GGUF).
    bool later_merge_wins = true;
    /// The token of bytes that have none, -1 if such text is refused; neighbours become one token.
    int32_t unknown_id = -1;
    bool fuse_unknown = false;
  };

  /// Memory that one encoding needs, kept from call to call. One thread at a time.
  class Scratch {
   public:
    Scratch();

   private:
    friend class Bpe;
    struct CachedWord {
      uint8_t length = 0, count = 0;
      char text[22];
      int32_t ids[10];
    };
    std::vector<CachedWord> words_;
    std::vector<int32_t> symbols_;
    std::vector<uint32_t> pair_ranks_;
    std::vector<int32_t> previous_, next_;
    MergeQueue queue_;
  };

  /// `tokens` must be indexed and outlive the encoder; `owner` names the file in messages. Throws
  /// bad_file when a part of a merge or its result is not a token.
  Bpe(const TokenTable& tokens, std::string owner, const Options& options, const MergeList& merges);

  /// Appends the tokens of one piece of text. Throws invalid_input when a byte has no token.
  void encode(std::string_view piece, std::vector<int32_t>& ids, Scratch& scratch) const;

 private:
  struct Merge {
    int32_t left = -1, right = -1;
    uint32_t rank = 0;
    int32_t result = -1;
  };
  const Merge* find(int32_t left, int32_t right) const {
    for (size_t i = slot_of(left, right);; i = (i + 1) & mask_) {
      const Merge& merge = merges_[i];
      if (merge.left == left && merge.right == right) return &merge;
      if (merge.left < 0) return nullptr;
    }
  }
  size_t slot_of(int32_t left, int32_t right) const {
    const uint64_t key = uint64_t(uint32_t(left)) << 32 | uint32_t(right);
    return size_t((key * 0x9E3779B97F4A7C15) >> shift_);
  }
  void add_merge(const Merge& merge);
  [[noreturn]] void refuse_merge(size_t rank, std::string_view missing) const;
  void bytes_to_symbols(std::string_view piece, std::vector<int32_t>& symbols) const;
  uint32_t rank_of(int32_t left, int32_t right) const;
  void merge_short(Scratch& scratch) const;
  void merge_long(Scratch& scratch) const;

  const TokenTable* tokens_;
  std::string owner_;
  Options options_;
  std::array<int32_t, 256> byte_ids_{};
  std::vector<Merge> merges_;
  size_t mask_ = 0;
  int shift_ = 63;
  std::vector<int32_t> result_of_rank_;
};

}  // namespace deepseek
