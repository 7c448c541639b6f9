// SPDX-License-Identifier: Apache-2.0
#include "engine/text_model.h"

#include "core/error.h"
#include "core/json.h"
#include "engine/fingerprint.h"
#include "engine/text_source.h"
#include "model/gguf_config.h"
#include "model/open.h"

namespace deepseek {

TextModel::TextModel(const std::filesystem::path& path, const TextModelOptions& options)
    : path_(path) {
  const CheckpointFiles files = CheckpointFiles::open(path);
  const ModelConfig config = files.read_config();
  checked_context(options.context, config);
  text_ = std::make_unique<const TextSource>(open_text(files, config));
  generation_config_ =
      files.gguf ? generation_config_from_gguf(*files.gguf) : read_generation_config(path);

  const auto add_end = [&](std::optional<int64_t> id) {
    if (id && *id >= 0 && *id < config.vocab_size) end_tokens_.insert(static_cast<int32_t>(*id));
  };
  for (const int64_t id : generation_config_.eos_token_ids) add_end(id);
  for (const int64_t id : config.eos_token_ids) add_end(id);
  const SpecialTokens& special = tokenizer().special_tokens();
  for (const auto& id : {special.eos, special.eot, special.eom})
    if (id) add_end(*id);

  OpenedEngine opened = open_engine(files, config, options);
  engine_ = std::move(opened.engine);
  context_length_ = opened.context_length;
  context_flag_ = opened.context_flag;
  fingerprint_ = fingerprint_of(path, options);
}

TextModel::~TextModel() = default;

std::string TextModel::fingerprint_of(const std::filesystem::path& path,
                                      const TextModelOptions& options) {
  return model_fingerprint(path, options.adapter, arithmetic_name(options));
}

std::string TextModel::context_remedy() const {
  if (context_flag_.empty()) return "shorten it; the model was made for no more";
  return concat("shorten it or raise ", context_flag_);
}

const Tokenizer& TextModel::tokenizer() const { return text_->tokenizer; }

bool TextModel::has_chat_template() const { return text_->templates.has_template(); }

std::string TextModel::chat_template_text() const { return text_->chat_template(); }

RenderedPrompt TextModel::render(const nlohmann::ordered_json& context) const {
  if (!has_chat_template())
    fail(ErrorKind::invalid_input, path_.string(),
         ": this model has no chat template; it was not taught to chat: use 'deepseek generate' "
         "with a raw prompt");
  const bool has_tools = context.contains("tools") && !context["tools"].empty();
  const TemplateSource::Named& named = text_->templates.choose(has_tools, path_.string());
  return ChatTemplate::parse(named.text, named.origin)
      .render_marked(text_->templates.with_special_tokens(context));
}

std::vector<int32_t> TextModel::encode(const RenderedPrompt& prompt) const {
  std::vector<TextSpan> spans;
  size_t at = 0;
  const std::string_view text = prompt.text;
  const auto add = [&](auto position, bool parse_special) {
    const auto end = static_cast<size_t>(position);
    if (end > at) spans.push_back({text.substr(at, end - at), parse_special});
    at = end;
  };
  for (const jinja::Span& content : prompt.content) {
    add(content.begin, true);
    add(content.end, false);
  }
  add(text.size(), true);
  return tokenizer().encode(spans);
}

}  // namespace deepseek
