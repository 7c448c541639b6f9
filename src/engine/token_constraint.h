// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace deepseek {

/// What bounds the tokens of one answer: a grammar, a JSON schema, a list of choices. One object
/// belongs to one answer and is called from one thread at a time, once a token: fill_mask, then
/// accept of the token drawn. Tokens that end a generation are tokens like others here: they are
/// allowed where the text may end.
class TokenConstraint {
 public:
  virtual ~TokenConstraint() = default;

  /// Sets bit t % 64 of mask[t / 64] for every token t that may come next and clears all others.
  /// `mask` has (vocab + 63) / 64 words. `remaining_tokens` is how many may still be drawn, this
  /// one counted: as it runs out only what can still be finished stays allowed. A text that is
  /// whole with the last of them needs no token to end it.
  virtual void fill_mask(std::span<uint64_t> mask, int64_t remaining_tokens) = 0;

  /// `token` was chosen; it is one that the last mask allowed.
  virtual void accept(int32_t token) = 0;

  /// Nothing can follow: the answer ends without drawing another token.
  virtual bool finished() const = 0;

  /// Fewest tokens in which the text can be finished from here, 0 where it may end; reasoning is
  /// cut short to leave room for them.
  virtual int64_t least_tokens() const { return 0; }
};

}  // namespace deepseek
