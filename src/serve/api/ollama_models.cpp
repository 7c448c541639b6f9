// SPDX-License-Identifier: Apache-2.0
#include "serve/api/ollama_models.h"

#include <chrono>

#include "serve/api/api.h"
#include "serve/store/digest.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;

std::string changed_at(const ModelCard& card) {
  return time_text(std::chrono::system_clock::time_point(std::chrono::seconds(card.changed())));
}

/// "1.5B", "671B", "210K".
std::string count_text(int64_t count) {
  constexpr int64_t thousand = 1000;
  if (count < thousand) return concat(count);
  int64_t unit = thousand;
  const char* letter = "K";
  for (const char* next : {"M", "B"})
    if (count >= unit * thousand) {
      unit *= thousand;
      letter = next;
    }
  const int64_t tenths = count * 10 / unit;
  if (tenths % 10 == 0 || tenths >= thousand) return concat(tenths / 10, letter);
  return concat(tenths / 10, ".", tenths % 10, letter);
}

ordered_json family_details(const ModelCard& card) {
  const ModelConfig& config = card.config();
  return {{"parent_model", ""},
          {"format", card.path().extension() == ".gguf" ? "gguf" : "safetensors"},
          {"family", config.model_type},
          {"families", ordered_json::array({config.model_type})},
          {"parameter_size", count_text(count_parameters(config).total)},
          {"quantization_level", config.torch_dtype.empty() ? "unknown" : config.torch_dtype}};
}

std::string digest(const ModelCard& card) {
  return store::to_hex(store::sha256(card.fingerprint()));
}

}  // namespace

ordered_json ollama_tag(const ModelCard& card) {
  return {
      {"name", card.name()},         {"model", card.name()},   {"modified_at", changed_at(card)},
      {"size", card.weight_bytes()}, {"digest", digest(card)}, {"details", family_details(card)}};
}

ordered_json ollama_running(const ModelPool::Status& status) {
  const ModelCard& card = *status.card;
  return {{"name", card.name()},
          {"model", card.name()},
          {"size", card.memory_bytes()},
          {"digest", digest(card)},
          {"details", family_details(card)},
          {"expires_at", status.leaves_at ? time_text(*status.leaves_at) : "9999-12-31T23:59:59Z"},
          {"size_vram", 0},
          {"context_length", card.context_length()}};
}

ordered_json ollama_details(const ModelCard& card) {
  const ModelConfig& config = card.config();
  const std::string& type = config.model_type;
  ordered_json capabilities = {"completion", "tools", "embedding"};
  if (card.text().reply_form.thinks) capabilities.push_back("thinking");
  if (card.text().fills_in_the_middle) capabilities.push_back("insert");
  return {{"license", ""},
          {"modelfile", concat("FROM ", card.name())},
          {"parameters", concat("num_ctx ", card.context_length())},
          {"template", card.text().chat_template},
          {"details", family_details(card)},
          {"model_info",
           {{"general.architecture", type},
            {"general.parameter_count", count_parameters(config).total},
            {type + ".context_length", config.max_position_embeddings},
            {type + ".embedding_length", config.hidden_size},
            {type + ".block_count", config.num_hidden_layers},
            {type + ".vocab_size", config.vocab_size}}},
          {"capabilities", std::move(capabilities)},
          {"modified_at", changed_at(card)}};
}

}  // namespace deepseek::serve
