// SPDX-License-Identifier: Apache-2.0
#include "model/open.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <functional>

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

int64_t size_bytes(const GgufFile& file) {
  int64_t size = 0;
  for (const GgufTensor& tensor : file.tensors()) size += tensor.size_bytes;
  return size;
}

/// The layer that a tensor belongs to, under its name in either kind of file.
std::optional<int64_t> layer_of(std::string_view name) {
  for (const std::string_view prefix : {"model.layers.", "blk."}) {
    if (!name.starts_with(prefix)) continue;
    int64_t layer = 0;
    const char* begin = name.data() + prefix.size();
    if (std::from_chars(begin, name.data() + name.size(), layer).ec == std::errc()) return layer;
  }
  return std::nullopt;
}

/// Refuses a layer's tensor that no part of the model took: config and weights are then of two
/// models, and what would be computed is neither. Tells of other tensors left over.
void check_left_over(const std::vector<std::string>& names, const ModelConfig& config,
                     const std::function<std::string(const std::string&)>& file_of,
                     const NoticeSink& notice) {
  const int64_t layers = config.num_hidden_layers;
  for (const std::string& name : names) {
    const std::optional<int64_t> layer = layer_of(name);
    if (!layer) {
      if (notice)
        notice(concat(file_of(name), ": tensor ", printable(name), " is not used by this model"));
      continue;
    }
    const bool of_mtp = *layer >= layers && *layer < layers + config.num_nextn_predict_layers;
    const bool derived = name.find("rotary_emb.inv_freq") != std::string::npos ||
                         name.find("attn_rot_embd") != std::string::npos;
    if (!of_mtp && !derived)
      fail(ErrorKind::bad_file, file_of(name), ": tensor ", printable(name),
           ": expected only what a ", config.model_type, " model of ", layers,
           " layers has, got one more; take config and weights from the same publication");
  }
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

std::vector<fs::path> CheckpointFiles::paths() const {
  std::vector<fs::path> paths;
  if (gguf) {
    const auto count = static_cast<int64_t>(gguf->part_count());
    for (int64_t i = 0; i < count; ++i)
      paths.push_back(gguf_part_path(gguf->path(), i, count).value_or(gguf->path()));
    return paths;
  }
  constexpr std::array text_files{".json", ".jinja", ".model", ".txt"};
  for (const fs::directory_entry& entry : fs::directory_iterator(path))
    if (std::ranges::find(text_files, entry.path().extension()) != text_files.end())
      paths.push_back(entry.path());
  const Checkpoint weights = Checkpoint::open(path);
  for (const SafetensorsFile& shard : weights.shards()) paths.push_back(shard.path());
  return paths;
}

void check_activation_bits(const CheckpointFiles& files, int bits) {
  if (bits == 15) return;
  if (files.gguf)
    for (const GgufTensor& tensor : files.gguf->tensors())
      if (multiplies_integers(tensor.format)) return;
  fail(ErrorKind::invalid_input,
       "precision int8: expected a model whose matrices lie in blocks "
       "of integers, got ",
       files.path.string(), ", which has none; use precision native, or convert it to Q8_0");
}

OpenedModel open_model(const CheckpointFiles& files, const OpenOptions& options) {
  const ModelConfig config = files.read_config();
  check_activation_bits(files, options.activation_bits);
  std::unique_ptr<HfSource> folder;
  std::unique_ptr<GgufSource> gguf;
  if (files.gguf)
    gguf = std::make_unique<GgufSource>(*files.gguf);
  else
    folder = std::make_unique<HfSource>(Checkpoint::open(files.path), config);
  ParamSource& source = gguf ? static_cast<ParamSource&>(*gguf) : *folder;
  const bool trains_adapter = options.adapter && options.placement == Placement::trainable;
  const int64_t total_bytes = gguf ? size_bytes(gguf->file()) : folder->checkpoint().size_bytes();
  PlacingSource placing(source, trains_adapter ? Placement::reference : options.placement,
                        options.notice, options.progress, total_bytes);
  placing.round_activations_to(options.activation_bits);
  OpenedModel opened;
  opened.transformer = std::make_shared<Transformer>(config, placing, options.passes);
  if (options.progress) options.progress({"loading", total_bytes, total_bytes, "bytes"});
  const auto file_of = [&](const std::string& name) {
    return (gguf ? files.path : folder->checkpoint().file_of(name)).string();
  };
  check_left_over(gguf ? gguf->unused() : folder->unused(), config, file_of, options.notice);
  opened.parameters = placing.parameters();
  if (options.adapter)
    opened.parameters = attach_lora(*opened.transformer, *options.adapter, trains_adapter);
  return opened;
}

}  // namespace deepseek
