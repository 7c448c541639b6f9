// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "core/error.h"
#include "core/json.h"
#include "formats/gguf_writer.h"
#include "formats/json.h"
#include "model/convert_parts.h"
#include "model/gguf_fields.h"
#include "model/gguf_names.h"
#include "model/hf_config.h"
#include "model/hf_source.h"
#include "model/parameters.h"
#include "model/rope_divisors.h"
#include "model/rotary_rows.h"
#include "model/tokenizer_files.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;

/// A GGUF tensor and the parameters it is made of: several for a stack of experts.
struct Planned {
  enum class Make { as_is, interleaved, latent_keys, latent_values } make = Make::as_is;
  GgufTensorSpec spec;
  std::vector<std::string> parameters;
  Shape shape;  // of each parameter
};

class ToGguf {
 public:
  ToGguf(const fs::path& source, const ConvertOptions& options)
      : options_(options),
        folder_(source),
        config_(read_hf_config(source)),
        source_(Checkpoint::open(source), config_) {
    check_type();
    plan();
  }

  ConvertResult write(const fs::path& destination) {
    ConvertResult result;
    std::vector<GgufTensorSpec> specs;
    for (const Planned& tensor : plan_) {
      specs.push_back(tensor.spec);
      result.size_bytes += tensor.spec.size_bytes();
    }
    result.tensors = static_cast<int64_t>(specs.size());
    require_space(destination, result.size_bytes);
    GgufWriter writer(destination, fields(), specs);
    int64_t done = 0;
    for (const Planned& tensor : plan_) {
      if (tensor.parameters.empty()) writer.write_values(tensor.spec.name, divisors_);
      for (const std::string& name : tensor.parameters)
        writer.write_values(tensor.spec.name, values(tensor, name).values());
      done += tensor.spec.size_bytes();
      if (options_.progress) options_.progress({"converting", done, result.size_bytes, "bytes"});
    }
    writer.commit();
    return result;
  }

 private:
  void check_type() const {
    if (!options_.type) return;
    for (const Format format : {Format::f32, Format::f16, Format::bf16, Format::q8_0, Format::q4_0})
      if (*options_.type == format) return;
    fail(ErrorKind::invalid_input, "type: expected F32, F16, BF16, Q8_0 or Q4_0 for a GGUF file, ",
         "got ", format_info(*options_.type).name);
  }

  void notice(const std::string& text) const {
    if (options_.notice) options_.notice(text);
  }

  /// The float type nearest to how a matrix is stored.
  Format native_type(const std::string& name) const {
    const SafetensorsEntry* entry = source_.checkpoint().find(name);
    if (entry == nullptr || entry->dtype == DType::f32) return Format::f32;
    return entry->dtype == DType::f16 ? Format::f16 : Format::bf16;
  }

  Format type_of(const std::string& name, int64_t cols) {
    const Format wanted = options_.type.value_or(native_type(name));
    if (cols % format_info(wanted).block_size == 0) return wanted;
    ++undivided_;
    return native_type(name) == Format::bf16 ? Format::bf16 : Format::f16;
  }

  void add(const ParameterSpec& parameter) {
    using Kind = ParameterSpec::Kind;
    const GgufPlace place = gguf_place(parameter.name).value();
    Planned tensor;
    tensor.shape = parameter.shape;
    tensor.spec = {place.name, Format::f32, parameter.shape};
    if (parameter.is_matrix()) tensor.spec.format = type_of(parameter.name, parameter.shape.back());
    if (rotary_heads(config_, parameter.name) > 0) tensor.make = Planned::Make::interleaved;
    if (place.expert) {
      const auto [at, first] = stacks_.try_emplace(place.name, plan_.size());
      if (!first) {
        plan_[at->second].parameters.push_back(parameter.name);
        return;
      }
      tensor.spec.shape.insert(tensor.spec.shape.begin(), config_.n_routed_experts);
    }
    tensor.parameters = {parameter.name};
    if (parameter.kind != Kind::matrix || !parameter.name.ends_with(".kv_b_proj.weight")) {
      plan_.push_back(std::move(tensor));
      return;
    }
    const std::string block = place.name.substr(0, place.name.rfind("attn_kv_b"));
    const int64_t heads = config_.num_attention_heads, rank = config_.kv_lora_rank;
    const int64_t nope = config_.qk_nope_head_dim;
    tensor.make = Planned::Make::latent_keys;
    tensor.spec = {block + "attn_k_b.weight", type_of(parameter.name, nope), {heads, rank, nope}};
    plan_.push_back(tensor);
    tensor.make = Planned::Make::latent_values;
    tensor.spec = {block + "attn_v_b.weight",
                   type_of(parameter.name, rank),
                   {heads, config_.v_head_dim, rank}};
    plan_.push_back(std::move(tensor));
  }

  /// Fields of config.json that neither change what is computed nor have a key in GGUF files.
  void tell_of_fields_left_out() const {
    constexpr std::array<std::string_view, 12> elsewhere{"_name_or_path",   "transformers_version",
                                                         "auto_map",        "quantization_config",
                                                         "rope_parameters", "dtype",
                                                         "head_dim",        "qk_head_dim",
                                                         "layer_types",     "mlp_layer_types",
                                                         "n_group",         "topk_group"};
    const nlohmann::json given = read_json_object(folder_ / "config.json");
    const auto kept = nlohmann::json::parse(config_to_json(config_));
    std::string names;
    for (const auto& [key, value] : given.items())
      if (!value.is_null() && !kept.contains(key) &&
          std::ranges::find(elsewhere, key) == elsewhere.end())
        names += (names.empty() ? "" : ", ") + printable(key);
    if (!names.empty())
      notice(concat((folder_ / "config.json").string(),
                    ": not kept, as GGUF has no keys for them: ", names));
  }

