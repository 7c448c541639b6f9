// SPDX-License-Identifier: Apache-2.0
// The account of weights equals what a model keeps once it is open.
#include "model/weight_use.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "formats/checkpoint.h"
#include "model/gguf_source.h"
#include "model/hf_source.h"
#include "tests/support/shared_data.h"
#include "tests/support/tiny_configs.h"

namespace deepseek {
namespace {

/// Bytes that came from the file, or would have.
class FileBytes {
 public:
  void add(const std::byte* begin, int64_t size) { ends_[begin] = begin + size; }
  bool has(const std::byte* at) const {
    const auto next = ends_.upper_bound(at);
    return next != ends_.begin() && at < std::prev(next)->second;
  }

 private:
  std::map<const std::byte*, const std::byte*> ends_;
};

struct Kept {
  int64_t mapped = 0, packed = 0;
  bool operator==(const Kept&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Kept& kept) {
  return out << kept.mapped << " mapped, " << kept.packed << " packed";
}

/// Counts what a model takes from a source, by the names it asks for.
class CountingSource : public ParamSource {
 public:
  CountingSource(ParamSource& inner, const FileBytes& file) : inner_(inner), file_(file) {}

  Weight weight(const std::string& name, int64_t rows, int64_t cols, Use use) override {
    return counted(name, inner_.weight(name, rows, cols, use));
  }
  Tensor vector(const std::string& name, int64_t size) override {
    Tensor value = inner_.vector(name, size);
    count(name, value.bytes(), value.size_bytes());
    return value;
  }
  LatentUpWeights latent_up(const std::string& prefix, int64_t heads, int64_t nope, int64_t v,
                            int64_t rank) override {
    derived_ = prefix + ".kv_b_proj.weight";
    return inner_.latent_up(prefix, heads, nope, v, rank);
  }
  Weight placed(Weight derived) override {
    return counted(derived_, inner_.placed(std::move(derived)));
  }
  bool has(const std::string& name) const override { return inner_.has(name); }
  void release(const Weight& raw) override { inner_.release(raw); }

  const std::map<std::string, Kept>& kept() const { return kept_; }

 private:
  Weight counted(const std::string& name, Weight weight) {
    if (weight.layout() == Weight::Layout::panels)
      kept_[name].packed += weight.size_bytes();
    else
      count(name, weight.data(), static_cast<int64_t>(weight.row_bytes().size()));
    if (weight.scales() && weight.scales()->values.defined())
      count(name, weight.scales()->values.bytes(), weight.scales()->values.size_bytes());
    return weight;
  }
  void count(const std::string& name, const std::byte* at, int64_t size) {
    (file_.has(at) ? kept_[name].mapped : kept_[name].packed) += size;
  }

  ParamSource& inner_;
  const FileBytes& file_;
  std::string derived_;
  std::map<std::string, Kept> kept_;
};

/// Opens a model as open_model does and holds it against its account.
void expect_true_account(ParamSource& source, const FileBytes& file, const ModelConfig& config,
                         const WeightAccount& account) {
  PlacingSource placing(source, account.placement);
  CountingSource counting(placing, file);
  const Transformer model(config, counting, {.expanded = false, .absorbed = true});
  std::map<std::string, Kept> told;
  Kept sum;
  for (const WeightUse& use : account.uses) {
    told[use.name].mapped += use.mapped_bytes;
    told[use.name].packed += use.packed_bytes;
    sum.mapped += use.mapped_bytes;
    sum.packed += use.packed_bytes;
  }
  EXPECT_TRUE(account.missing.empty()) << account.missing.front();
  EXPECT_EQ(sum, (Kept{account.mapped_bytes, account.packed_bytes}));
  EXPECT_EQ(told.size(), counting.kept().size());
  for (const auto& [name, kept] : counting.kept()) EXPECT_EQ(told[name], kept) << name;
}

/// A checkpoint of zeros: matrices in one format, kv_b_proj in two pieces when asked, vectors in
/// f32 as if they lay in the file.
class ZeroSource : public ParamSource {
 public:
  ZeroSource(Format format, const ModelConfig& config, bool has_mtp, bool splits_kv_b)
      : format_(format), config_(config), has_mtp_(has_mtp), splits_kv_b_(splits_kv_b) {}

