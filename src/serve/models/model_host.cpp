// SPDX-License-Identifier: Apache-2.0
#include "serve/models/model_host.h"

#include <algorithm>

namespace deepseek::serve {

ModelHost::ModelHost(std::shared_ptr<const ModelCard> card, const TextModelOptions& model,
                     const SchedulerOptions& scheduler)
    : card_(std::move(card)),
      model_(std::make_unique<TextModel>(card_->path(), model)),
      scheduler_(std::make_unique<Scheduler>(*model_, scheduler)) {
  card_->take_text(*model_);
  for (int64_t id = 0; id < tokenizer().vocab_size(); ++id)
    longest_token_bytes_ =
        std::max(longest_token_bytes_,
                 static_cast<int64_t>(tokenizer().token_text(static_cast<int32_t>(id)).size()));
}

int64_t ModelHost::least_tokens(size_t bytes) const {
  // Normalisation may make a text shorter, by much less than this.
  constexpr int64_t shrinks_at_most = 4;
  return static_cast<int64_t>(bytes) / (longest_token_bytes_ * shrinks_at_most);
}

grammar::Constraint ModelHost::constraint(const grammar::Grammar& grammar) {
  std::shared_ptr<const grammar::Vocabulary> vocabulary;
  {
    const std::lock_guard lock(mutex_);
    if (!vocabulary_) {
      const std::set<int32_t>& ends = model_->end_tokens();
      vocabulary_ = grammar::Vocabulary::from_tokenizer(
          model_->tokenizer(), std::vector<int32_t>(ends.begin(), ends.end()),
          model_->config().vocab_size);
    }
    vocabulary = vocabulary_;
  }
  grammar::Constraint constraint(grammar, vocabulary);
  // What is too costly at once is refused before a reply begins, and the scheduler finds the mask.
  std::vector<uint64_t> mask(static_cast<size_t>(vocabulary->mask_words()));
  grammar::Matcher(constraint).fill_mask(mask);
  return constraint;
}

}  // namespace deepseek::serve
