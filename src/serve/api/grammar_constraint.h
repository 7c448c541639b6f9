// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/error.h"
#include "engine/token_constraint.h"
#include "formats/grammar/grammar.h"

namespace deepseek::serve {

/// A grammar as the scheduler asks for it.
class GrammarConstraint : public TokenConstraint {
 public:
  explicit GrammarConstraint(grammar::Constraint constraint) : matcher_(std::move(constraint)) {}

  void fill_mask(std::span<uint64_t> mask, int64_t remaining_tokens) override {
    matcher_.fill_mask(mask, remaining_tokens);
  }
  void accept(int32_t token) override {
    if (!matcher_.accept(token))
      fail(ErrorKind::internal, "grammar: token ", token, " was allowed and is now refused");
  }
  bool finished() const override { return matcher_.is_finished(); }
  int64_t least_tokens() const override { return matcher_.min_tokens(); }

 private:
  grammar::Matcher matcher_;
};

}  // namespace deepseek::serve
