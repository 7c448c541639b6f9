// SPDX-License-Identifier: Apache-2.0
#include "serve/models/model_card.h"

#include <algorithm>
#include <chrono>

#include "engine/text_model.h"
#include "engine/text_source.h"
#include "formats/fill_marks.h"

namespace deepseek::serve {
namespace {

namespace fs = std::filesystem;

/// Of a file, or of the youngest that a folder holds. What cannot be read counts as 1970.
int64_t last_change(const fs::path& path) {
  const auto seconds = [](const fs::path& file) {
    std::error_code error;
    const fs::file_time_type time = fs::last_write_time(file, error);
    if (error) return int64_t{0};
    const auto since = std::chrono::file_clock::to_sys(time).time_since_epoch();
    return int64_t{std::chrono::duration_cast<std::chrono::seconds>(since).count()};
  };
  std::error_code error;
  if (!fs::is_directory(path, error)) return seconds(path);
  int64_t youngest = 0;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error))
    youngest = std::max(youngest, seconds(at->path()));
  return youngest;
}

}  // namespace

ModelCard::Text::Text(std::string text, const Tokenizer& tokenizer)
    : chat_template(std::move(text)),
      reply_form(deepseek::reply_form(chat_template, tokenizer)),
      fills_in_the_middle(find_fill_marks(tokenizer) != nullptr) {}

ModelCard::ModelCard(std::string name, const fs::path& path, const TextModelOptions& options)
    : name_(std::move(name)), path_(path) {
  const CheckpointFiles files = CheckpointFiles::open(path);
  config_ = files.read_config();
  plan_ = plan_memory(files, config_, options);
  fingerprint_ = TextModel::fingerprint_of(path, options);
  changed_ = last_change(path);
}

const ModelCard::Text& ModelCard::text() const {
  const std::lock_guard lock(mutex_);
  if (!text_) {
    const TextSource source = open_text(CheckpointFiles::open(path_), config_);
    text_.emplace(source.chat_template(), source.tokenizer);
  }
  return *text_;
}

void ModelCard::take_text(const TextModel& model) const {
  const std::lock_guard lock(mutex_);
  if (!text_) text_.emplace(model.chat_template_text(), model.tokenizer());
}

}  // namespace deepseek::serve