  Weight weight(const std::string& /*name*/, int64_t rows, int64_t cols, Use /*use*/) override {
    const std::shared_ptr<Storage> storage = zeros(rows * format_info(format_).row_bytes(cols));
    if (format_ != Format::fp8) return Weight::from_rows(format_, rows, cols, storage, 0);
    BlockScales scales{{}, config_.fp8->block_rows, config_.fp8->block_cols};
    const int64_t down = (rows + scales.block_rows - 1) / scales.block_rows;
    const int64_t across = (cols + scales.block_cols - 1) / scales.block_cols;
    scales.values = Tensor::over(zeros(4 * down * across), 0, {down, across}, DType::f32);
    return Weight::from_rows(format_, rows, cols, storage, 0, scales);
  }
  Tensor vector(const std::string& /*name*/, int64_t size) override {
    return Tensor::over(zeros(4 * size), 0, {size}, DType::f32);
  }
  LatentUpWeights latent_up(const std::string& prefix, int64_t heads, int64_t nope, int64_t v,
                            int64_t rank) override {
    LatentUpWeights up;
    if (!splits_kv_b_) {
      up.fused = weight(prefix, heads * (nope + v), rank, Use::linear);
      return up;
    }
    for (int64_t head = 0; head < heads; ++head) {
      up.k_heads.push_back(weight(prefix, rank, nope, Use::linear));
      up.v_heads.push_back(weight(prefix, v, rank, Use::linear));
    }
    return up;
  }
  bool has(const std::string& name) const override {
    return has_mtp_ || name.find("eh_proj") == std::string::npos;
  }

  const FileBytes& file() const { return file_; }

  StoredParameters stored() const {
    return [this](const std::string& name) -> std::optional<StoredParameter> {
      if (!has(name)) return std::nullopt;
      const bool is_vector =
          name.ends_with("norm.weight") || name.ends_with(".bias") || name.ends_with("_bias");
      StoredParameter stored{is_vector ? Format::f32 : format_, DType::f32, std::nullopt};
      if (splits_kv_b_ && name.ends_with("kv_b_proj.weight")) stored.v_heads = format_;
      return stored;
    };
  }

 private:
  std::shared_ptr<Storage> zeros(int64_t size) {
    std::shared_ptr<Storage> storage = Storage::allocate(size);
    std::memset(storage->data(), 0, static_cast<size_t>(size));
    file_.add(storage->data(), size);
    kept_.push_back(storage);
    return storage;
  }

