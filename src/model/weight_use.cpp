// SPDX-License-Identifier: Apache-2.0
#include "model/weight_use.h"

#include <memory>
#include <unordered_set>

#include "core/divide.h"
#include "formats/checkpoint.h"
#include "model/gguf_names.h"
#include "model/parameters.h"
#include "ops/linear.h"
#include "ops/pack.h"

namespace deepseek {
namespace {

using Part = WeightUse::Part;

std::optional<Format> format_of(DType dtype) {
  if (dtype == DType::e4m3) return Format::fp8;
  return format_from_name(safetensors_name(dtype));
}

StoredParameters parameters_of(Checkpoint checkpoint) {
  const auto shared = std::make_shared<const Checkpoint>(std::move(checkpoint));
  return [shared](const std::string& name) -> std::optional<StoredParameter> {
    const SafetensorsEntry* entry = shared->find(name);
    if (entry == nullptr) return std::nullopt;
    const std::optional<Format> format = format_of(entry->dtype);
    if (!format) return std::nullopt;
    const SafetensorsEntry* scales = shared->find(name + "_scale_inv");
    return StoredParameter{*format, scales != nullptr ? scales->dtype : DType::f32, std::nullopt};
  };
}

StoredParameters parameters_of(const GgufFile& file) {
  return [&file](const std::string& name) -> std::optional<StoredParameter> {
    const std::optional<GgufPlace> place = gguf_place(name);
    if (!place) return std::nullopt;
    if (const GgufTensor* tensor = file.find(place->name))
      return StoredParameter{tensor->format, DType::f32, std::nullopt};
    if (!place->name.ends_with("attn_kv_b.weight")) return std::nullopt;
    const std::string block = place->name.substr(0, place->name.rfind("attn_kv_b"));
    const GgufTensor* k = file.find(block + "attn_k_b.weight");
    const GgufTensor* v = file.find(block + "attn_v_b.weight");
    if (k == nullptr || v == nullptr) return std::nullopt;
    return StoredParameter{k->format, DType::f32, v->format};
  };
}

/// A matrix in rows as it is before it is placed.
struct Matrix {
  Format format = Format::f32;
  int64_t rows = 0, cols = 0;
  int64_t block_rows = 0, block_cols = 0;  // fp8
  bool mapped = true;                      // else derived, in memory of its own
  bool scales_mapped = true;

  int64_t value_bytes() const { return rows * format_info(format).row_bytes(cols); }
  int64_t scale_bytes() const {
    if (format != Format::fp8) return 0;
    return 4 * divide_up(rows, block_rows) * divide_up(cols, block_cols);
  }
  Matrix transposed() const {
    const bool keeps = format_info(format).block_size == 1;
    return {keeps ? format : Format::f32, cols, rows, block_cols, block_rows, false, false};
  }
};

class Accountant {
 public:
  Accountant(const StoredParameters& stored, const ModelConfig& config, Placement placement)
      : stored_(stored), c_(config) {
    account_.placement = placement;
    for (int64_t i = 0; i < config.num_nextn_predict_layers; ++i)
      mtp_at_.push_back(concat("model.layers.", config.num_hidden_layers + i, "."));
  }

  WeightAccount account() && {
    for (const ParameterSpec& spec : list_parameters(c_)) add(spec);
    for (const WeightUse& use : account_.uses) {
      account_.file_bytes += use.file_bytes;
      account_.mapped_bytes += use.mapped_bytes;
      account_.packed_bytes += use.packed_bytes;
    }
    return std::move(account_);
  }

 private:
  /// Whether the model opens without this: a checkpoint may lack its MTP layers.
  bool is_left_out(const std::string& name) const {
    for (const std::string& at : mtp_at_)
      if (name.starts_with(at)) return !stored_(at + "eh_proj.weight");
    return false;
  }

  Part part_of(const ParameterSpec& spec) const {
    for (const std::string& at : mtp_at_)
      if (spec.name.starts_with(at)) return Part::mtp;
    if (spec.kind == ParameterSpec::Kind::embedding)
      return c_.tie_word_embeddings ? Part::head : Part::embedding;
    if (spec.name == "lm_head.weight") return Part::head;
    if (spec.shape.size() == 1) return Part::vector;
    return spec.name.find(".mlp.experts.") == std::string::npos ? Part::dense : Part::expert;
  }

  void add(const ParameterSpec& spec) {
    if (is_left_out(spec.name)) return;
    const std::optional<StoredParameter> stored = stored_(spec.name);
    if (!stored) {
      account_.missing.push_back(spec.name);
      return;
    }
    WeightUse use{.name = spec.name, .part = part_of(spec), .stored = stored->format};
    if (spec.shape.size() == 1) return add_vector(std::move(use), spec.shape[0]);
    Matrix matrix = matrix_of(*stored, spec.shape[0], spec.shape[1]);
    if (spec.name.ends_with(".kv_b_proj.weight")) return add_latent_up(use, *stored, matrix);
    use.file_bytes = stored_bytes(matrix, stored->scales);
    const bool gathered = spec.kind == ParameterSpec::Kind::embedding && !c_.tie_word_embeddings;
    place(std::move(use), matrix, gathered);
  }

  Matrix matrix_of(const StoredParameter& stored, int64_t rows, int64_t cols) const {
    Matrix matrix{.format = stored.format, .rows = rows, .cols = cols};
    if (stored.format != Format::fp8) return matrix;
    const Fp8Config blocks = c_.fp8.value_or(Fp8Config{});
    matrix.block_rows = blocks.block_rows;
    matrix.block_cols = blocks.block_cols;
    matrix.scales_mapped = stored.scales == DType::f32;
    return matrix;
  }

