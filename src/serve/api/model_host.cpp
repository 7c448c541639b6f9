// SPDX-License-Identifier: Apache-2.0
#include "serve/api/model_host.h"

#include <chrono>

namespace deepseek::serve {

ModelHost::ModelHost(const Options& options)
    : name_(options.name),
      model_(std::make_unique<TextModel>(options.path, options.model)),
      scheduler_(std::make_unique<Scheduler>(*model_, options.scheduler)),
      reply_form_(deepseek::reply_form(model_->chat_template_text(), model_->tokenizer())),
      created_(std::chrono::duration_cast<std::chrono::seconds>(
                   std::chrono::system_clock::now().time_since_epoch())
                   .count()) {}

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
