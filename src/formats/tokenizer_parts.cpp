// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizer_parts.h"

#include "core/error.h"
#include "formats/byte_level.h"

namespace deepseek {

int32_t TokenizerParts::take_id(int64_t id, std::string_view content) {
  std::string bytes;
  const int32_t known = append_byte_level(bytes, content) ? tokens.find(bytes) : -1;
  if (known >= 0 && known != id)
    fail(ErrorKind::bad_file, name, ": added token \"", printable(content), "\": expected id ",
         known, ", which the vocabulary gives it, got ", id);
  if (!tokens.contains(id)) {
    tokens.add_literal(id, content);
  } else {
    if (known < 0 && tokens.text(int32_t(id)) != content)
      fail(ErrorKind::bad_file, name, ": added token \"", printable(content), "\": id ", id,
           " is that of \"", printable(tokens.text(int32_t(id))), "\"; ids must be unique");
    tokens.set_literal(int32_t(id), content);
  }
  return int32_t(id);
}

void TokenizerParts::add(AddedToken token) {
  if (token.special) tokens.set_special(token.id);
  if (token.normalized && !normalizer.empty()) {
    Regex::Scratch scratch;
    token.content = normalizer.apply(token.content, scratch);
    if (token.content.empty()) return;
    // It reads as it was found.
    tokens.set_literal(token.id, token.content);
  }
  (token.normalized ? normalized : literal).add(std::move(token));
}

void TokenizerParts::index_added_tokens() {
  for (AddedTokens* group : {&literal, &normalized}) {
    group->index();
    const std::vector<AddedToken>& sorted = group->tokens();
    for (size_t i = 1; i < sorted.size(); ++i)
      if (sorted[i].content == sorted[i - 1].content && sorted[i].id != sorted[i - 1].id)
        fail(ErrorKind::bad_file, name, ": added token \"", printable(sorted[i].content),
             "\": expected one id, got ", sorted[i - 1].id, " and ", sorted[i].id);
  }
}

int32_t TokenizerParts::role(std::string_view role, int64_t id) const {
  if (!tokens.contains(id))
    fail(ErrorKind::bad_file, name, ": ", printable(role),
         ": expected the id of a token, all below ", tokens.size(), ", got ", id);
  return int32_t(id);
}

void TokenizerParts::surround_by_flags() {
  before.clear();
  after.clear();
  if (special.add_bos && special.bos) before = {*special.bos};
  if (special.add_eos && special.eos) after = {*special.eos};
}

std::unique_ptr<EncodeScratch> TokenizerParts::take_scratch() const {
  const std::scoped_lock lock(mutex_);
  if (idle_.empty()) return std::make_unique<EncodeScratch>();
  auto scratch = std::move(idle_.back());
  idle_.pop_back();
  return scratch;
}

void TokenizerParts::give_back(std::unique_ptr<EncodeScratch> scratch) const {
  const std::scoped_lock lock(mutex_);
  idle_.push_back(std::move(scratch));
}

}  // namespace deepseek
