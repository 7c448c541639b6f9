// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/file.h"
#include "formats/safetensors_writer.h"
#include "model/convert_parts.h"
#include "model/generation_config.h"
#include "model/gguf_config.h"
#include "model/gguf_source.h"
#include "model/hf_config.h"
#include "model/parameters.h"
#include "model/rope_divisors.h"
#include "model/rotary_rows.h"
#include "model/tokenizer_files.h"
#include "tensor/float_convert.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;

/// A folder under another name until it is whole; removed with its owner unless it was published.
class StagedFolder {
 public:
  explicit StagedFolder(const fs::path& final) : final_(fs::absolute(final).lexically_normal()) {
    if (!final_.has_filename()) final_ = final_.parent_path();
    if (fs::exists(final_)) final_ = fs::canonical(final_);
    path_ = final_.parent_path() / concat(".", final_.filename().string(), ".partial-", getpid());
    std::error_code error;
    fs::remove_all(path_, error);
    if (!fs::create_directories(path_, error))
      fail(ErrorKind::bad_file, final.string(),
           ": cannot make a folder beside it: ", error.message());
  }
  ~StagedFolder() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;

  const fs::path& path() const { return path_; }

  void write(const char* name, const std::string& text) const {
    AtomicFile file(path_ / name);
    file.write(text);
    file.commit();
  }

  /// Gives the folder its name. In one that exists the new files replace the old, and weights that
  /// are not among the new go.
  void publish() {
    std::error_code error;
    if (!fs::exists(final_) || fs::is_empty(final_, error)) {
      fs::remove(final_, error);
      fs::rename(path_, final_, error);
      if (error) refuse(error);
      return;
    }
    for (const fs::directory_entry& old : fs::directory_iterator(final_)) {
      const std::string name = old.path().filename().string();
      const bool weights = name.starts_with("model") && (name.ends_with(".safetensors") ||
                                                         name.ends_with(".safetensors.index.json"));
      if (weights && !fs::exists(path_ / name)) fs::remove(old.path(), error);
    }
    for (const fs::directory_entry& made : fs::directory_iterator(path_)) {
      fs::rename(made.path(), final_ / made.path().filename(), error);
      if (error) refuse(error);
    }
  }

 private:
  [[noreturn]] void refuse(const std::error_code& error) const {
    fail(ErrorKind::bad_file, final_.string(), ": cannot be put in place: ", error.message());
  }
  fs::path final_, path_;
};

float narrowed(float value, DType dtype) {
  if (dtype == DType::bf16) return bf16_to_f32(f32_to_bf16(value));
  if (dtype == DType::f16) return f16_to_f32(f32_to_f16(value));
  return value;
}

bool fits(const Tensor& x, DType dtype) {
  return std::ranges::all_of(x.values(), [dtype](float value) {
    return narrowed(value, dtype) == value || std::isnan(value);
  });
}

/// f32 values as `dtype`.
Tensor stored_as(const Tensor& x, DType dtype) {
  if (dtype == DType::f32) return x;
  const Tensor out = Tensor::empty(x.shape(), dtype);
  std::ranges::transform(x.values(), reinterpret_cast<uint16_t*>(out.bytes()),
                         dtype == DType::bf16 ? f32_to_bf16 : f32_to_f16);
  return out;
}

class ToFolder {
 public:
  ToFolder(const fs::path& path, const ConvertOptions& options)
      : options_(options),
        path_(path),
        source_(GgufFile::open(path)),
        stored_(config_from_gguf(source_.file())),
        parameters_(list_parameters(stored_)) {
    choose_type();
    describe();
  }

  ConvertResult write(const fs::path& destination) {
    // Everything that can be refused before gigabytes are written.
    const std::optional<TokenizerFiles> tokenizer = tokenizer_files_from_gguf(source_.file());
    std::vector<TensorSpec> specs;
    ConvertResult result;
    for (const ParameterSpec& parameter : parameters_) {
      specs.push_back({parameter.name, dtype_of(parameter), parameter.shape});
      result.size_bytes += specs.back().size_bytes();
    }
    result.tensors = static_cast<int64_t>(specs.size());
    require_space(destination, result.size_bytes);

    StagedFolder folder(destination);
    CheckpointWriter writer(folder.path(), specs, options_.shard_bytes);
    int64_t done = 0;
    for (size_t i = 0; i < specs.size(); ++i) {
      const Tensor x = values(parameters_[i]);
      if (specs[i].dtype == DType::f16) require_f16(x, path_, specs[i].name);
      writer.write(specs[i].name, stored_as(x, specs[i].dtype));
      done += specs[i].size_bytes();
      if (options_.progress) options_.progress({"converting", done, result.size_bytes, "bytes"});
    }
    writer.commit();
    folder.write("config.json", config_json_);
    folder.write("generation_config.json",
                 generation_config_to_json(generation_config_from_gguf(source_.file())));
    if (tokenizer) {
      folder.write("tokenizer.json", tokenizer->tokenizer_json);
      folder.write("tokenizer_config.json", tokenizer->tokenizer_config_json);
    }
    folder.publish();
    return result;
  }

