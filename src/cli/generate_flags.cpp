// SPDX-License-Identifier: Apache-2.0
#include "cli/generate_flags.h"

#include <iomanip>
#include <limits>
#include <random>
#include <sstream>

#include "cli/model_flags.h"
#include "core/error.h"

namespace deepseek::cli {
namespace {

std::pair<int32_t, double> parse_bias(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos)
    fail(ErrorKind::invalid_input, "--logit-bias: expected ID=X such as 42=-5, got '",
         printable(text), "'");
  const int64_t id = parse_integer(text.substr(0, equals), "--logit-bias");
  if (id < 0 || id > std::numeric_limits<int32_t>::max())
    fail(ErrorKind::invalid_input, "--logit-bias: expected a token id, got ", id);
  return {int32_t(id), parse_number(text.substr(equals + 1), "--logit-bias")};
}

std::string rate_text(int64_t tokens, double seconds) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << (seconds > 0 ? double(tokens) / seconds : 0.0);
  return std::move(out).str();
}

}  // namespace

TextModelOptions model_options(const Flags& flags, Console& console) {
  apply_threads(flags, console);
  TextModelOptions options;
  const std::string precision = flags.text("precision").value_or("native");
  options.precision = precision == "f32"    ? Precision::f32
                      : precision == "int8" ? Precision::int8
                                            : Precision::native;
  options.context = flags.integer("ctx").value_or(0);
  options.cache_bytes = flags.size_bytes("cache-bytes").value_or(0);
  if (const auto adapter = flags.text("adapter")) options.adapter = *adapter;
  options.notice = console.notices();
  options.progress = console.progress();
  return options;
}

std::unique_ptr<TextModel> open_text_model(const Flags& flags, const std::string& model,
                                           Console& console) {
  return std::make_unique<TextModel>(model_path(model), model_options(flags, console));
}

SampleOptions sample_options(const Flags& flags, const GenerationConfig& recommended,
                             uint64_t default_seed) {
  const auto wanted = [&](const char* name, std::optional<double> recommendation, double off) {
    if (const auto value = flags.number(name)) return *value;
    return recommendation.value_or(off);
  };
  bool asked = false;
  for (const char* name : {"temperature", "top-k", "top-p", "min-p"})
    asked = asked || flags.given(name);
  SampleOptions sample;
  sample.repetition_penalty = wanted("repetition-penalty", recommended.repetition_penalty, 1);
  sample.frequency_penalty = wanted("frequency-penalty", {}, 0);
  sample.presence_penalty = wanted("presence-penalty", {}, 0);
  for (const std::string& bias : flags.list("logit-bias"))
    if (const auto [id, value] = parse_bias(bias); !sample.logit_bias.emplace(id, value).second)
      fail(ErrorKind::invalid_input, "--logit-bias: token ", id, " given twice; give it once");
  sample.seed = flags.given("seed") ? parse_seed(*flags.text("seed"), "seed") : default_seed;
  sample.temperature = 0;
  if (!asked && !recommended.do_sample.value_or(false)) return sample;
  sample.temperature = wanted("temperature", recommended.temperature, 1);
  sample.top_k = flags.integer("top-k").value_or(recommended.top_k.value_or(0));
  sample.top_p = wanted("top-p", recommended.top_p, 1);
  sample.min_p = wanted("min-p", recommended.min_p, 0);
  return sample;
}

GenerateOptions generate_options(const Flags& flags, const TextModel& model,
                                 uint64_t default_seed) {
  GenerateOptions options;
  options.sample = sample_options(flags, model.generation_config(), default_seed);
  options.max_tokens = flags.integer("max-tokens").value_or(-1);
  options.stop = flags.list("stop");
  if (const auto count = flags.integer("logprobs")) {
    options.logprobs = true;
    options.top_logprobs = int(*count);
  }
  return options;
}

uint64_t default_seed(const Console& console) {
  if (!console.input_is_terminal()) return 0;
  std::random_device device;
  return device();
}

std::string speed_text(const Generated& generated, const Console& console) {
  return console.say(
      "generate.speed", generated.tokens.size(),
      rate_text(int64_t(generated.tokens.size()), generated.decode_seconds),
      generated.prompt_tokens,
      rate_text(generated.prompt_tokens - generated.cached_tokens, generated.prefill_seconds));
}

}  // namespace deepseek::cli
