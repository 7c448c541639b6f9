// SPDX-License-Identifier: Apache-2.0
#include "serve/api/bill.h"

#include <algorithm>

#include "serve/api/accounts.h"

namespace deepseek::serve {

Bill::~Bill() {
  if (accounts_) settle(produced_, store::Outcome::aborted);
}

void Bill::produced(int64_t tokens) {
  if (!accounts_) return;
  const std::lock_guard lock(mutex_);
  if (settled_) return;
  // How much of the prompt was cached is known at the end; a crash is not the client's loss.
  produced_.hit = demand_.prompt_tokens;
  produced_.output = std::min(produced_.output + tokens, demand_.output_tokens);
  accounts_->report(id_, produced_);
}

bool Bill::settle(const store::TokenCounts& used, store::Outcome outcome,
                  std::optional<KeptReply> kept) {
  if (!accounts_) return false;
  {
    const std::lock_guard lock(mutex_);
    if (settled_) return false;
    settled_ = true;
  }
  const bool keeps = kept && !id_.empty();
  // Never more than was agreed to at the admission.
  const int64_t hit = std::min(used.hit, demand_.prompt_tokens);
  accounts_->settle(*this,
                    {hit, std::min(used.miss, demand_.prompt_tokens - hit),
                     std::min(used.output, demand_.output_tokens)},
                    outcome, std::move(kept));
  return keeps;
}

HttpReply with_limits(HttpReply reply, const Bill& bill) {
  for (const auto& [name, value] : bill.headers()) reply.headers.add(name, value);
  return reply;
}

store::TokenCounts charged_tokens(const Finished& end, bool streamed, bool own_limit) {
  const deepseek::Usage& usage = end.usage;
  if (end.late && !own_limit) return {0, 0, usage.completion_tokens};
  const bool begun = end.timings.prefill_ms > 0 || usage.completion_tokens > 0;
  const bool got_nothing = !end.late && end.error && (!streamed || usage.completion_tokens == 0);
  if (!begun || got_nothing) return {};
  return {usage.cached_tokens, usage.prompt_tokens - usage.cached_tokens, usage.completion_tokens};
}

store::Outcome outcome_of(const Finished& end, bool cancelled) {
  if (end.error) return store::Outcome::failed;
  return cancelled ? store::Outcome::aborted : store::Outcome::complete;
}

}  // namespace deepseek::serve
