// SPDX-License-Identifier: Apache-2.0
// Every text model of the reference data: forward, cache, greedy text, router, loss, gradients and
// MTP equal what an independent implementation computed (golden/README.md, "Tolerances").
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/trace.h"
#include "formats/safetensors.h"
#include "model/open.h"
#include "tests/support/shared_data.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;
using Lists = std::vector<std::vector<int32_t>>;
using Traced = std::map<std::string, Tensor>;

double standard_deviation(const Tensor& tensor) {
  double sum = 0, squares = 0;
  for (const float v : tensor.values()) {
    sum += v;
    squares += double(v) * v;
  }
  const double n = double(tensor.numel());
  return std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n)));
}

/// Largest absolute difference allowed and, on failure, where the worst one is.
void expect_close(const std::string& name, const Tensor& got, const Tensor& want, double allowed) {
  ASSERT_EQ(got.numel(), want.numel()) << name;
  double worst = 0;
  int64_t at = 0;
  for (int64_t i = 0; i < got.numel(); ++i) {
    const double difference = std::fabs(double(got.data()[i]) - want.data()[i]);
    if (!(difference <= worst)) {
      worst = difference;
      at = i;
    }
  }
  EXPECT_LE(worst, allowed) << name << " element " << at << ": got " << got.data()[at] << ", want "
                            << want.data()[at];
}

void expect_equal(const std::string& name, const Tensor& got, const Tensor& want) {
  ASSERT_EQ(got.numel(), want.numel()) << name;
  for (int64_t i = 0; i < got.numel(); ++i)
    ASSERT_EQ(got.data_i64()[i], want.data_i64()[i]) << name << " element " << i;
}

Lists ids_of(const Tensor& ids) {
  Lists lists;
  const int64_t length = ids.dim(-1);
  for (int64_t row = 0; row < ids.rows(); ++row)
    lists.emplace_back(ids.data_i64() + row * length, ids.data_i64() + (row + 1) * length);
  return lists;
}

/// Part `i` of a golden tensor whose rows belong to `count` lists.
Tensor part(const Tensor& whole, size_t i, size_t count) {
  const int64_t width = whole.dim(-1);
  const Tensor flat = whole.reshape({-1, width});
  const int64_t rows = flat.dim(0) / static_cast<int64_t>(count);
  return flat.slice(rows * static_cast<int64_t>(i), rows * static_cast<int64_t>(i + 1));
}

class GoldenModel : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto shared = testing::shared_folder();
    if (!shared || !fs::exists(*shared / "golden" / GetParam()))
      GTEST_SKIP() << "reference data not present: ../shared/golden/" << GetParam();
    folder_ = *shared / "golden" / GetParam();
    model_ = fs::exists(folder_ / "model.gguf") ? folder_ / "model.gguf" : folder_;
    golden_ =
        std::make_unique<SafetensorsFile>(SafetensorsFile::open(folder_ / "golden.safetensors"));
  }

  bool has(const std::string& name) const { return golden_->find(name) != nullptr; }
  Tensor want(const std::string& name) const { return golden_->tensor(name); }

  Traced run(const Lists& lists, const TraceOptions& options,
             Placement placement = Placement::reference) const {
    OpenOptions open;
    open.placement = placement;
    open.passes = {.expanded = true, .absorbed = true};
    const OpenedModel opened = open_model(CheckpointFiles::open(model_), open);
    Traced traced;
    for (const NamedTensor& tensor : trace(opened.transformer, lists, options, opened.parameters))
      traced.emplace(tensor.name, tensor.value);
    return traced;
  }

  void expect_rows(const Traced& traced, const std::string& kind, const std::string& golden,
                   size_t lists) const {
    for (size_t i = 0; i < lists; ++i) {
      const size_t dot = kind.find('#');
      const std::string name = kind.substr(0, dot) + std::to_string(i) + kind.substr(dot + 1);
      ASSERT_TRUE(traced.contains(name)) << name;
      expect_close(golden + " of list " + std::to_string(i), traced.at(name),
                   part(want(golden), i, lists), 2e-4 * standard_deviation(want(golden)));
    }
  }

  void expect_routing(const Traced& traced, const std::string& which, size_t lists) const {
    for (int layer = 0; layer < 8; ++layer) {
      const std::string golden = which + ".moe." + std::to_string(layer);
      if (!has(golden + ".indices")) continue;
      for (size_t i = 0; i < lists; ++i) {
        const std::string name = "moe." + std::to_string(i) + "." + std::to_string(layer);
        expect_equal(name, traced.at(name + ".indices"), part(want(golden + ".indices"), i, lists));
        expect_close(name, traced.at(name + ".weights"), part(want(golden + ".weights"), i, lists),
                     1e-5);
        const Tensor logits = want(golden + ".logits");
        expect_close(name, traced.at(name + ".logits"), part(logits, i, lists),
                     2e-4 * standard_deviation(logits));
      }
    }
  }

  void expect_hidden(const Traced& traced, const std::string& which, size_t lists) const {
    for (const char* stage : {"in", "0", "1", "2", "3", "norm"}) {
      const std::string golden = which + ".hidden." + stage;
      if (has(golden)) expect_rows(traced, std::string("hidden.#.") + stage, golden, lists);
    }
    if (has(which + ".attn.0")) expect_rows(traced, "attn.#.0", which + ".attn.0", lists);
  }

  fs::path folder_, model_;
  std::unique_ptr<SafetensorsFile> golden_;
};

