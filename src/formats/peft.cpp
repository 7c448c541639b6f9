// SPDX-License-Identifier: Apache-2.0
#include "formats/peft.h"

#include <cmath>

#include "core/error.h"
#include "formats/peft_config.h"
#include "formats/safetensors.h"

namespace deepseek {
namespace {

constexpr std::string_view prefix = "base_model.model.";
constexpr std::string_view suffix_a = ".lora_A.weight";
constexpr std::string_view suffix_b = ".lora_B.weight";

[[noreturn]] void refuse(const SafetensorsFile& file, std::string_view name,
                         const std::string& text, ErrorKind kind = ErrorKind::bad_file) {
  fail(kind, file.path().string(), ": tensor ", printable(name), ": ", text);
}

/// One side of a pair, with `rank` at axis `rank_axis`.
Tensor side(const SafetensorsFile& file, const SafetensorsEntry& entry, size_t rank_axis,
            int64_t rank) {
  if (entry.dtype != DType::f32 && entry.dtype != DType::bf16 && entry.dtype != DType::f16)
    refuse(file, entry.name,
           concat("expected F32, BF16 or F16, got ", safetensors_name(entry.dtype),
                  "; save the adapter in one of those"));
  if (entry.shape.size() != 2 || entry.shape[rank_axis] != rank || entry.shape[1 - rank_axis] < 1)
    refuse(file, entry.name,
           concat("expected ",
                  rank_axis == 0 ? concat('[', rank, ", inputs]") : concat("[outputs, ", rank, ']'),
                  " for the rank of adapter_config.json, got ", shape_text(entry.shape),
                  "; the files are of different adapters"));
  const Tensor values = file.tensor(entry);
  const Tensor floats = values.to_f32();
  for (const float value : floats.values())
    if (!std::isfinite(value))
      refuse(file, entry.name,
             concat("expected finite numbers, got ", value,
                    "; the training that made it has diverged"));
  return values;
}

}  // namespace

PeftAdapter read_peft_adapter(const std::filesystem::path& folder) {
  const PeftConfig config = read_peft_config(folder / "adapter_config.json");
  const SafetensorsFile file = SafetensorsFile::open(folder / "adapter_model.safetensors");
  PeftAdapter adapter{folder,
                      config.base_model_name_or_path,
                      config.r,
                      config.lora_alpha,
                      config.use_rslora,
                      config.target_modules,
                      {}};
  for (const SafetensorsEntry& entry : file.entries()) {
    const std::string_view name = entry.name;
    const bool is_a = name.ends_with(suffix_a), is_b = name.ends_with(suffix_b);
    if (!name.starts_with(prefix) || (!is_a && !is_b))
      refuse(file, name,
             concat("expected names ", prefix,
                    "….lora_A.weight and ….lora_B.weight, got another; "
                    "only low-rank updates of linear maps are read"),
             ErrorKind::unsupported);
    const std::string_view module =
        name.substr(prefix.size(), name.size() - prefix.size() - suffix_a.size());
    const int64_t rank = config.rank_of(module);
    LoraPair& pair = adapter.pairs[std::string(module)];
    (is_a ? pair.a : pair.b) = side(file, entry, is_a ? 0 : 1, rank);
    const double divisor = config.use_rslora ? std::sqrt(double(rank)) : double(rank);
    pair.scale = static_cast<float>(config.alpha_of(module) / divisor);
    if (!std::isfinite(pair.scale))
      fail(ErrorKind::bad_file, (folder / "adapter_config.json").string(), ": alpha of ",
           printable(module), ": expected one that a float can hold, got ",
           config.alpha_of(module));
  }
  for (const auto& [module, pair] : adapter.pairs)
    if (!pair.a.defined() || !pair.b.defined())
      refuse(file, concat(prefix, module, pair.a.defined() ? suffix_b : suffix_a),
             "expected it beside its other half, got none; the file is incomplete");
  if (adapter.pairs.empty())
    fail(ErrorKind::bad_file, file.path().string(),
         ": expected pairs of lora_A and lora_B, got no tensor; save the adapter again");
  return adapter;
}

}  // namespace deepseek
