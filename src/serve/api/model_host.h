// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "engine/scheduler/scheduler.h"
#include "engine/text_model.h"
#include "formats/grammar/grammar.h"
#include "formats/reply/reply_form.h"

namespace deepseek::serve {

/// One model that answers: its weights, the scheduler that runs it, and how its replies are
/// written.
class ModelHost {
 public:
  struct Options {
    std::string name;  // what requests call it
    std::filesystem::path path;
    TextModelOptions model;
    SchedulerOptions scheduler;
  };

  /// Loads the model; throws as TextModel.
  explicit ModelHost(const Options& options);

  const std::string& name() const { return name_; }
  const TextModel& model() const { return *model_; }
  const Tokenizer& tokenizer() const { return model_->tokenizer(); }
  Scheduler& scheduler() { return *scheduler_; }
  const ReplyForm& reply_form() const { return reply_form_; }
  int64_t created() const { return created_; }  // seconds since 1970

  /// A grammar for this vocabulary; the vocabulary's trie is built at the first call.
  grammar::Constraint constraint(const grammar::Grammar& grammar);

 private:
  std::string name_;
  std::unique_ptr<TextModel> model_;
  std::unique_ptr<Scheduler> scheduler_;
  ReplyForm reply_form_;
  int64_t created_ = 0;
  std::mutex mutex_;
  std::shared_ptr<const grammar::Vocabulary> vocabulary_;
};

}  // namespace deepseek::serve