TEST_P(GoldenModel, ForwardEqualsTheReference) {
  TraceOptions options;
  options.hidden = true;
  for (const std::string which : {"a", "b"}) {
    const Lists lists = ids_of(want(which + ".input_ids"));
    const Traced traced = run(lists, options);
    expect_rows(traced, "logits.#", which + ".logits", lists.size());
    expect_hidden(traced, which, lists.size());
    expect_routing(traced, which, lists.size());
  }
}

TEST_P(GoldenModel, TheCacheEqualsTheReference) {
  TraceOptions options;
  options.hidden = true;
  options.cache_prefill = 6;
  const Lists lists = ids_of(want("b.input_ids"));
  const Traced traced = run(lists, options);
  expect_rows(traced, "logits.#", has("inc.logits") ? "inc.logits" : "b.logits", 1);
  expect_rows(traced, "logits.#", "b.logits", 1);
  expect_hidden(traced, "b", 1);
  expect_routing(traced, "b", 1);
}

TEST_P(GoldenModel, GreedyTokensEqualTheReference) {
  if (!has("gen.tokens")) GTEST_SKIP() << "no greedy tokens in this golden";
  TraceOptions options;
  options.logits = TraceOptions::Logits::none;
  options.generate = 16;
  const Traced traced = run(ids_of(want("gen.prompt_ids")), options);
  expect_equal("generated", traced.at("generated.0"), want("gen.tokens"));
}

TEST_P(GoldenModel, LossAndEveryGradientEqualTheReference) {
  if (!has("b.loss")) GTEST_SKIP() << "no loss in this golden";
  TraceOptions options;
  options.loss = true;
  const bool has_grads = fs::exists(folder_ / "grads.safetensors");
  options.grad = has_grads;
  const Lists lists = ids_of(want("b.input_ids"));
  const Traced traced =
      run(lists, options, has_grads ? Placement::trainable : Placement::reference);
  const double loss = want("b.loss").to_f32().item();
  EXPECT_NEAR(traced.at("loss.0").item(), loss, 1e-5 * std::fabs(loss));
  if (!has_grads) return;
  const SafetensorsFile grads = SafetensorsFile::open(folder_ / "grads.safetensors");
  size_t compared = 0;
  for (const SafetensorsEntry& entry : grads.entries()) {
    const Tensor golden = grads.tensor(entry);
    ASSERT_TRUE(traced.contains("grad." + entry.name)) << entry.name;
    double largest = 0;
    for (const float v : golden.values()) largest = std::max(largest, double(std::fabs(v)));
    expect_close(entry.name, traced.at("grad." + entry.name), golden, 1e-3 * largest + 1e-6);
    ++compared;
  }
  // The reference leaves out experts that got no token where it keeps them apart, and gives zeros
  // where it stacks them.
  for (const auto& [name, tensor] : traced) {
    if (!name.starts_with("grad.") || grads.find(name.substr(5)) != nullptr) continue;
    expect_close(name, tensor, Tensor::zeros(tensor.shape()), 0);
  }
  EXPECT_GT(compared, 0u);
}

