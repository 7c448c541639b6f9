// SPDX-License-Identifier: Apache-2.0

#include "core/json.h"
#include "core/thread_pool.h"
#include "deepseek/deepseek.h"
#include "engine/generate.h"

namespace deepseek {
namespace {

SampleOptions sampling(const CompletionOptions& options, const GenerationConfig& recommended) {
  SampleOptions sample;
  const bool sampled = options.temperature.has_value() || recommended.do_sample.value_or(false);
  sample.temperature =
      options.temperature.value_or(sampled ? recommended.temperature.value_or(1) : 0);
  sample.top_k = options.top_k.value_or(sampled ? recommended.top_k.value_or(0) : 0);
  sample.top_p = options.top_p.value_or(sampled ? recommended.top_p.value_or(1) : 1);
  sample.min_p = options.min_p.value_or(sampled ? recommended.min_p.value_or(0) : 0);
  sample.repetition_penalty = options.repetition_penalty;
  sample.frequency_penalty = options.frequency_penalty;
  sample.presence_penalty = options.presence_penalty;
  sample.logit_bias.insert(options.logit_bias.begin(), options.logit_bias.end());
  sample.seed = options.seed;
  return sample;
}

}  // namespace

struct LanguageModel::Implementation {
  Implementation(const std::string& path, const TextModelOptions& options)
      : model(path, options), conversation(model) {}

  Completion run(const std::vector<int32_t>& prompt, const CompletionOptions& options,
                 const TextSink& sink) {
    bool cancelled = false;
    GenerateOptions generate;
    generate.sample = sampling(options, model.generation_config());
    generate.max_tokens = options.max_tokens;
    generate.stop = options.stop;
    generate.ignore_end = options.ignore_end;
    generate.logprobs = options.logprobs;
    generate.top_logprobs = options.top_logprobs;
    generate.cancelled = [&] { return cancelled; };
    const Generated made = conversation.generate(prompt, generate, [&](std::string_view piece) {
      if (sink && !sink(piece)) cancelled = true;
    });
    Completion out;
    out.text = made.text;
    out.tokens = made.tokens;
    out.finish_reason = finish_reason_name(made.finish);
    out.prompt_tokens = made.prompt_tokens;
    out.cached_tokens = made.cached_tokens;
    out.prefill_seconds = made.prefill_seconds;
    out.decode_seconds = made.decode_seconds;
    for (const Logprobs& scores : made.logprobs) {
      ScoredToken token{scores.chosen.token,
                        std::string(model.tokenizer().token_text(scores.chosen.token)),
                        scores.chosen.logprob,
                        {}};
      for (const TokenLogprob& other : scores.best)
        token.top.emplace_back(other.token, other.logprob);
      out.logprobs.push_back(std::move(token));
    }
    return out;
  }

  RenderedPrompt render(const std::vector<Message>& messages) const {
    nlohmann::ordered_json context;
    context["messages"] = nlohmann::ordered_json::array();
    for (const Message& message : messages)
      context["messages"].push_back({{"role", message.role}, {"content", message.content}});
    context["add_generation_prompt"] = true;
    return model.render(context);
  }

  TextModel model;
  Conversation conversation;
};

LanguageModel::LanguageModel(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
LanguageModel::~LanguageModel() = default;
LanguageModel::LanguageModel(LanguageModel&&) noexcept = default;
LanguageModel& LanguageModel::operator=(LanguageModel&&) noexcept = default;

LanguageModel LanguageModel::open(const std::string& path, const LoadOptions& options) {
  if (options.threads != 0) set_compute_threads(options.threads);
  TextModelOptions text;
  text.precision = options.reference ? Precision::f32 : Precision::native;
  text.context = options.context;
  text.cache_bytes = options.cache_bytes;
  if (!options.adapter.empty()) text.adapter = options.adapter;
  text.notice = options.notice;
  return LanguageModel(std::make_unique<Implementation>(path, text));
}

std::vector<int32_t> LanguageModel::tokenize(std::string_view text, bool parse_special) const {
  return implementation_->model.tokenizer().encode(text, {.parse_special = parse_special});
}

std::string LanguageModel::detokenize(const std::vector<int32_t>& tokens) const {
  return implementation_->model.tokenizer().decode(tokens);
}

std::string LanguageModel::render(const std::vector<Message>& messages) const {
  return implementation_->render(messages).text;
}

Completion LanguageModel::complete(std::string_view prompt, const CompletionOptions& options,
                                   const TextSink& sink) {
  const std::vector<int32_t> ids =
      implementation_->model.tokenizer().encode(prompt, {.add_special = true});
  return implementation_->run(ids, options, sink);
}

Completion LanguageModel::chat(const std::vector<Message>& messages,
                               const CompletionOptions& options, const TextSink& sink) {
  const RenderedPrompt prompt = implementation_->render(messages);
  return implementation_->run(implementation_->model.encode(prompt), options, sink);
}

int64_t LanguageModel::context_length() const { return implementation_->model.context_length(); }

int64_t LanguageModel::vocabulary_size() const {
  return implementation_->model.config().vocab_size;
}

int64_t LanguageModel::parameter_count() const {
  return count_parameters(implementation_->model.config()).total;
}

}  // namespace deepseek
