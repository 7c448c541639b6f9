// SPDX-License-Identifier: Apache-2.0
#include "tests/cli/tiny_model.h"

#include <fstream>
#include <map>

#include "core/random.h"
#include "formats/byte_level.h"
#include "formats/safetensors_writer.h"
#include "model/hf_config.h"
#include "model/parameters.h"

namespace deepseek::testing {

using nlohmann::json;

namespace {

constexpr const char* qwen2_pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// The tokenizer whose first tokens are these pieces.
std::string tokenizer_of(const std::vector<std::string>& pieces) {
  json vocabulary = json::object();
  const auto add = [&](const std::string& piece) { vocabulary[piece] = vocabulary.size(); };
  for (const std::string& piece : pieces) add(piece);
  add("he");
  add("Ġhe");
  const size_t first_added = vocabulary.size();
  const auto added = [&](size_t id, const char* text, bool special) {
    return json{{"id", id},        {"content", text},     {"special", special},  {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"single_word", false}};
  };
  return json{{"version", "1.0"},
              {"added_tokens",
               {added(first_added, "<s>", true), added(first_added + 1, "<tool>", false),
                added(first_added + 2, "</s>", true)}},
              {"normalizer", nullptr},
              {"pre_tokenizer",
               {{"type", "Sequence"},
                {"pretokenizers",
                 {{{"type", "Split"},
                   {"pattern", {{"Regex", qwen2_pattern}}},
                   {"behavior", "Isolated"},
                   {"invert", false}},
                  {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}}},
              {"post_processor",
               {{"type", "TemplateProcessing"},
                {"single",
                 {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
                  {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
                {"pair", json::array()},
                {"special_tokens",
                 {{"<s>", {{"id", "<s>"}, {"ids", {first_added}}, {"tokens", {"<s>"}}}}}}}},
              {"decoder", {{"type", "ByteLevel"}}},
              {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", {"h e", "Ġ he"}}}}}
      .dump();
}

}  // namespace

std::string small_tokenizer() {
  std::vector<std::string> pieces;
  for (char c = '!'; c <= '~'; ++c) pieces.emplace_back(1, c);
  pieces.emplace_back("Ġ");
  return tokenizer_of(pieces);
}

std::string byte_tokenizer() {
  std::vector<std::string> pieces;
  pieces.reserve(256);
  for (int byte = 0; byte < 256; ++byte)
    pieces.push_back(byte_level_spelling(std::string(1, static_cast<char>(byte))));
  return tokenizer_of(pieces);
}

json byte_config() {
  json config = small_config();
  config.update({{"vocab_size", 261},
                 {"max_position_embeddings", 2048},
                 {"bos_token_id", 258},
                 {"eos_token_id", 260}});
  return config;
}

json small_config() {
  return {{"model_type", "llama"},
          {"architectures", {"LlamaForCausalLM"}},
          {"vocab_size", 100},
          {"hidden_size", 64},
          {"intermediate_size", 128},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 4},
          {"num_key_value_heads", 2},
          {"head_dim", 16},
          {"max_position_embeddings", 256},
          {"rms_norm_eps", 1e-6},
          {"rope_theta", 10000.0},
          {"tie_word_embeddings", false},
          {"bos_token_id", 97},
          {"eos_token_id", 99},
          {"torch_dtype", "float32"}};
}

void write_small_model(const std::filesystem::path& folder, const json& config) {
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, const std::string& text) {
    std::ofstream(folder / name, std::ios::binary) << text;
  };
  write("config.json", config.dump());
  write("tokenizer.json", config["vocab_size"] == 261 ? byte_tokenizer() : small_tokenizer());
  write("tokenizer_config.json",
        json{{"bos_token", "<s>"},
             {"eos_token", "</s>"},
             {"chat_template",
              "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
              "{% if add_generation_prompt %}[assistant]{% endif %}"}}
            .dump());
  const ModelConfig model = config_from_json(config.dump(), "config.json");
  std::map<std::string, Tensor> tensors;
  const CounterRandom random(7, 0);
  uint64_t position = 0;
  for (const ParameterSpec& spec : list_parameters(model)) {
    Tensor tensor = Tensor::empty(spec.shape);
    for (int64_t i = 0; i < tensor.numel(); ++i)
      tensor.data()[i] = float(spec.is_matrix() ? 0.3 * random.normal(position++)
                                                : 1 + 0.1 * random.normal(position++));
    tensors.emplace(spec.name, tensor);
  }
  write_safetensors(folder / "model.safetensors", tensors);
}

void damage_last_norm(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "model.safetensors";
  const std::string nans(64 * sizeof(float), '\xff');  // model.norm.weight is the last tensor
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(-static_cast<std::streamoff>(nans.size()), std::ios::end);
  file << nans;
}

}  // namespace deepseek::testing
