// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "core/progress.h"
#include "formats/gguf.h"
#include "model/placing_source.h"
#include "model/transformer.h"

namespace deepseek {

/// The files of one checkpoint: a Hugging Face folder, or a GGUF file; which is decided by content.
struct CheckpointFiles {
  std::filesystem::path path;
  std::optional<GgufFile> gguf;  // nothing: a folder

  /// Throws not_found or bad_file.
  static CheckpointFiles open(const std::filesystem::path& path);
  ModelConfig read_config() const;
  /// Of all there are: weights in all parts, their index, config, tokenizer, templates.
  std::vector<std::filesystem::path> paths() const;
};

struct OpenOptions {
  Placement placement = Placement::native;
  int activation_bits = 15;  // Weight::activation_bits; 8 is refused where no block is of integers
  PassOptions passes{.expanded = false, .absorbed = true};
  std::optional<std::filesystem::path> adapter;  // PEFT LoRA folder, applied unmerged
  NoticeSink notice;
  ProgressSink progress;  // of loading, in bytes of the files
};

/// A model ready to run.
struct OpenedModel {
  std::shared_ptr<Transformer> transformer;
  /// What Placement::trainable can have gradients for: the checkpoint's parameters, or, with an
  /// adapter, the adapter's alone under its file's names.
  std::vector<NamedParameter> parameters;
};

/// Throws invalid_input for 8 bits where they would change nothing.
void check_activation_bits(const CheckpointFiles& files, int bits);

OpenedModel open_model(const CheckpointFiles& files, const OpenOptions& options);

}  // namespace deepseek
