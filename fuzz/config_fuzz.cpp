// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "formats/checkpoint.h"
#include "formats/peft_config.h"
#include "formats/template_source.h"
#include "fuzz/exact_buffer.h"
#include "fuzz/refusal.h"
#include "model/generation_config.h"
#include "model/hf_config.h"
#include "model/inspect.h"
#include "model/parameters.h"

namespace {

using namespace deepseek;
using fuzz::require;

/// The parameters, listed one by one, are those that the count has.
void check_parameters(const ModelConfig& config, const ParameterCount& count) {
  int64_t listed = 0;
  for (const ParameterSpec& parameter : list_parameters(config)) listed += parameter.numel();
  require(listed == count.total + count.mtp + count.mtp_projection);
}

void use_config(std::string_view text) {
  const ModelConfig config = config_from_json(text, "config.json");
  config.validate("config.json");
  const ParameterCount count = count_parameters(config);
  require(0 < count.active && count.active <= count.total);
  constexpr int64_t many = 2000;
  const int64_t layers = config.num_hidden_layers + config.num_nextn_predict_layers;
  if (layers * (1 + config.n_routed_experts) <= many) check_parameters(config, count);
  require(config_from_json(config_to_json(config), "written again") == config);

  constexpr int64_t largest_rope_dim = 4096;
  if (config.rope_dim() <= largest_rope_dim)
    rope_frequencies(config.rope_dim(), config.rope_theta, config.rope_scaling);
  ModelSummary summary;
  summary.config = config;
  summary.weight_bytes = count.total;
  const MemoryEstimate memory = estimate_memory(summary, config.max_position_embeddings);
  require(memory.cache > 0 && memory.scratch > 0 && memory.total() > memory.weights);
}

void use_generation_config(std::string_view text) {
  const GenerationConfig config = generation_config_from_json(text, "generation_config.json");
  require(generation_config_from_json(generation_config_to_json(config), "written again") ==
          config);
}

void use_tokenizer_config(std::string_view text) {
  TemplateSource source;
  add_tokenizer_config(source, text, "tokenizer_config.json");
  fuzz::accepts({ErrorKind::not_found}, [&] { source.choose(true, "model"); });
  source.with_special_tokens({{"messages", nlohmann::ordered_json::array()}});
}

void use_adapter_config(std::string_view text) {
  const PeftConfig config = peft_config_from_json(text, "adapter_config.json");
  require(config.rank_of("model.layers.0.self_attn.q_proj") > 0);
  config.alpha_of("model.layers.0.self_attn.q_proj");
}

void use_index(std::string_view text) {
  for (const auto& [shard, tensors] : safetensors_index_from_json(text, "index.json"))
    require(!shard.empty() && !tensors.empty());
}

/// The first byte names one of the JSON files of a model folder, the others are its text.
void use(std::string_view input) {
  const std::string_view text = input.substr(1);
  switch (input[0]) {
    case 'c':
      return use_config(text);
    case 'g':
      return use_generation_config(text);
    case 't':
      return use_tokenizer_config(text);
    case 'a':
      return use_adapter_config(text);
    case 'i':
      return use_index(text);
    default:
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::shared_ptr<const std::byte> copy = fuzz::exact_buffer(data, size);
  fuzz::accepts({ErrorKind::bad_file, ErrorKind::unsupported}, [&] {
    use({reinterpret_cast<const char*>(copy.get()), size});
  });
  return 0;
}
