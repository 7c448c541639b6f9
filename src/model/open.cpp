// SPDX-License-Identifier: Apache-2.0
#include "model/open.h"

#include <unistd.h>

#include <fstream>

#include "formats/checkpoint.h"
#include "model/gguf_config.h"
#include "model/gguf_source.h"
#include "model/hf_config.h"
#include "model/hf_source.h"
#include "model/lora.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;

bool begins_with_gguf_magic(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  char magic[4] = {};
  file.read(magic, 4);
  return file && std::string_view(magic, 4) == "GGUF";
}

std::unique_ptr<ParamSource> make_source(const CheckpointFiles& files, const ModelConfig& config) {
  if (files.gguf) return std::make_unique<GgufSource>(*files.gguf);
  return std::make_unique<HfSource>(Checkpoint::open(files.path), config);
}

}  // namespace

CheckpointFiles CheckpointFiles::open(const fs::path& path) {
  if (!fs::exists(path)) fail(ErrorKind::not_found, path.string(), ": no such file or folder");
  CheckpointFiles files;
  files.path = path;
  if (fs::is_directory(path)) return files;
  if (!begins_with_gguf_magic(path))
    fail(ErrorKind::bad_file, path.string(),
         ": expected a Hugging Face folder or a GGUF file, got a file that does not begin with "
         "'GGUF'; give the folder that holds config.json");
  files.gguf = GgufFile::open(path);
  return files;
}

ModelConfig CheckpointFiles::read_config() const {
  return gguf ? config_from_gguf(*gguf) : read_hf_config(path);
}

OpenedModel open_model(const CheckpointFiles& files, const OpenOptions& options) {
  const ModelConfig config = files.read_config();
  const std::unique_ptr<ParamSource> source = make_source(files, config);
  const bool trains_adapter = options.adapter && options.placement == Placement::trainable;
  PlacingSource placing(*source, trains_adapter ? Placement::reference : options.placement,
                        options.notice);
  OpenedModel opened;
  opened.transformer = std::make_shared<Transformer>(config, placing, options.passes);
  opened.parameters = placing.parameters();
  if (options.adapter)
    opened.parameters = attach_lora(*opened.transformer, *options.adapter, trains_adapter);
  return opened;
}

}  // namespace deepseek
