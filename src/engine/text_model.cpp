// SPDX-License-Identifier: Apache-2.0
#include "engine/text_model.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/machine_memory.h"
#include "engine/fingerprint.h"
#include "formats/builtin_templates.h"
#include "formats/gguf_vocabulary.h"
#include "formats/template_source.h"
#include "model/gguf_config.h"
#include "model/memory_fit.h"
#include "model/open.h"

namespace deepseek {

struct TextModel::Chat {
  TemplateSource source;
};

namespace {

std::string token_or_empty(const Tokenizer& tokenizer, std::optional<int32_t> id) {
  return id ? tokenizer.token_piece(*id) : std::string();
}

/// The family name under which older DeepSeek models' templates are kept, or nothing for a model
/// that was never taught to chat.
std::optional<std::string_view> builtin_family(const ModelConfig& config,
                                               const Tokenizer& tokenizer) {
  if (config.model_type == "deepseek_v3") return "deepseek-v3";
  if (config.model_type == "deepseek_v2") return "deepseek-v2";
  if (config.model_type == "deepseek") return "deepseek-llm";
  if (config.model_type != "llama") return std::nullopt;
  if (tokenizer.find_token("<|EOT|>") && config.vocab_size == 32256) return "deepseek-coder";
  if (config.vocab_size == 102400) return "deepseek-llm";
  return std::nullopt;
}

TemplateSource read_templates(const CheckpointFiles& files, const ModelConfig& config,
                              const Tokenizer& tokenizer) {
  const std::string bos = token_or_empty(tokenizer, tokenizer.special_tokens().bos);
  const std::string eos = token_or_empty(tokenizer, tokenizer.special_tokens().eos);
  TemplateSource source;
  if (files.gguf) {
    std::vector<std::pair<std::string, std::string>> templates;
    constexpr std::string_view key = "tokenizer.chat_template";
    const GgufMetadata& metadata = files.gguf->metadata();
    for (const GgufEntry& entry : metadata.entries())
      if (entry.key == key)
        templates.emplace_back("default", metadata.get_string(entry.key));
      else if (entry.key.starts_with(key) && entry.key.size() > key.size() + 1 &&
               entry.key[key.size()] == '.')
        templates.emplace_back(entry.key.substr(key.size() + 1), metadata.get_string(entry.key));
    source = template_source_from(files.path.string(), std::move(templates), bos, eos);
  } else {
    source = read_template_source(files.path);
  }
  if (source.has_template()) return source;
  if (const auto family = builtin_family(config, tokenizer))
    if (const auto text = builtin_template(*family))
      return template_source_from(files.path.string(), {{"default", std::string(*text)}}, bos, eos);
  return source;
}

Placement placement_of(const TextModelOptions& options, const CheckpointFiles& files,
                       const ModelConfig& config) {
  if (options.precision == Precision::f32) return Placement::reference;
  return choose_placement(files, config, options.notice);
}

int64_t wanted_context(const TextModelOptions& options, const ModelConfig& config) {
  if (options.context <= 0) return config.max_position_embeddings;
  if (options.context > config.max_position_embeddings)
    fail(ErrorKind::invalid_input, "--ctx: the model was made for at most ",
         config.max_position_embeddings, " tokens, got ", options.context);
  return options.context;
}

int64_t cache_budget(const TextModelOptions& options, const CacheLayout& layout, int64_t context) {
  if (options.cache_bytes > 0) return options.cache_bytes;
  const int64_t pages = (context + tokens_per_page - 1) / tokens_per_page;
  return std::min(pages * layout.page_bytes(),
                  std::max(machine_memory().total_bytes / 4, layout.page_bytes()));
}

}  // namespace

TextModel::TextModel(const std::filesystem::path& path, const TextModelOptions& options)
    : path_(path) {
  const CheckpointFiles files = CheckpointFiles::open(path);
  const ModelConfig config = files.read_config();
  const int64_t context = wanted_context(options, config);
  tokenizer_ = files.gguf ? Tokenizer::from_vocabulary(gguf_vocabulary(files.gguf->metadata()),
                                                       path.string())
                          : Tokenizer::open(path);
  generation_config_ =
      files.gguf ? generation_config_from_gguf(*files.gguf) : read_generation_config(path);
  chat_ = std::make_unique<Chat>(Chat{read_templates(files, config, *tokenizer_)});

  const auto add_end = [&](std::optional<int64_t> id) {
    if (id && *id >= 0 && *id < config.vocab_size) end_tokens_.insert(static_cast<int32_t>(*id));
  };
  for (const int64_t id : generation_config_.eos_token_ids) add_end(id);
  for (const int64_t id : config.eos_token_ids) add_end(id);
  const SpecialTokens& special = tokenizer_->special_tokens();
  for (const auto& id : {special.eos, special.eot, special.eom})
    if (id) add_end(*id);

  OpenOptions open;
  open.placement = placement_of(options, files, config);
  open.adapter = options.adapter;
  open.notice = options.notice;
  const OpenedModel opened = open_model(files, open);
  const DType cache_dtype = options.precision == Precision::f32 ? DType::f32 : DType::bf16;
  const CacheLayout layout = opened.transformer->cache_layout(cache_dtype);
  engine_ = std::make_unique<Engine>(
      opened.transformer, Engine::Options{.cache_bytes = cache_budget(options, layout, context),
                                          .cache_dtype = cache_dtype});
  fingerprint_ = model_fingerprint(path, options.adapter, dtype_name(cache_dtype));
  context_length_ = std::min(context, engine_->pool().total_pages() * tokens_per_page);
}

TextModel::~TextModel() = default;

bool TextModel::has_chat_template() const { return chat_->source.has_template(); }

std::string TextModel::chat_template_text() const {
  return has_chat_template() ? chat_->source.choose(true, path_.string()).text : std::string();
}

RenderedPrompt TextModel::render(const nlohmann::ordered_json& context) const {
  if (!has_chat_template())
    fail(ErrorKind::invalid_input, path_.string(),
         ": this model has no chat template; it was not taught to chat: use 'deepseek generate' "
         "with a raw prompt");
  const bool has_tools = context.contains("tools") && !context["tools"].empty();
  const TemplateSource::Named& named = chat_->source.choose(has_tools, path_.string());
  return ChatTemplate::parse(named.text, named.origin)
      .render_marked(chat_->source.with_special_tokens(context));
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
  return tokenizer_->encode(spans);
}

}  // namespace deepseek
