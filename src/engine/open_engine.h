// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/progress.h"
#include "engine/engine.h"
#include "model/open.h"

namespace deepseek {

/// `f32`: weights dequantised, f32 arithmetic and cache, the reference. `native`: weights in the
/// format they are stored in, bf16 cache. `int8`: native, with activations rounded to 8 bits where
/// weights lie in blocks of integers: half the work of a long prompt, a coarser result.
enum class Precision { f32, native, int8 };

struct TextModelOptions {
  Precision precision = Precision::native;
  int64_t context = 0;      // tokens; 0: what the model was trained for
  int64_t cache_bytes = 0;  // 0: what the context takes, at most a quarter of memory
  std::optional<std::filesystem::path> adapter;
  NoticeSink notice;
  ProgressSink progress;  // of loading
};

/// As --precision spells them.
inline std::string_view precision_name(Precision precision) {
  return precision == Precision::f32 ? "f32" : precision == Precision::int8 ? "int8" : "native";
}

/// What changes the bits of a forward pass, for fingerprints.
inline std::string_view arithmetic_name(const TextModelOptions& options) {
  return options.precision == Precision::f32    ? "f32"
         : options.precision == Precision::int8 ? "bf16 int8"
                                                : "bf16";
}

/// Weight::activation_bits of the linear maps.
inline int activation_bits(const TextModelOptions& options) {
  return options.precision == Precision::int8 ? 8 : 15;
}

/// Of values in the cache.
inline DType cache_dtype(const TextModelOptions& options) {
  return options.precision == Precision::f32 ? DType::f32 : DType::bf16;
}

/// The weights of a checkpoint and what runs them, without what makes text of ids.
struct OpenedEngine {
  std::unique_ptr<Engine> engine;
  /// Tokens a sequence may have: the model's context, or what the options and the cache allow.
  int64_t context_length = 0;
  std::string_view context_flag;  // as of CachePlan
};

/// Tells of a --ctx that the cache does not hold. Throws as plan_cache, and what open_model throws.
OpenedEngine open_engine(const CheckpointFiles& files, const ModelConfig& config,
                         const TextModelOptions& options);

/// The cache that options and memory leave a model.
struct CachePlan {
  int64_t token_bytes = 0;
  int64_t bytes = 0;           // in pages
  int64_t context_length = 0;  // tokens a sequence may have
  int64_t wanted_context = 0;  // what --ctx asks for, else the model's
  int64_t wanted_bytes = 0;    // that hold it
  int64_t model_context = 0;   // what the model was made for
  /// The flag that makes the context longer; empty when it is the model's own.
  std::string_view context_flag() const;
  /// wanted_bytes as --cache-bytes takes it, rounded up: "12MiB".
  std::string wanted_argument() const;
};
/// Throws invalid_input for a context longer than the model's, out_of_memory for a cache that does
/// not hold a page.
CachePlan plan_cache(const ModelConfig& config, const TextModelOptions& options);

/// What a model will take of memory, and the tokens that leaves a sequence, told from its files'
/// headers. Throws as open_engine.
struct MemoryPlan {
  int64_t weight_bytes = 0, cache_bytes = 0;
  int64_t context_length = 0;
};
MemoryPlan plan_memory(const CheckpointFiles& files, const ModelConfig& config,
                       const TextModelOptions& options);

/// What --ctx asks for, or the model's context when that is 0. Throws invalid_input past it.
int64_t checked_context(int64_t wanted, const ModelConfig& config);

}  // namespace deepseek