  static int64_t stored_bytes(const Matrix& matrix, DType scales) {
    return matrix.value_bytes() + matrix.scale_bytes() / 4 * dtype_size(scales);
  }

  /// Vectors are f32 where the model computes: where the file has them so, or widened.
  void add_vector(WeightUse use, int64_t size) {
    use.values = size;
    use.file_bytes = format_info(use.stored).row_bytes(size);
    (use.stored == Format::f32 ? use.mapped_bytes : use.packed_bytes) = size * 4;
    account_.uses.push_back(std::move(use));
  }

  /// As LatentUp takes it apart for the absorbed pass: by head, the keys transposed.
  void add_latent_up(const WeightUse& use, const StoredParameter& stored, const Matrix& whole) {
    const int64_t heads = c_.num_attention_heads, nope = c_.qk_nope_head_dim, v = c_.v_head_dim;
    for (int64_t head = 0; head < heads; ++head) {
      const int64_t first = head * (nope + v);
      Matrix keys, values;
      if (stored.v_heads) {
        keys = {.format = stored.format, .rows = whole.cols, .cols = nope};
        values = {.format = *stored.v_heads, .rows = v, .cols = whole.cols};
      } else {
        keys = rows_of(whole, first, nope).transposed();
        values = rows_of(whole, first + nope, v);
      }
      WeightUse of_keys = use, of_values = use;
      if (stored.v_heads) {
        of_keys.file_bytes = keys.value_bytes();
        of_values.file_bytes = values.value_bytes();
        of_values.stored = *stored.v_heads;
      } else if (head == 0) {
        of_keys.file_bytes = stored_bytes(whole, stored.scales);
      }
      place(std::move(of_keys), keys, false);
      place(std::move(of_values), values, false);
    }
  }

  /// Rows in the format of the whole where a block of scales begins, else widened to f32.
  static Matrix rows_of(const Matrix& whole, int64_t first, int64_t count) {
    Matrix rows = whole;
    if (whole.format == Format::fp8 && first % whole.block_rows != 0)
      rows = {.format = Format::f32, .cols = whole.cols, .mapped = false};
    rows.rows = count;
    return rows;
  }

  void place(WeightUse use, const Matrix& matrix, bool gathered) {
    const bool reference = account_.placement == Placement::reference;
    const bool packs = account_.placement != Placement::mapped && !gathered;
    const Format widened = reference ? Format::f32 : matrix.format;
    use.values = matrix.rows * matrix.cols;
    use.computed = compute_format(widened);
    if (packs) {
      use.packed_bytes = packed_bytes(widened, matrix.rows, matrix.cols, matrix.block_cols);
    } else if (widened != matrix.format) {
      use.packed_bytes = use.values * 4;
    } else {
      (matrix.mapped ? use.mapped_bytes : use.packed_bytes) += matrix.value_bytes();
      (matrix.scales_mapped ? use.mapped_bytes : use.packed_bytes) += matrix.scale_bytes();
    }
    account_.uses.push_back(std::move(use));
  }

  const StoredParameters& stored_;
  const ModelConfig& c_;
  std::vector<std::string> mtp_at_;  // what the names of each MTP layer begin with
  WeightAccount account_;
};

}  // namespace

WeightAccount account_weights(const CheckpointFiles& files, const ModelConfig& config,
                              Placement placement) {
  const StoredParameters stored =
      files.gguf ? parameters_of(*files.gguf) : parameters_of(Checkpoint::open(files.path));
  return account_weights(stored, config, placement);
}

WeightAccount account_weights(const StoredParameters& stored, const ModelConfig& config,
                              Placement placement) {
  return Accountant(stored, config, placement).account();
}

double bytes_read_per_token(const WeightAccount& account, const ModelConfig& config) {
  double bytes = 0;
  for (const WeightUse& use : account.uses) {
    const auto all = static_cast<double>(use.bytes());
    if (use.part == Part::dense || use.part == Part::vector || use.part == Part::head) bytes += all;
    if (use.part == Part::expert) bytes += all * chosen_share(config);
  }
  return bytes;
}

double products_per_token(const WeightAccount& account, const ModelConfig& config) {
  double products = 0;
  for (const WeightUse& use : account.uses) {
    const auto all = static_cast<double>(use.values);
    if (use.part == Part::dense) products += all;
    if (use.part == Part::expert) products += all * chosen_share(config);
  }
  return products;
}

double chosen_share(const ModelConfig& config) {
  if (config.n_routed_experts == 0) return 0;
  return static_cast<double>(config.num_experts_per_tok) /
         static_cast<double>(config.n_routed_experts);
}

StoredParameters parameters_as_configured(const ModelConfig& config) {
  const Format floats = config.torch_dtype == "float32"   ? Format::f32
                        : config.torch_dtype == "float16" ? Format::f16
                                                          : Format::bf16;
  const auto matrices = std::make_shared<std::unordered_set<std::string>>();
  if (config.fp8)
    for (const ParameterSpec& spec : list_parameters(config))
      if (spec.kind == ParameterSpec::Kind::matrix && spec.name != "lm_head.weight" &&
          !spec.name.ends_with("eh_proj.weight"))
        matrices->insert(spec.name);
  return [floats, matrices](const std::string& name) {
    StoredParameter stored{floats, DType::f32, std::nullopt};
    if (matrices->contains(name)) stored.format = Format::fp8;
    if (name.ends_with("e_score_correction_bias")) stored.format = Format::f32;
    return stored;
  };
}

}  // namespace deepseek
