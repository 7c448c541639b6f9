// SPDX-License-Identifier: Apache-2.0
#include "serve/models/model_host.h"

namespace deepseek::serve {

ModelHost::ModelHost(std::shared_ptr<const ModelCard> card, const TextModelOptions& model,
                     const SchedulerOptions& scheduler)
    : card_(std::move(card)),
      model_(std::make_unique<TextModel>(card_->path(), model)),
      scheduler_(std::make_unique<Scheduler>(*model_, scheduler)) {
  card_->take_text(*model_);
}

grammar::Constraint ModelHost::constraint(const grammar::Grammar& grammar) {
  std::shared_ptr<const grammar::Vocabulary> vocabulary;
  {
    const std::lock_guard lock(mutex_);
    if (!vocabulary_) {
      const std::set<int32_t>& ends = model_->end_tokens();
      vocabulary_ = grammar::Vocabulary::from_tokenizer(
          model_->tokenizer(), std::vector<int32_t>(ends.begin(), ends.end()));
    }
    vocabulary = vocabulary_;
  }
  return grammar::Constraint(grammar, vocabulary);
}

}  // namespace deepseek::serve
