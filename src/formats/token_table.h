// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace deepseek {

/// The tokens of a vocabulary by id and by text: all texts in one block of memory, one flat hash
/// table, no node per token.
class TokenTable {
 public:
  enum Flag : uint8_t {
    present = 1,
    /// Its text is made of bytes that merges can produce; otherwise it is literal text that only
    /// the rules for added tokens find.
    byte_level = 2,
    special = 4,
  };

  /// `owner` names the file in messages.
  explicit TokenTable(std::string owner) : owner_(std::move(owner)) {}

  /// Room for that many tokens and bytes of text.
  void reserve(size_t tokens, size_t text_bytes);
  /// Adds a token spelled as vocabularies spell it: byte-level if its characters allow it. Throws
  /// bad_file if the id is negative, taken, or absurdly far from the number of tokens.
  void add_spelled(int64_t id, std::string_view spelling);
  /// Adds a token whose text is literal.
  void add_literal(int64_t id, std::string_view text);
  void set_special(int32_t id) { flags_[id] |= special; }
  /// Makes `id` literal text from now on.
  void set_literal(int32_t id, std::string_view text);
  /// Makes texts findable. Throws bad_file when two byte-level tokens have the same text.
  void index();

  /// One past the highest id.
  int64_t size() const { return int64_t(flags_.size()); }
  bool contains(int64_t id) const { return id >= 0 && id < size() && (flags_[id] & present); }
  bool has(int32_t id, Flag flag) const { return flags_[id] & flag; }
  /// Bytes of a token, empty where the vocabulary has a gap.
  std::string_view text(int32_t id) const {
    return {text_.data() + places_[id].begin, places_[id].length};
  }
  /// The byte-level token of exactly these bytes, or -1.
  int32_t find(std::string_view bytes) const { return find(bytes, hash_of(bytes)); }
  /// The same for many at once, which waits for memory once and not each time.
  void find_all(std::span<const std::string_view> texts, std::span<int32_t> ids) const;

  static uint64_t hash_of(std::string_view bytes);

 private:
  struct Place {
    uint32_t begin = 0, length = 0;
  };
  struct Slot {
    uint32_t tag;
    int32_t id;
  };
  size_t first_slot(uint64_t hash) const { return size_t(hash >> 32) & mask_; }
  int32_t find(std::string_view bytes, uint64_t hash) const {
    for (size_t i = first_slot(hash);; i = (i + 1) & mask_) {
      const Slot& slot = slots_[i];
      if (slot.id < 0) return -1;
      if (slot.tag == uint32_t(hash) && text(slot.id) == bytes) return slot.id;
    }
  }
  int32_t claim(int64_t id, std::string_view shown);

  std::string owner_;
  std::string text_;
  std::vector<Place> places_;
  std::vector<uint8_t> flags_;
  int64_t count_ = 0;
  std::vector<Slot> slots_{{0, -1}};  // a power of two of them, at least one empty
  size_t mask_ = 0;
};

}  // namespace deepseek