  Format format_;
  ModelConfig config_;
  bool has_mtp_, splits_kv_b_;
  FileBytes file_;
  std::vector<std::shared_ptr<Storage>> kept_;  // so that no address is used twice
};

constexpr Placement placements[] = {Placement::native, Placement::mapped, Placement::reference};

void expect_true_account_of_zeros(const ModelConfig& config, Format format, bool has_mtp,
                                  bool splits_kv_b) {
  for (const Placement placement : placements) {
    SCOPED_TRACE(concat(config.model_type, " ", format_info(format).name, " placement ",
                        static_cast<int>(placement)));
    ZeroSource source(format, config, has_mtp, splits_kv_b);
    expect_true_account(source, source.file(), config,
                        account_weights(source.stored(), config, placement));
  }
}

TEST(WeightUse, IsWhatOpeningKeepsOfEveryFamily) {
  for (const char* family : {"llama", "qwen2", "deepseek", "deepseek_v2", "deepseek_v3"})
    for (const Format format : {Format::bf16, Format::fp8, Format::q8_0, Format::q4_k}) {
      ModelConfig config = test::tiny_config(family);
      config.fp8 = Fp8Config{};
      expect_true_account_of_zeros(config, format, true, false);
    }
}

TEST(WeightUse, IsWhatOpeningKeepsOfEveryFormat) {
  const ModelConfig config = test::tiny_config("deepseek_v2");
  for (const FormatInfo& info : all_formats()) {
    const bool is_integer = info.format >= Format::f64 && info.format <= Format::fp8;
    if (!is_integer) expect_true_account_of_zeros(config, info.format, true, true);
  }
}

TEST(WeightUse, KnowsTheLayersOfMtpThatAreThere) {
  ModelConfig config = test::tiny_config("deepseek_v3");
  config.num_nextn_predict_layers = 1;
  for (const bool has_mtp : {true, false})
    expect_true_account_of_zeros(config, Format::bf16, has_mtp, false);
}

TEST(WeightUse, KnowsWhereHeadsBeginWithinABlockOfScales) {
  ModelConfig config = test::tiny_config("deepseek_v3");
  for (const int64_t rows : {32, 64, 96, 1024}) {
    config.fp8 = Fp8Config{.block_rows = rows, .block_cols = 64};
    expect_true_account_of_zeros(config, Format::fp8, true, false);
  }
}

TEST(WeightUse, CountsOfTheExpertsOfATokenThoseItReads) {
  ModelConfig config = test::tiny_config("deepseek");
  const ZeroSource source(Format::bf16, config, true, false);
  const WeightAccount account = account_weights(source.stored(), config, Placement::native);
  const ParameterCount count = count_parameters(config);
  const double looked_up = double(config.vocab_size * config.hidden_size);
  // Two bytes a weight; norms take four, and 301 rows of the head are packed as 304.
  EXPECT_NEAR(bytes_read_per_token(account, config), 2 * (double(count.active) - looked_up),
              0.01 * double(count.active));
}

TEST(WeightUse, NamesWhatTheFilesLack) {
  const ModelConfig config = test::tiny_config("llama");
  const StoredParameters stored = [](const std::string& name) -> std::optional<StoredParameter> {
    if (name == "model.layers.1.mlp.up_proj.weight") return std::nullopt;
    return StoredParameter{Format::bf16, DType::f32, std::nullopt};
  };
  EXPECT_EQ(account_weights(stored, config, Placement::native).missing,
            std::vector<std::string>{"model.layers.1.mlp.up_proj.weight"});
}

TEST(WeightUse, IsWhatOpeningKeepsOfCheckpoints) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden");
  for (const char* name :
       {"llama_mha", "llama_mha-bf16", "llama_gqa", "qwen2_tied", "qwen2_untied", "deepseek_moe",
        "v2_lite", "v2_full", "v3_mtp", "v3_yarn-bf16", "v3_yarn-fp8"})
    for (const Placement placement : placements) {
      SCOPED_TRACE(concat(name, " placement ", static_cast<int>(placement)));
      const CheckpointFiles files = CheckpointFiles::open(golden / name);
      const ModelConfig config = files.read_config();
      HfSource source(Checkpoint::open(files.path), config);
      FileBytes file;
      for (const std::string_view tensor : source.checkpoint().names()) {
        const Tensor mapped = source.checkpoint().tensor(tensor);
        file.add(mapped.bytes(), mapped.size_bytes());
      }
      const WeightAccount account = account_weights(files, config, placement);
      expect_true_account(source, file, config, account);
      int64_t used = source.checkpoint().size_bytes();
      for (const std::string& unused : source.unused())
        used -= source.checkpoint().find(unused)->size_bytes;
      EXPECT_EQ(account.file_bytes, used);
    }
}

TEST(WeightUse, IsWhatOpeningKeepsOfGgufFiles) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden/gguf");
  for (const char* name : {"llama-Q8_0", "llama_coder-F16", "llama_distill-Q4_0", "qwen2-Q4_K_M",
                           "qwen2_tied-BF16", "deepseek-Q8_0", "deepseek2_lite-Q4_K_M",
                           "deepseek2_lite_old-Q8_0", "deepseek2_v3-Q8_0", "deepseek2_v3_old-Q8_0"})
    for (const Placement placement : placements) {
      SCOPED_TRACE(concat(name, " placement ", static_cast<int>(placement)));
      const CheckpointFiles files = CheckpointFiles::open(golden / name / "model.gguf");
      const ModelConfig config = files.read_config();
      GgufSource source(*files.gguf);
      FileBytes file;
      int64_t used = 0;
      for (const GgufTensor& tensor : files.gguf->tensors())
        file.add(files.gguf->bytes(tensor).data(), tensor.size_bytes);
      const WeightAccount account = account_weights(files, config, placement);
      expect_true_account(source, file, config, account);
      const std::vector<std::string> unused = source.unused();
      for (const GgufTensor& tensor : files.gguf->tensors())
        if (std::ranges::find(unused, tensor.name) == unused.end()) used += tensor.size_bytes;
      EXPECT_EQ(account.file_bytes, used);
    }
}

}  // namespace
}  // namespace deepseek
