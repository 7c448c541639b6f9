// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "engine/scheduler/scheduler.h"
#include "engine/text_model.h"
#include "formats/grammar/grammar.h"
#include "serve/models/model_card.h"

namespace deepseek::serve {

/// One model that answers: its weights, the scheduler that runs it, and how its replies are
/// written.
class ModelHost {
 public:
  /// Loads the model; throws as TextModel.
  ModelHost(std::shared_ptr<const ModelCard> card, const TextModelOptions& model,
            const SchedulerOptions& scheduler);

  const ModelCard& card() const { return *card_; }
  const std::string& name() const { return card_->name(); }
  const TextModel& model() const { return *model_; }
  const Tokenizer& tokenizer() const { return model_->tokenizer(); }
  Scheduler& scheduler() { return *scheduler_; }
  const ReplyForm& reply_form() const { return card_->text().reply_form; }
  /// A text of so many bytes has at least so many tokens: what is far too long is known without
  /// being taken apart.
  int64_t least_tokens(size_t bytes) const;

  /// A grammar for this vocabulary, with its first mask; the vocabulary's trie is built at the
  /// first call. Throws as Constraint and as Matcher::fill_mask.
  grammar::Constraint constraint(const grammar::Grammar& grammar);

 private:
  std::shared_ptr<const ModelCard> card_;
  std::unique_ptr<TextModel> model_;
  std::unique_ptr<Scheduler> scheduler_;
  int64_t longest_token_bytes_ = 1;
  std::mutex mutex_;
  std::shared_ptr<const grammar::Vocabulary> vocabulary_;
};

}  // namespace deepseek::serve
