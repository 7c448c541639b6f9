// SPDX-License-Identifier: Apache-2.0
#include "formats/token_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "core/error.h"
#include "formats/byte_level.h"

namespace deepseek {
namespace {

// Published vocabularies have gaps of a few thousand ids at most; a file that names a far id must
// not make us allocate for all below it.
constexpr int64_t max_unused_ids = int64_t{1} << 20;

}  // namespace

uint64_t TokenTable::hash_of(std::string_view bytes) {
  constexpr uint64_t factor = 0x9E3779B97F4A7C15;
  uint64_t hash = bytes.size() * factor;
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    hash = (std::rotl(hash, 29) ^ word) * factor;
  }
  uint64_t word = 0;
  std::memcpy(&word, at, left);
  hash = (std::rotl(hash, 29) ^ word) * factor;
  return hash ^ hash >> 32;
}

void TokenTable::reserve(size_t tokens, size_t text_bytes) {
  text_.reserve(text_bytes);
  places_.reserve(tokens);
  flags_.reserve(tokens);
}

int32_t TokenTable::claim(int64_t id, std::string_view shown) {
  if (id < 0)
    fail(ErrorKind::bad_file, owner_, ": token \"", printable(shown),
         "\": expected an id of 0 or more, got ", id);
  if (id > count_ + max_unused_ids)
    fail(ErrorKind::bad_file, owner_, ": token \"", printable(shown), "\": got id ", id,
         " with only ", count_, " tokens before it; a vocabulary leaves at most ", max_unused_ids,
         " ids unused");
  if (id >= size()) {
    places_.resize(id + 1);
    flags_.resize(id + 1, 0);
  }
  if (flags_[id] & present)
    fail(ErrorKind::bad_file, owner_, ": token \"", printable(shown), "\": id ", id,
         " is already that of \"", printable(text(int32_t(id))), "\"; ids must be unique");
  if (text_.size() + shown.size() > UINT32_MAX)
    fail(ErrorKind::bad_file, owner_, ": expected less than 4 GiB of token text, got more");
  ++count_;
  return int32_t(id);
}

void TokenTable::add_spelled(int64_t id, std::string_view spelling) {
  const int32_t slot = claim(id, spelling);
  const size_t begin = text_.size();
  const bool mapped = append_byte_level(text_, spelling);
  if (!mapped) text_.append(spelling);
  places_[slot] = {uint32_t(begin), uint32_t(text_.size() - begin)};
  flags_[slot] = present | (mapped && !spelling.empty() ? byte_level : 0);
}

void TokenTable::add_literal(int64_t id, std::string_view text) {
  const int32_t slot = claim(id, text);
  places_[slot] = {uint32_t(text_.size()), uint32_t(text.size())};
  flags_[slot] = present;
  text_.append(text);
}

void TokenTable::set_literal(int32_t id, std::string_view text) {
  if (this->text(id) != text) {
    places_[id] = {uint32_t(text_.size()), uint32_t(text.size())};
    text_.append(text);
    flags_[id] &= ~byte_level;
  }
}

void TokenTable::index() {
  slots_.assign(std::bit_ceil(size_t(count_) * 2 + 2), Slot{0, -1});
  mask_ = slots_.size() - 1;
  for (int32_t id = 0; id < size(); ++id) {
    if (!(flags_[id] & byte_level)) continue;
    const uint64_t hash = hash_of(text(id));
    size_t i = first_slot(hash);
    for (; slots_[i].id >= 0; i = (i + 1) & mask_)
      if (slots_[i].tag == uint32_t(hash) && text(slots_[i].id) == text(id))
        fail(ErrorKind::bad_file, owner_, ": tokens ", slots_[i].id, " and ", id, " are both \"",
             printable(byte_level_spelling(text(id))), "\"; texts must be unique");
    slots_[i] = {uint32_t(hash), id};
  }
}

void TokenTable::find_all(std::span<const std::string_view> texts, std::span<int32_t> ids) const {
  constexpr size_t group = 48;
  std::array<uint64_t, group> hashes;
  for (size_t begin = 0; begin < texts.size(); begin += group) {
    const size_t count = std::min(group, texts.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      hashes[i] = hash_of(texts[begin + i]);
      __builtin_prefetch(&slots_[first_slot(hashes[i])]);
    }
    for (size_t i = 0; i < count; ++i)
      if (const Slot& slot = slots_[first_slot(hashes[i])]; slot.id >= 0)
        __builtin_prefetch(&places_[slot.id]);
    for (size_t i = 0; i < count; ++i)
      if (const Slot& slot = slots_[first_slot(hashes[i])]; slot.id >= 0)
        __builtin_prefetch(text(slot.id).data());
    for (size_t i = 0; i < count; ++i) ids[begin + i] = find(texts[begin + i], hashes[i]);
  }
}

}  // namespace deepseek