TEST_P(GoldenModel, MultiTokenPredictionEqualsTheReference) {
  if (!has("b.mtp.total_loss")) GTEST_SKIP() << "no multi-token prediction in this golden";
  const Lists lists = ids_of(want("b.input_ids"));
  for (const std::string way : {"from_normed", "from_residual"}) {
    TraceOptions options;
    options.loss = true;
    options.grad = way == "from_residual";
    options.mtp =
        way == "from_normed" ? TraceOptions::MtpInput::normed : TraceOptions::MtpInput::residual;
    const Traced traced = run(lists, options, Placement::trainable);
    expect_rows(traced, "mtp.#", "b.mtp.logits." + way, 1);
    const double loss = want("b.mtp.loss." + way).to_f32().item();
    EXPECT_NEAR(traced.at("mtp_loss.0").item(), loss, 1e-5 * loss);
    if (!options.grad) continue;
    const SafetensorsFile grads = SafetensorsFile::open(folder_ / "grads_mtp.safetensors");
    for (const SafetensorsEntry& entry : grads.entries()) {
      const Tensor golden = grads.tensor(entry);
      ASSERT_TRUE(traced.contains("grad." + entry.name)) << entry.name;
      double largest = 0;
      for (const float v : golden.values()) largest = std::max(largest, double(std::fabs(v)));
      expect_close(entry.name, traced.at("grad." + entry.name), golden, 1e-3 * largest + 1e-6);
    }
  }
}

TEST(GoldenLora, AnUnmergedAdapterEqualsTheReferenceForwardAndBackward) {
  DEEPSEEK_SHARED_OR_SKIP(folder, "golden/lora/llama_mha");
  const SafetensorsFile golden = SafetensorsFile::open(folder / "golden.safetensors");
  const SafetensorsFile grads = SafetensorsFile::open(folder / "grads.safetensors");
  OpenOptions open;
  open.placement = Placement::trainable;
  open.passes = {.expanded = true, .absorbed = false};
  open.adapter = folder;
  const OpenedModel opened =
      open_model(CheckpointFiles::open(folder.parent_path().parent_path() / "llama_mha"), open);
  TraceOptions options;
  options.loss = options.grad = true;
  for (const std::string which : {"a", "b"}) {
    const Lists lists = ids_of(golden.tensor(which + ".input_ids"));
    Traced traced;
    for (const NamedTensor& t : trace(opened.transformer, lists, options, opened.parameters))
      traced.emplace(t.name, t.value);
    const Tensor logits = golden.tensor(which + ".logits");
    for (size_t i = 0; i < lists.size(); ++i)
      expect_close(which, traced.at("logits." + std::to_string(i)), part(logits, i, lists.size()),
                   2e-4 * standard_deviation(logits));
    if (which == "a") continue;
    const double loss = golden.tensor("b.loss").to_f32().item();
    EXPECT_NEAR(traced.at("loss.0").item(), loss, 1e-5 * loss);
    size_t compared = 0;
    for (const SafetensorsEntry& entry : grads.entries()) {
      const Tensor want = grads.tensor(entry);
      double largest = 0;
      for (const float v : want.values()) largest = std::max(largest, double(std::fabs(v)));
      ASSERT_TRUE(traced.contains("grad." + entry.name)) << entry.name;
      expect_close(entry.name, traced.at("grad." + entry.name), want, 1e-3 * largest + 1e-6);
      ++compared;
    }
    EXPECT_EQ(std::ranges::count_if(
                  traced, [](const auto& item) { return item.first.starts_with("grad."); }),
              static_cast<int64_t>(compared));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, GoldenModel,
    ::testing::Values("llama_mha", "llama_mha-bf16", "llama_gqa", "llama_linear_rope",
                      "llama_llama3_rope", "qwen2_untied", "qwen2_tied", "deepseek_moe",
                      "deepseek_moe_norm", "v2_lite", "v2_full", "v3_yarn", "v3_yarn-bf16",
                      "v3_yarn-fp8", "v3_noyarn", "v3_one_group", "v3_mtp", "gguf/llama-Q8_0",
                      "gguf/llama_coder-F16", "gguf/llama_distill-Q4_0", "gguf/qwen2-Q4_K_M",
                      "gguf/qwen2_tied-BF16", "gguf/deepseek-Q8_0", "gguf/deepseek2_lite-Q4_K_M",
                      "gguf/deepseek2_lite_old-Q8_0", "gguf/deepseek2_v3-Q8_0",
                      "gguf/deepseek2_v3_old-Q8_0"),
    [](const auto& info) {
      std::string name = info.param;
      for (char& c : name)
        if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
      return name;
    });

}  // namespace
}  // namespace deepseek
