// SPDX-License-Identifier: Apache-2.0
// A real pretrained model, the starter, against what an independent implementation computed from
// the same file (golden/README.md, "Starter").
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "core/json.h"
#include "engine/generate.h"
#include "formats/model_location.h"
#include "formats/safetensors.h"
#include "ops/loss.h"
#include "tests/support/shared_data.h"

namespace deepseek {
namespace {

std::optional<std::filesystem::path> starter_path() {
  try {
    return locate_model("starter").path;
  } catch (const Error&) {
    return std::nullopt;
  }
}

class Starter : public ::testing::TestWithParam<Precision> {
 protected:
  void SetUp() override {
    const auto shared = testing::shared_folder();
    const auto path = starter_path();
    if (!shared || !path)
      GTEST_SKIP() << (path ? "reference data not present: ../shared/golden/starter"
                            : "the starter model is not in the model cache: ./dev run fetches it");
    std::ifstream(*shared / "golden/starter/starter.json") >> golden_;
    tensors_ = std::make_unique<SafetensorsFile>(
        SafetensorsFile::open(*shared / "golden/starter/starter.safetensors"));
    TextModelOptions options;
    options.precision = GetParam();
    model_ = std::make_unique<TextModel>(*path, options);
  }

  std::vector<int32_t> prompt(const nlohmann::json& row) const {
    nlohmann::ordered_json context;
    context["messages"] = {{{"role", "user"}, {"content", row["prompt"]}}};
    context["add_generation_prompt"] = true;
    const RenderedPrompt rendered = model_->render(context);
    EXPECT_EQ(rendered.text, row["text"].get<std::string>());
    return model_->encode(rendered);
  }

  Tensor logits_after(const std::vector<int32_t>& tokens, StepSpan::Logits which) {
    const SequenceId id = model_->engine().add();
    const Tensor logits = model_->engine().step(std::vector<StepSpan>{{id, tokens, which}})->logits;
    model_->engine().drop(id);
    return logits;
  }

  nlohmann::json golden_;
  std::unique_ptr<SafetensorsFile> tensors_;
  std::unique_ptr<TextModel> model_;
};

/// KL(want || got) of two rows of logits, in nats.
double divergence(std::span<const float> want, std::span<const float> got) {
  const auto log_sum = [](std::span<const float> row) {
    double largest = -1e30, sum = 0;
    for (const float v : row) largest = std::max(largest, double(v));
    for (const float v : row) sum += std::exp(v - largest);
    return largest + std::log(sum);
  };
  const double a = log_sum(want), b = log_sum(got);
  double kl = 0;
  for (size_t i = 0; i < want.size(); ++i)
    kl += std::exp(want[i] - a) * ((want[i] - a) - (got[i] - b));
  return kl;
}

TEST_P(Starter, AnswersAsTheReferenceDoes) {
  const double close_call = GetParam() == Precision::f32 ? 0.01 : 0.2;
  for (const auto& row : golden_["greedy"]) {
    const std::vector<int32_t> ids = prompt(row);
    ASSERT_EQ(ids, row["prompt_ids"].get<std::vector<int32_t>>());
    const auto want = row["tokens"].get<std::vector<int32_t>>();
    const auto lead = row["lead"].get<std::vector<double>>();
    size_t decided = 0;
    while (decided < want.size() && lead[decided] >= close_call) ++decided;
    GenerateOptions options;
    options.sample.temperature = 0;
    options.max_tokens = static_cast<int64_t>(want.size());
    options.ignore_end = true;
    Conversation conversation(*model_);
    const Generated got = conversation.generate(ids, options);
    for (size_t i = 0; i < decided; ++i)
      ASSERT_EQ(got.tokens[i], want[i]) << row["prompt"] << " token " << i;
  }
}

TEST_P(Starter, ItsDistributionAfterAPromptIsTheReferences) {
  const double allowed = GetParam() == Precision::f32 ? 1e-6 : 0.02;
  size_t i = 0;
  for (const auto& row : golden_["greedy"]) {
    const Tensor want = tensors_->tensor(concat(i++, ".last_logits"));
    const Tensor got =
        logits_after(row["prompt_ids"].get<std::vector<int32_t>>(), StepSpan::Logits::last);
    EXPECT_LE(divergence(want.values(), got.values()), allowed) << row["prompt"];
  }
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool sanitized = false;
#endif

TEST_P(Starter, ItsPerplexityIsTheReferences) {
  if (sanitized) GTEST_SKIP() << "thousands of tokens: the optimised build's to check";
  const auto& golden = golden_["perplexity"];
  const auto windows = golden["windows"].get<std::vector<std::vector<int32_t>>>();
  double sum = 0;
  int64_t count = 0;
  for (const auto& ids : windows) {
    const Tensor logits = logits_after(ids, StepSpan::Logits::all);
    std::vector<int64_t> labels(ids.begin() + 1, ids.end());
    labels.push_back(ignored_label);
    for (const double p : token_log_probs(logits, labels)) {
      if (std::isnan(p)) continue;
      sum -= p;
      ++count;
    }
  }
  const double got = std::exp(sum / double(count));
  const double want = golden["perplexity"].get<double>();
  EXPECT_NEAR(got / want, 1, GetParam() == Precision::f32 ? 1e-4 : 5e-3);
  RecordProperty("perplexity", std::to_string(got));
}

INSTANTIATE_TEST_SUITE_P(All, Starter,
                         ::testing::Values(Precision::f32, Precision::native, Precision::int8),
                         [](const auto& info) {
                           return info.param == Precision::f32      ? "reference"
                                  : info.param == Precision::native ? "native"
                                                                    : "int8";
                         });

}  // namespace
}  // namespace deepseek
