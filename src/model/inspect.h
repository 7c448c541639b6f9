// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "formats/gguf.h"
#include "model/config.h"
#include "model/generation_config.h"
#include "tensor/tensor.h"

namespace deepseek {

struct TensorSummary {
  std::string name;
  std::string format;  // "BF16", "F8_E4M3", "Q4_K"
  Shape shape;
  int64_t size_bytes = 0;
};

/// All tensors stored in one format.
struct FormatSummary {
  std::string format;
  int64_t tensors = 0, elements = 0, size_bytes = 0;
};

/// What can be said about a model without reading its weights.
struct ModelSummary {
  std::filesystem::path path;
  std::string container;  // "Hugging Face folder", "GGUF version 3 in 2 parts"
  ModelConfig config;
  ParameterCount parameters;
  GenerationConfig generation;
  bool has_tokenizer = false, has_chat_template = false;
  /// Empty when the weights are not there.
  std::vector<TensorSummary> tensors;
  std::vector<FormatSummary> formats;  // most bytes first
  /// Of all weights: what the files hold, or else what the index or the config implies.
  int64_t weight_bytes = 0;
  /// Why tensors is empty: the message that opening the weights gave.
  std::string missing_weights;

  /// All ends of generation, without repetition: those of the config first.
  std::vector<int64_t> end_token_ids() const;
};

/// Reads a Hugging Face folder, of which config.json is enough, or a GGUF file. Throws not_found,
/// bad_file or unsupported for what config.json or the GGUF file holds; weights that are absent or
/// damaged are reported in the summary.
ModelSummary inspect_model(const std::filesystem::path& path);

/// The same of a GGUF file that is open.
ModelSummary inspect_gguf(const GgufFile& file);

/// Memory that running a model takes at one context length, in bytes.
struct MemoryEstimate {
  int64_t context_tokens = 0;
  int64_t weights = 0, cache = 0, scratch = 0;
  int64_t total() const { return weights + cache + scratch; }
};

/// Bytes of cache a token takes in all layers: keys and values of every group, or the latent and
/// the rotary key of latent attention, `element_bytes` each (2: bf16).
int64_t cache_bytes_per_token(const ModelConfig& config, int64_t element_bytes = 2);

/// Activations of a chunk of at most 512 of so many tokens.
int64_t scratch_bytes(const ModelConfig& config, int64_t tokens);

/// Weights as stored, a cache in pages of 64 tokens, and the activations of a chunk of at most 512
/// tokens.
MemoryEstimate estimate_memory(const ModelSummary& model, int64_t context_tokens);

}  // namespace deepseek
