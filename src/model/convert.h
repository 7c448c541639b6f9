// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "core/progress.h"
#include "tensor/format.h"

namespace deepseek {

struct ConvertOptions {
  /// Of the matrices. To GGUF: F32, F16, BF16, Q8_0 or Q4_0; to a folder F32, F16 or BF16. Without
  /// it float types stay what they are, FP8 and GGUF blocks become BF16. Rows that blocks do not
  /// divide, vectors and routers keep a float type.
  std::optional<Format> type;
  /// Replace what stands at the destination.
  bool force = false;
  int64_t shard_bytes = 5'000'000'000;  // of a folder's safetensors files
  ProgressSink progress;
  NoticeSink notice;
};

struct ConvertResult {
  int64_t tensors = 0;
  int64_t size_bytes = 0;  // of the tensors written
};

/// Converts between the two ways a model is published: a Hugging Face folder to a GGUF file when
/// `source` is a folder, a GGUF file (or the parts of a split one) to a folder otherwise. Weights
/// of float types survive there and back byte for byte; tokenizer, chat templates and recommended
/// sampling come along; MTP layers, which GGUF files of these families do not hold, are left out
/// with a notice. The destination appears whole, or, when anything fails, not at all.
///
/// Throws not_found without a source; invalid_input when the destination exists and is not to be
/// replaced, is a file or named *.gguf for a GGUF source, or the type cannot be written;
/// out_of_memory when the disk is too small; bad_file and unsupported for what the files hold.
ConvertResult convert(const std::filesystem::path& source, const std::filesystem::path& destination,
                      const ConvertOptions& options = {});

}  // namespace deepseek
