// SPDX-License-Identifier: Apache-2.0
// The tiny checkpoints of tests/golden: logits, loss and slopes that make_tiny.py computed in
// float64 straight from the papers' equations.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "engine/trace.h"
#include "formats/safetensors.h"
#include "model/open.h"
#include "tests/support/shared_data.h"

namespace deepseek {
namespace {

class TinyGolden : public ::testing::TestWithParam<const char*> {
 protected:
  TinyGolden()
      : folder_(std::filesystem::path(DEEPSEEK_SOURCE_DIR) / "tests/golden" / GetParam()),
        golden_(SafetensorsFile::open(folder_ / "golden.safetensors")) {
    const Tensor tokens = golden_.tensor("tokens");
    tokens_.assign(tokens.data_i64(), tokens.data_i64() + tokens.numel());
  }

  std::map<std::string, Tensor> run(const TraceOptions& options, Placement placement) const {
    OpenOptions open;
    open.placement = placement;
    open.passes = {.expanded = true, .absorbed = true};
    const OpenedModel opened = open_model(CheckpointFiles::open(folder_), open);
    std::map<std::string, Tensor> out;
    for (const NamedTensor& t : trace(opened.transformer, {tokens_}, options, opened.parameters))
      out.emplace(t.name, t.value);
    return out;
  }

  void expect_logits(const Tensor& got) const {
    const Tensor want = golden_.tensor("logits");
    ASSERT_EQ(got.shape(), want.shape());
    double squares = 0;
    for (const float v : want.values()) squares += double(v) * v;
    const double allowed = 2e-4 * std::sqrt(squares / double(want.numel()));
    for (int64_t i = 0; i < want.numel(); ++i)
      ASSERT_NEAR(got.data()[i], want.data()[i], allowed) << "element " << i;
  }

  std::filesystem::path folder_;
  SafetensorsFile golden_;
  std::vector<int32_t> tokens_;
};

/// +1 or -1 for element i of a direction, as make_tiny.py has it.
double sign(uint64_t i) { return (i * 2654435761u >> 16 & 1) != 0 ? 1 : -1; }

TEST_P(TinyGolden, LogitsEqualTheEquations) {
  expect_logits(run({}, Placement::reference).at("logits.0"));
}

TEST_P(TinyGolden, LogitsThroughTheCacheEqualTheEquations) {
  TraceOptions options;
  options.cache_prefill = 4;
  expect_logits(run(options, Placement::reference).at("logits.0"));
}

TEST_P(TinyGolden, EveryGradientHasTheSlopeOfTheLoss) {
  TraceOptions options;
  options.loss = options.grad = true;
  const auto traced = run(options, Placement::trainable);
  const double loss = *reinterpret_cast<const double*>(golden_.tensor("loss").bytes());
  EXPECT_NEAR(traced.at("loss.0").item(), loss, 1e-5 * loss);
  size_t compared = 0;
  for (const SafetensorsEntry& entry : golden_.entries()) {
    if (!entry.name.starts_with("slope.")) continue;
    const double want = *reinterpret_cast<const double*>(golden_.tensor(entry).bytes());
    const Tensor& grad = traced.at("grad." + entry.name.substr(6));
    double got = 0, size = 0;
    for (int64_t i = 0; i < grad.numel(); ++i) {
      got += sign(static_cast<uint64_t>(i)) * grad.data()[i];
      size += std::fabs(grad.data()[i]);
    }
    EXPECT_NEAR(got, want, 1e-4 * size + 1e-6) << entry.name;
    ++compared;
  }
  EXPECT_GT(compared, 15u);
}

INSTANTIATE_TEST_SUITE_P(All, TinyGolden, ::testing::Values("llama", "deepseek_v3"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace deepseek