 private:
  void choose_type() {
    if (options_.type) {
      if (*options_.type == Format::f32)
        dtype_ = DType::f32;
      else if (*options_.type == Format::f16)
        dtype_ = DType::f16;
      else if (*options_.type == Format::bf16)
        dtype_ = DType::bf16;
      else
        fail(ErrorKind::invalid_input, "type: expected F32, F16 or BF16 for a folder, got ",
             format_info(*options_.type).name);
      return;
    }
    int64_t f32 = 0, f16 = 0, other = 0;
    for (const GgufTensor& tensor : source_.file().tensors()) {
      if (tensor.shape.size() < 2 || tensor.name.ends_with("ffn_gate_inp.weight")) continue;
      (tensor.format == Format::f32   ? f32
       : tensor.format == Format::f16 ? f16
                                      : other) += tensor.size_bytes;
    }
    dtype_ = other > 0 ? DType::bf16 : f16 > 0 ? DType::f16 : DType::f32;
    if (other == 0 || options_.notice == nullptr) return;
    for (const GgufTensor& tensor : source_.file().tensors())
      if (format_info(tensor.format).block_size > 1) {
        options_.notice(concat(path_.string(), ": block types such as ",
                               format_info(tensor.format).name, " become ", dtype_name(dtype_),
                               ", rounded; choose F32 to keep every value"));
        return;
      }
  }

  /// Writes config.json and makes sure that it says all there is to say.
  void describe() {
    ModelConfig config = stored_;
    config.torch_dtype = dtype_ == DType::bf16  ? "bfloat16"
                         : dtype_ == DType::f16 ? "float16"
                                                : "float32";
    if (config.attention == AttentionKind::gqa) config.rope_pairing = RopePairing::half;
    config_json_ = config_to_json(config);
    if (!config.rope_scaling.frequency_divisors.empty()) {
      config.rope_scaling = *llama3_from_divisors(config.rope_scaling.frequency_divisors,
                                                  config.rope_theta, config.rope_dim());
    }
    if (!(config_from_json(config_json_, path_.string()) == config))
      fail(ErrorKind::unsupported, path_.string(),
           ": the metadata has settings that config.json has no field for, such as an epsilon of ",
           "the latent norms other than 1e-6");
  }

  /// Vectors and routers, f32 in a GGUF file, take the type of the matrices when that loses
  /// nothing.
  DType dtype_of(const ParameterSpec& parameter) {
    if (parameter.kind == ParameterSpec::Kind::router_bias) return DType::f32;
    if (parameter.is_matrix() || dtype_ == DType::f32) return dtype_;
    return fits(values(parameter), dtype_) ? dtype_ : DType::f32;
  }

  Tensor values(const ParameterSpec& parameter) {
    const std::string& name = parameter.name;
    if (parameter.shape.size() == 1) return source_.vector(name, parameter.shape[0]);
    const int64_t rows = parameter.shape[0], cols = parameter.shape[1];
    constexpr std::string_view latent = ".kv_b_proj.weight";
    if (name.ends_with(latent)) return latent_up(name.substr(0, name.size() - latent.size()));
    const Weight stored = source_.weight(name, rows, cols, ParamSource::Use::linear);
    const Tensor x = stored.dequantized_rows(0, rows);
    source_.release(stored);
    const int64_t heads = rotary_heads(stored_, name);
    return heads > 0 ? deinterleave_rows(x, heads) : x;
  }

  /// kv_b_proj from either form: per head nope rows of keys, then v rows of values.
  Tensor latent_up(const std::string& prefix) {
    const int64_t heads = stored_.num_attention_heads, rank = stored_.kv_lora_rank;
    const int64_t nope = stored_.qk_nope_head_dim, v = stored_.v_head_dim;
    const LatentUpWeights up = source_.latent_up(prefix, heads, nope, v, rank);
    if (up.fused.defined()) return up.fused.dequantized_rows(0, up.fused.rows());
    const Tensor out = Tensor::empty({heads * (nope + v), rank});
    float* to = out.data();
    for (size_t head = 0; head < up.k_heads.size(); ++head) {
      const Tensor k = up.k_heads[head].dequantized_rows(0, rank);
      for (int64_t n = 0; n < nope; ++n)
        for (int64_t r = 0; r < rank; ++r) *to++ = k.data()[r * nope + n];
      to = std::ranges::copy(up.v_heads[head].dequantized_rows(0, v).values(), to).out;
    }
    return out;
  }

  const ConvertOptions& options_;
  fs::path path_;
  GgufSource source_;
  ModelConfig stored_;
  std::vector<ParameterSpec> parameters_;
  DType dtype_ = DType::f32;
  std::string config_json_;
};

}  // namespace

ConvertResult convert_to_folder(const fs::path& source, const fs::path& destination,
                                const ConvertOptions& options) {
  return ToFolder(source, options).write(destination);
}

}  // namespace deepseek
