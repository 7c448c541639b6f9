// SPDX-License-Identifier: Apache-2.0
#include "formats/bpe.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/error.h"
#include "formats/byte_level.h"

namespace deepseek {
namespace {

constexpr uint32_t no_rank = UINT32_MAX;
constexpr size_t cached_words = size_t{1} << 14;
// Up to here moving the symbols together costs less than a queue.
constexpr size_t short_piece = 64;
// What one very long piece needed is given back after it.
constexpr size_t kept_symbols = size_t{1} << 16;

}  // namespace

Bpe::Scratch::Scratch() : words_(cached_words) {}

void MergeList::reserve(size_t merges, size_t bytes) {
  ends_.reserve(merges);
  bytes_.reserve(bytes);
}

bool MergeList::add(std::string_view left, std::string_view right) {
  const size_t begin = bytes_.size();
  if (left.empty() || right.empty() || !append_byte_level(bytes_, left)) return false;
  const size_t middle = bytes_.size();
  if (!append_byte_level(bytes_, right) || bytes_.size() > UINT32_MAX) {
    bytes_.resize(begin);
    return false;
  }
  ends_.push_back({uint32_t(middle), uint32_t(bytes_.size())});
  return true;
}

MergeList::Pair MergeList::operator[](size_t i) const {
  const std::string_view bytes = bytes_;
  const size_t begin = i == 0 ? 0 : ends_[i - 1].right;
  const auto [middle, end] = ends_[i];
  return {bytes.substr(begin, middle - begin), bytes.substr(middle, end - middle),
          bytes.substr(begin, end - begin)};
}

Bpe::Bpe(const TokenTable& tokens, std::string owner, const Options& options,
         const MergeList& merges)
    : tokens_(&tokens), owner_(std::move(owner)), options_(options) {
  for (int byte = 0; byte < 256; ++byte) {
    const char text = static_cast<char>(byte);
    byte_ids_[byte] = tokens.find({&text, 1});
  }
  const size_t slots = std::bit_ceil(merges.size() * 7 / 4 + 2);
  merges_.resize(slots);
  mask_ = slots - 1;
  shift_ = 64 - std::countr_zero(slots);
  result_of_rank_.reserve(merges.size());
  constexpr size_t group = 16;
  std::array<std::string_view, 3 * group> texts;
  std::array<int32_t, 3 * group> ids;
  for (size_t begin = 0; begin < merges.size(); begin += group) {
    const size_t count = std::min(group, merges.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      const MergeList::Pair pair = merges[begin + i];
      texts[3 * i] = pair.left;
      texts[3 * i + 1] = pair.right;
      texts[3 * i + 2] = pair.joined;
    }
    tokens.find_all(std::span(texts).first(3 * count), ids);
    for (size_t i = 0; i < 3 * count; ++i)
      if (ids[i] < 0) refuse_merge(begin + i / 3, texts[i]);
    for (size_t i = 0; i < count; ++i)
      __builtin_prefetch(&merges_[slot_of(ids[3 * i], ids[3 * i + 1])], 1);
    for (size_t i = 0; i < count; ++i)
      add_merge({ids[3 * i], ids[3 * i + 1], uint32_t(begin + i), ids[3 * i + 2]});
  }
}

void Bpe::refuse_merge(size_t rank, std::string_view missing) const {
  fail(ErrorKind::bad_file, owner_, ": merge ", rank, ": \"",
       printable(byte_level_spelling(missing)),
       "\" is not a token; vocabulary and merges disagree");
}

void Bpe::add_merge(const Merge& merge) {
  result_of_rank_.push_back(merge.result);
  size_t i = slot_of(merge.left, merge.right);
  for (; merges_[i].left >= 0; i = (i + 1) & mask_)
    if (merges_[i].left == merge.left && merges_[i].right == merge.right) {
      if (options_.later_merge_wins) break;
      return;
    }
  merges_[i] = merge;
}

void Bpe::encode(std::string_view piece, std::vector<int32_t>& ids, Scratch& scratch) const {
  if (piece.empty()) return;
  if (options_.ignore_merges) {
    const int32_t id = tokens_->find(piece);
    if (id >= 0) {
      ids.push_back(id);
      return;
    }
  }
  Scratch::CachedWord* word = nullptr;
  if (piece.size() <= sizeof word->text) {
    word = &scratch.words_[size_t(TokenTable::hash_of(piece) >> 32) % cached_words];
    if (word->length == piece.size() && std::memcmp(word->text, piece.data(), piece.size()) == 0) {
      ids.insert(ids.end(), word->ids, word->ids + word->count);
      return;
    }
  }
  std::vector<int32_t>& symbols = scratch.symbols_;
  bytes_to_symbols(piece, symbols);
  if (symbols.size() <= short_piece)
    merge_short(scratch);
  else
    merge_long(scratch);
  ids.insert(ids.end(), symbols.begin(), symbols.end());
  if (word && symbols.size() <= std::size(word->ids)) {
    word->length = uint8_t(piece.size());
    word->count = uint8_t(symbols.size());
    std::memcpy(word->text, piece.data(), piece.size());
    std::copy(symbols.begin(), symbols.end(), word->ids);
  }
  if (symbols.capacity() > kept_symbols) symbols = {};
}

void Bpe::bytes_to_symbols(std::string_view piece, std::vector<int32_t>& symbols) const {
  symbols.clear();
  symbols.reserve(piece.size());
  bool fusing = false;
  for (const char text : piece) {
    const int byte = static_cast<unsigned char>(text);
    const int32_t id = byte_ids_[byte];
    if (id >= 0) {
      symbols.push_back(id);
    } else if (options_.unknown_id < 0) {
      fail(ErrorKind::invalid_input, owner_, ": byte ", byte, " (\"",
           byte_level_spelling({&text, 1}),
           "\") of the text has no token, and the vocabulary names no token for the unknown");
    } else if (!fusing) {
      symbols.push_back(options_.unknown_id);
    }
    fusing = id < 0 && options_.fuse_unknown;
  }
}

uint32_t Bpe::rank_of(int32_t left, int32_t right) const {
  const Merge* merge = find(left, right);
  return merge ? merge->rank : no_rank;
}

void Bpe::merge_short(Scratch& scratch) const {
  std::vector<int32_t>& symbols = scratch.symbols_;
  std::vector<uint32_t>& ranks = scratch.pair_ranks_;
  size_t pairs = symbols.size() - 1;
  ranks.resize(pairs);
  for (size_t i = 0; i < pairs; ++i) ranks[i] = rank_of(symbols[i], symbols[i + 1]);
  while (pairs > 0) {
    size_t best = 0;
    for (size_t i = 1; i < pairs; ++i)
      if (ranks[i] < ranks[best]) best = i;
    if (ranks[best] == no_rank) break;
    symbols[best] = result_of_rank_[ranks[best]];
    std::copy(symbols.begin() + best + 2, symbols.begin() + pairs + 1, symbols.begin() + best + 1);
    std::copy(ranks.begin() + best + 1, ranks.begin() + pairs, ranks.begin() + best);
    --pairs;
    if (best < pairs) ranks[best] = rank_of(symbols[best], symbols[best + 1]);
    if (best > 0) ranks[best - 1] = rank_of(symbols[best - 1], symbols[best]);
  }
  symbols.resize(pairs + 1);
}

void Bpe::merge_long(Scratch& scratch) const {
  constexpr int32_t none = -1;
  std::vector<int32_t>& symbols = scratch.symbols_;
  if (symbols.size() > size_t(INT32_MAX))
    fail(ErrorKind::invalid_input, owner_, ": expected a word of less than 2 GiB, got ",
         size_text(symbols.size()));
  const int32_t count = int32_t(symbols.size());
  std::vector<int32_t>& previous = scratch.previous_;
  std::vector<int32_t>& next = scratch.next_;
  MergeQueue& queue = scratch.queue_;
  previous.resize(count);
  next.resize(count);
  queue.start(result_of_rank_.size());
  const auto offer = [&](int32_t left) {
    const uint32_t rank = rank_of(symbols[left], symbols[next[left]]);
    if (rank != no_rank) queue.push({rank, uint32_t(left)});
  };
  for (int32_t i = 0; i < count; ++i) {
    previous[i] = i - 1;
    next[i] = i + 1 < count ? i + 1 : none;
  }
  for (int32_t i = 0; i + 1 < count; ++i) offer(i);
  MergeQueue::Entry entry;
  while (queue.pop(entry)) {
    const int32_t left = int32_t(entry.position);
    // The symbol may be gone or have other neighbours than when it was offered.
    if (symbols[left] == none || next[left] == none) continue;
    const int32_t right = next[left];
    if (rank_of(symbols[left], symbols[right]) != entry.rank) continue;
    symbols[left] = result_of_rank_[entry.rank];
    symbols[right] = none;
    next[left] = next[right];
    if (next[left] != none) {
      previous[next[left]] = left;
      offer(left);
    }
    if (previous[left] != none) offer(previous[left]);
  }
  symbols.erase(std::remove(symbols.begin(), symbols.end(), none), symbols.end());
  if (previous.capacity() > kept_symbols) {
    previous = {};
    next = {};
  }
}

}  // namespace deepseek
