// SPDX-License-Identifier: Apache-2.0
#include "model/inspect.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/file.h"
#include "formats/checkpoint.h"
#include "formats/gguf.h"
#include "formats/json.h"
#include "model/gguf_config.h"
#include "model/hf_config.h"
#include "model/weight_use.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;

/// Bytes that a config implies for weights that are not there.
int64_t implied_bytes(const ModelConfig& config) {
  return account_weights(parameters_as_configured(config), config, Placement::native).file_bytes;
}

/// `metadata.total_size` of a sharded checkpoint's index, 0 when it says nothing or nonsense.
int64_t indexed_bytes(const fs::path& folder) {
  constexpr int64_t most = int64_t{1} << 60;
  const fs::path path = folder / "model.safetensors.index.json";
  if (!fs::exists(path)) return 0;
  const nlohmann::json index = read_json_object(path);
  const nlohmann::json::json_pointer at("/metadata/total_size");
  if (!index.contains(at) || !index[at].is_number_integer()) return 0;
  const auto bytes = index[at].get<int64_t>();
  return bytes > 0 && bytes <= most ? bytes : 0;
}

bool folder_has_template(const fs::path& folder) {
  if (fs::exists(folder / "chat_template.jinja")) return true;
  const fs::path path = folder / "tokenizer_config.json";
  return fs::exists(path) && read_json_object(path).contains("chat_template");
}

void add(ModelSummary& model, TensorSummary tensor) {
  model.weight_bytes += tensor.size_bytes;
  model.tensors.push_back(std::move(tensor));
}

void read_folder(ModelSummary& model) {
  model.container = "Hugging Face folder";
  model.config = read_hf_config(model.path);
  model.generation = read_generation_config(model.path);
  model.has_tokenizer = fs::exists(model.path / "tokenizer.json");
  model.has_chat_template = folder_has_template(model.path);
  try {
    const Checkpoint checkpoint = Checkpoint::open(model.path);
    for (const std::string_view name : checkpoint.names()) {
      const SafetensorsEntry& entry = *checkpoint.find(name);
      add(model,
          {entry.name, std::string(safetensors_name(entry.dtype)), entry.shape, entry.size_bytes});
    }
  } catch (const Error& error) {
    model.missing_weights = error.what();
    const int64_t indexed = indexed_bytes(model.path);
    model.weight_bytes = indexed > 0 ? indexed : implied_bytes(model.config);
  }
}

void read_gguf(ModelSummary& model, const GgufFile& file) {
  model.container = concat("GGUF version ", file.version());
  if (file.part_count() > 1) model.container += concat(" in ", file.part_count(), " parts");
  model.config = config_from_gguf(file);
  model.generation = generation_config_from_gguf(file);
  model.has_tokenizer = file.metadata().has("tokenizer.ggml.model");
  model.has_chat_template = file.metadata().has("tokenizer.chat_template");
  for (const GgufTensor& tensor : file.tensors())
    add(model, {std::string(tensor.name), std::string(format_info(tensor.format).name),
                tensor.shape, tensor.size_bytes});
}

std::vector<FormatSummary> total_by_format(const std::vector<TensorSummary>& tensors) {
  std::map<std::string, FormatSummary> totals;
  for (const TensorSummary& tensor : tensors) {
    FormatSummary& total = totals[tensor.format];
    total.format = tensor.format;
    ++total.tensors;
    int64_t elements = 1;
    for (const int64_t size : tensor.shape) elements *= size;
    total.elements += elements;
    total.size_bytes += tensor.size_bytes;
  }
  std::vector<FormatSummary> all;
  all.reserve(totals.size());
  for (auto& [name, total] : totals) all.push_back(std::move(total));
  std::ranges::stable_sort(all, std::greater(), &FormatSummary::size_bytes);
  return all;
}

void add_totals(ModelSummary& model) {
  model.parameters = count_parameters(model.config);
  model.formats = total_by_format(model.tensors);
}

}  // namespace

std::vector<int64_t> ModelSummary::end_token_ids() const {
  std::vector<int64_t> all = config.eos_token_ids;
  all.insert(all.end(), generation.eos_token_ids.begin(), generation.eos_token_ids.end());
  drop_repetitions(all);
  return all;
}

ModelSummary inspect_model(const fs::path& path) {
  if (!fs::exists(path)) fail(ErrorKind::not_found, path.string(), ": no such file or folder");
  ModelSummary model;
  if (!fs::is_directory(path)) {
    model = inspect_gguf(GgufFile::open(path));
    model.path = path;
    return model;
  }
  model.path = path;
  read_folder(model);
  add_totals(model);
  return model;
}

ModelSummary inspect_gguf(const GgufFile& file) {
  ModelSummary model;
  model.path = file.path();
  read_gguf(model, file);
  add_totals(model);
  return model;
}

int64_t cache_bytes_per_token(const ModelConfig& config, int64_t element_bytes) {
  return config.num_hidden_layers * config.cache_values_per_token() * element_bytes;
}

int64_t scratch_bytes(const ModelConfig& c, int64_t tokens) {
  constexpr int64_t chunk = 512;
  const int64_t heads = c.num_attention_heads;
  // Residual, normed input, query, attention output and its projection; then gate, up and product
  // of a feed-forward layer, of which a token meets one dense or several experts.
  const int64_t head_width = c.attention == AttentionKind::mla
                                 ? 2 * (c.kv_lora_rank + c.qk_rope_head_dim)
                                 : 2 * c.head_dim;
  const int64_t experts = c.n_routed_experts > 0 ? (c.num_experts_per_tok + c.n_shared_experts) *
                                                       c.moe_intermediate_size
                                                 : 0;
  const int64_t row =
      4 * c.hidden_size + heads * head_width + 3 * std::max(c.intermediate_size, experts);
  return 4 * (std::min(tokens, chunk) * row + c.vocab_size);
}

MemoryEstimate estimate_memory(const ModelSummary& model, int64_t context_tokens) {
  constexpr int64_t page = 64;
  MemoryEstimate estimate;
  estimate.context_tokens = context_tokens;
  estimate.weights = model.weight_bytes;
  estimate.cache = (context_tokens + page - 1) / page * page * cache_bytes_per_token(model.config);
  estimate.scratch = scratch_bytes(model.config, context_tokens);
  return estimate;
}

}  // namespace deepseek
