// SPDX-License-Identifier: Apache-2.0
#include "model/inspect.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;

std::string published(const std::string& name) {
  return testing::read_data(fs::path(DEEPSEEK_SOURCE_DIR) / "tests/data/configs" /
                            (name + ".json"));
}

TEST(InspectModel, AConfigAloneTellsOfAModelThatIsNotThere) {
  const testing::TemporaryFolder folder;
  folder.write("config.json", published("deepseek-v3"));
  const ModelSummary model = inspect_model(folder.path());
  EXPECT_EQ(model.config.num_hidden_layers, 61);
  EXPECT_TRUE(model.tensors.empty());
  EXPECT_FALSE(model.missing_weights.empty());
  // 671 + 11.6 billion parameters, nearly all of one byte; embedding and head of two.
  EXPECT_NEAR(static_cast<double>(model.weight_bytes), 685e9, 3e9);
  EXPECT_EQ(model.end_token_ids(), (std::vector<int64_t>{1}));
}

TEST(InspectModel, TheIndexTellsTheSizeOfAbsentShards) {
  const testing::TemporaryFolder folder;
  folder.write("config.json", published("deepseek-llm-7b"));
  folder.write("model.safetensors.index.json",
               R"({"metadata": {"total_size": 13820731392}, "weight_map":
                   {"lm_head.weight": "model-00001-of-00002.safetensors"}})");
  const ModelSummary model = inspect_model(folder.path());
  EXPECT_EQ(model.weight_bytes, 13820731392);
  EXPECT_NE(model.missing_weights.find("model-00001-of-00002.safetensors"), std::string::npos)
      << model.missing_weights;
}

TEST(InspectModel, AnAbsurdSizeInTheIndexIsNotBelieved) {
  const testing::TemporaryFolder folder;
  folder.write("config.json", published("deepseek-llm-7b"));
  const int64_t implied = inspect_model(folder.path()).weight_bytes;
  for (const char* size : {"9223372036854775807", "18446744073709551615", "-1", "\"7\""}) {
    folder.write("model.safetensors.index.json",
                 concat("{\"metadata\": {\"total_size\": ", size,
                        "}, \"weight_map\": {\"lm_head.weight\": \"a.safetensors\"}}"));
    const ModelSummary model = inspect_model(folder.path());
    EXPECT_EQ(model.weight_bytes, implied) << size;
    EXPECT_GT(estimate_memory(model, 4096).total(), implied);
  }
}

TEST(InspectModel, EndsOfGenerationAreListedOnceInTheirOrder) {
  ModelSummary model;
  model.config.eos_token_ids = {5, 3, 5};
  model.generation.eos_token_ids.assign(200'000, 3);
  for (int64_t id = 0; id < 200'000; ++id) model.generation.eos_token_ids.push_back(id);
  const std::vector<int64_t> ids = model.end_token_ids();
  ASSERT_EQ(ids.size(), 200'000u);
  EXPECT_EQ(std::vector<int64_t>(ids.begin(), ids.begin() + 4), (std::vector<int64_t>{5, 3, 0, 1}));
}

TEST(InspectModel, CountsFormatsOfAGgufFile) {
  DEEPSEEK_SHARED_OR_SKIP(path, "golden/gguf/qwen2-Q4_K_M/model.gguf");
  const ModelSummary model = inspect_model(path);
  EXPECT_EQ(model.container, "GGUF version 3");
  EXPECT_TRUE(model.has_tokenizer);
  EXPECT_TRUE(model.has_chat_template);
  int64_t tensors = 0, bytes = 0, elements = 0;
  for (const FormatSummary& format : model.formats) {
    tensors += format.tensors;
    bytes += format.size_bytes;
    elements += format.elements;
  }
  EXPECT_EQ(tensors, static_cast<int64_t>(model.tensors.size()));
  EXPECT_EQ(bytes, model.weight_bytes);
  EXPECT_EQ(elements, model.parameters.total);
}

TEST(InspectModel, SplitFilesCountTheirParts) {
  DEEPSEEK_SHARED_OR_SKIP(path, "golden/gguf/llama-Q8_0/split-00001-of-00003.gguf");
  EXPECT_EQ(inspect_model(path).container, "GGUF version 3 in 3 parts");
}

TEST(InspectModel, TensorsOfAFolderSumToItsParameters) {
  DEEPSEEK_SHARED_OR_SKIP(folder, "golden/llama_gqa");
  const ModelSummary model = inspect_model(folder);
  ASSERT_EQ(model.formats.size(), 1u);
  EXPECT_EQ(model.formats[0].format, "F32");
  EXPECT_EQ(model.formats[0].elements, model.parameters.total);
  EXPECT_TRUE(model.missing_weights.empty());
}

TEST(InspectModel, RefusesWhatIsNotAModel) {
  const testing::TemporaryFolder folder;
  EXPECT_THROW(inspect_model(folder.path()), Error);
  EXPECT_THROW(inspect_model(folder.path() / "nowhere"), Error);
  EXPECT_THROW(inspect_model(folder.write("x.gguf", "not one")), Error);
}

TEST(EstimateMemory, CachesAreWhatThePapersSay) {
  const testing::TemporaryFolder folder;
  folder.write("config.json", published("deepseek-v3"));
  const ModelSummary v3 = inspect_model(folder.path());
  EXPECT_EQ(cache_bytes_per_token(v3.config), 61 * 576 * 2);
  EXPECT_EQ(estimate_memory(v3, 128).cache, 128 * 61 * 576 * 2);
  EXPECT_EQ(estimate_memory(v3, 65).cache, 128 * 61 * 576 * 2);  // two pages
  EXPECT_GT(estimate_memory(v3, 128).scratch, 0);
  folder.write("config.json", published("deepseek-llm-67b"));
  EXPECT_EQ(cache_bytes_per_token(inspect_model(folder.path()).config), 2 * 95 * 8 * 128 * 2);
}

}  // namespace
}  // namespace deepseek