  void plan() {
    if (config_.num_nextn_predict_layers > 0)
      notice(concat(folder_.string(), ": ", config_.num_nextn_predict_layers,
                    " MTP layer(s) left out: GGUF files of this family do not hold them"));
    ModelConfig decoder = config_;
    decoder.num_nextn_predict_layers = 0;
    if (config_.rope_scaling.type == RopeScaling::Type::llama3) {
      divisors_ = llama3_divisors(config_.rope_scaling, config_.rope_theta, config_.rope_dim());
      Planned tensor;
      tensor.spec = {"rope_freqs.weight", Format::f32, {config_.rope_dim() / 2}};
      plan_.push_back(std::move(tensor));
    }
    if (config_.fp8 && !options_.type)
      notice(concat(folder_.string(),
                    ": FP8 weights become BF16, rounded and twice the bytes, as GGUF has no FP8; "
                    "--type Q8_0 gives a file of about the same size, --type F32 keeps every "
                    "value"));
    tell_of_fields_left_out();
    for (const ParameterSpec& parameter : list_parameters(decoder)) add(parameter);
    if (undivided_ > 0)
      notice(concat(undivided_, " matrices keep a float type: their rows are no multiple of ",
                    format_info(*options_.type).block_size, " values"));
    if (needs_own_gguf_keys(config_))
      notice(concat(folder_.string(),
                    ": rope or norm settings that GGUF has no common key for are ",
                    "stored under keys that other programs do not read"));
  }

  GgufFields fields() const {
    std::map<Format, int64_t> bytes;
    for (const Planned& tensor : plan_) bytes[tensor.spec.format] += tensor.spec.size_bytes();
    const auto largest =
        std::max_element(bytes.begin(), bytes.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    GgufFields fields;
    const fs::path name = fs::absolute(folder_).lexically_normal();
    add_config_fields(config_,
                      (name.has_filename() ? name : name.parent_path()).filename().string(),
                      largest->first, fields);
    const GenerationConfig generation = read_generation_config(folder_);
    add_tokenizer_fields(folder_, config_, generation, fields);
    const auto number = [&](const char* key, const std::optional<double>& value) {
      if (value) fields.add_f32(key, static_cast<float>(*value));
    };
    number("general.sampling.temp", generation.temperature);
    number("general.sampling.top_p", generation.top_p);
    number("general.sampling.min_p", generation.min_p);
    number("general.sampling.penalty_repeat", generation.repetition_penalty);
    if (generation.top_k)
      fields.add_i32("general.sampling.top_k", static_cast<int32_t>(*generation.top_k));
    return fields;
  }

  /// A parameter as f32 in the order of its GGUF tensor.
  Tensor values(const Planned& tensor, const std::string& name) {
    Tensor x;
    if (tensor.shape.size() == 1) {
      x = source_.vector(name, tensor.shape[0]);
    } else {
      const Weight stored =
          source_.weight(name, tensor.shape[0], tensor.shape[1], ParamSource::Use::linear);
      x = stored.dequantized_rows(0, stored.rows());
      source_.release(stored);
    }
    if (tensor.make == Planned::Make::interleaved)
      x = interleave_rows(x, rotary_heads(config_, name));
    if (tensor.make == Planned::Make::latent_keys) x = latent_keys(x);
    if (tensor.make == Planned::Make::latent_values) x = latent_values(x);
    if (tensor.spec.format == Format::f16) require_f16(x, folder_, name);
    return x;
  }

  /// Each head's key part of kv_b_proj transposed, [heads, rank, nope].
  Tensor latent_keys(const Tensor& fused) const {
    const int64_t heads = config_.num_attention_heads, rank = config_.kv_lora_rank;
    const int64_t nope = config_.qk_nope_head_dim, rows = nope + config_.v_head_dim;
    const Tensor out = Tensor::empty({heads, rank, nope});
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t n = 0; n < nope; ++n)
        for (int64_t r = 0; r < rank; ++r)
          out.data()[(h * rank + r) * nope + n] = fused.data()[(h * rows + n) * rank + r];
    return out;
  }

  /// Each head's value part of kv_b_proj, [heads, v, rank].
  Tensor latent_values(const Tensor& fused) const {
    const int64_t heads = config_.num_attention_heads, rank = config_.kv_lora_rank;
    const int64_t nope = config_.qk_nope_head_dim, v = config_.v_head_dim;
    const Tensor out = Tensor::empty({heads, v, rank});
    for (int64_t h = 0; h < heads; ++h)
      std::copy_n(fused.data() + (h * (nope + v) + nope) * rank, v * rank,
                  out.data() + h * v * rank);
    return out;
  }

  const ConvertOptions& options_;
  fs::path folder_;
  ModelConfig config_;
  HfSource source_;
  std::vector<Planned> plan_;
  std::map<std::string, size_t> stacks_;  // places of plan_
  std::vector<float> divisors_;
  int64_t undivided_ = 0;
};

}  // namespace

ConvertResult convert_to_gguf(const fs::path& source, const fs::path& destination,
                              const ConvertOptions& options) {
  if (fs::is_directory(destination))
    fail(ErrorKind::invalid_input, destination.string(),
         ": expected a file name such as model.gguf, got a folder");
  return ToGguf(source, options).write(destination);
}

}  // namespace deepseek
