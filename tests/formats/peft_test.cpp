// SPDX-License-Identifier: Apache-2.0
#include "formats/peft.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "formats/json.h"
#include "formats/peft_config.h"
#include "formats/safetensors_writer.h"
#include "tests/formats/refusal.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

const std::string q_name = "base_model.model.model.layers.0.self_attn.q_proj";
const std::string v_name = "base_model.model.model.layers.0.self_attn.v_proj";

std::map<std::string, Tensor> good_tensors() {
  return {{q_name + ".lora_A.weight", Tensor::full({4, 8}, 1)},
          {q_name + ".lora_B.weight", Tensor::full({6, 4}, 2)}};
}

nlohmann::json good_config() {
  return {{"peft_type", "LORA"}, {"r", 4}, {"lora_alpha", 8}, {"target_modules", {"q_proj"}}};
}

void put(const testing::TemporaryFolder& folder, const nlohmann::json& config,
         const std::map<std::string, Tensor>& tensors) {
  folder.write("adapter_config.json", config.dump());
  write_safetensors(folder.path() / "adapter_model.safetensors", tensors);
}

TEST(Peft, TheReferenceAdapterIsRead) {
  DEEPSEEK_SHARED_OR_SKIP(folder, "golden/lora/llama_mha");
  const PeftAdapter adapter = read_peft_adapter(folder);
  EXPECT_EQ(adapter.base_model, "llama_mha");
  EXPECT_EQ(adapter.r, 4);
  EXPECT_EQ(adapter.target_modules, (std::vector<std::string>{"q_proj", "v_proj"}));
  ASSERT_EQ(adapter.pairs.size(), 6u);
  const LoraPair& pair = adapter.pairs.at("model.layers.2.self_attn.v_proj");
  EXPECT_EQ(pair.a.shape(), (Shape{4, 64}));
  EXPECT_EQ(pair.b.shape(), (Shape{64, 4}));
  EXPECT_EQ(pair.scale, 2);
}

TEST(Peft, ScalesFollowRankStabilisationAndPatterns) {
  const testing::TemporaryFolder folder;
  auto tensors = good_tensors();
  nlohmann::json config = good_config();
  config["use_rslora"] = true;
  put(folder, config, tensors);
  EXPECT_EQ(read_peft_adapter(folder.path()).pairs.at("model.layers.0.self_attn.q_proj").scale, 4);

  config = good_config();
  tensors[v_name + ".lora_A.weight"] = Tensor::full({2, 8}, 1);
  tensors[v_name + ".lora_B.weight"] = Tensor::full({6, 2}, 1);
  config["rank_pattern"] = {{"v_proj", 2}, {"proj", 9}};
  put(folder, config, tensors);
  std::string text = config.dump();
  text.insert(1, R"("alpha_pattern":{"v_proj":32,"layers.0.self_attn.v_proj":16},)");
  folder.write("adapter_config.json", text);
  const PeftAdapter adapter = read_peft_adapter(folder.path());
  EXPECT_EQ(adapter.pairs.at("model.layers.0.self_attn.q_proj").scale, 2);
  EXPECT_EQ(adapter.pairs.at("model.layers.0.self_attn.v_proj").scale, 16);
}

TEST(Peft, ManyPatternsAreReadInTheirOrder) {
  constexpr int64_t count = 50'000;
  std::string text = R"({"peft_type":"LORA","r":4,"lora_alpha":8,"rank_pattern":{)";
  for (int64_t i = count; i > 0; --i)
    text += concat(i == count ? "" : ",", "\"layers.", i, ".q_proj\":", i % 9 + 1);
  const PeftConfig config = peft_config_from_json(text + "}}", "adapter_config.json");
  ASSERT_EQ(config.rank_pattern.size(), static_cast<size_t>(count));
  EXPECT_EQ(config.rank_pattern.front().first, "layers.50000.q_proj");
  EXPECT_EQ(config.rank_pattern.back(), std::pair("layers.1.q_proj" + std::string(), int64_t{2}));
}

TEST(Peft, WhatIsNotALowRankUpdateIsRefusedByField) {
  struct Case {
    const char *field, *value;
    ErrorKind kind;
    std::vector<std::string_view> message;
  };
  const auto unsupported = ErrorKind::unsupported, bad_file = ErrorKind::bad_file;
  const std::vector<Case> cases{
      {"peft_type", "\"IA3\"", unsupported, {"LORA", "IA3"}},
      {"peft_type", "null", bad_file, {"none"}},
      {"use_dora", "true", unsupported, {"got true", "merge"}},
      {"bias", "\"all\"", unsupported, {"none", "all"}},
      {"lora_bias", "true", unsupported, {"got true"}},
      {"modules_to_save", "[\"lm_head\"]", unsupported, {"lm_head"}},
      {"fan_in_fan_out", "true", unsupported, {"got true"}},
      {"layer_replication", "[[0,2]]", unsupported, {"[[0,2]]"}},
      {"trainable_token_indices", "[1]", unsupported, {"[1]"}},
      {"target_parameters", "[\"experts\"]", unsupported, {"experts"}},
      {"init_lora_weights", "\"pissa_niter_4\"", unsupported, {"pissa_niter_4"}},
      {"rank_pattern", "{\".*q\":8}", unsupported, {".*q"}},
      {"a_new_field", "7", unsupported, {"got 7"}},
      {"r", "0", bad_file, {"1 to 65536", "got 0"}},
      {"r", "-4", bad_file, {"got -4"}},
      {"r", "4.5", bad_file, {"got 4.5"}},
      {"r", "null", bad_file, {"none"}},
      {"r", "18446744073709551615", bad_file, {"18446744073709551615"}},
      {"lora_alpha", "\"8\"", bad_file, {"number", "\"8\""}},
      {"use_rslora", "1", bad_file, {"true or false"}},
      {"rank_pattern", "{\"q_proj\":0}", bad_file, {"got 0"}},
      {"rank_pattern", "[1]", bad_file, {"object"}},
      {"target_modules", "[3]", bad_file, {"names", "got 3"}},
      {"target_modules", "3", bad_file, {"list", "got 3"}},
  };
  const testing::TemporaryFolder folder;
  for (const Case& test : cases) {
    SCOPED_TRACE(test.field);
    nlohmann::json config = good_config();
    config[test.field] = nlohmann::json::parse(test.value);
    put(folder, config, good_tensors());
    std::vector<std::string_view> message = test.message;
    message.insert(message.end(), {"adapter_config.json", test.field});
    testing::expect_refusal([&] { read_peft_adapter(folder.path()); }, test.kind, message);
  }
  for (const char* off : {"use_dora", "modules_to_save", "layer_replication", "a_new_field"}) {
    nlohmann::json config = good_config();
    config[off] = false;
    put(folder, config, good_tensors());
    EXPECT_NO_THROW(read_peft_adapter(folder.path())) << off;
  }
}

TEST(Peft, TensorsThatDoNotFitAreRefusedByName) {
  const testing::TemporaryFolder folder;
  const auto expect = [&](const std::map<std::string, Tensor>& tensors, ErrorKind kind,
                          std::vector<std::string_view> message) {
    put(folder, good_config(), tensors);
    message.push_back("adapter_model.safetensors");
    testing::expect_refusal([&] { read_peft_adapter(folder.path()); }, kind, message);
  };
  auto tensors = good_tensors();
  tensors.erase(q_name + ".lora_B.weight");
  expect(tensors, ErrorKind::bad_file, {"q_proj.lora_B.weight", "other half"});
  tensors[q_name + ".lora_B.weight"] = Tensor::full({6, 3}, 1);
  expect(tensors, ErrorKind::bad_file, {"lora_B", "[outputs, 4]", "got [6, 3]"});
  tensors[q_name + ".lora_B.weight"] = Tensor::full({24}, 1);
  expect(tensors, ErrorKind::bad_file, {"lora_B", "got [24]"});
  tensors[q_name + ".lora_B.weight"] = Tensor::zeros({6, 4}, DType::i32);
  expect(tensors, ErrorKind::bad_file, {"lora_B", "got I32"});
  tensors = good_tensors();
  tensors[q_name + ".lora_B.weight"].values()[5] = std::numeric_limits<float>::quiet_NaN();
  expect(tensors, ErrorKind::bad_file, {"lora_B", "expected finite numbers, got nan"});
  tensors = good_tensors();
  tensors[q_name + ".lora_magnitude_vector"] = Tensor::zeros({6});
  expect(tensors, ErrorKind::unsupported, {"lora_magnitude_vector"});
  tensors = good_tensors();
  tensors["model.layers.0.self_attn.q_proj.lora_A.weight"] = Tensor::zeros({4, 8});
  expect(tensors, ErrorKind::unsupported, {"base_model.model."});
  expect({}, ErrorKind::bad_file, {"no tensor"});
}

TEST(Peft, AScaleBeyondAFloatIsRefused) {
  const testing::TemporaryFolder folder;
  nlohmann::json config = good_config();
  config["lora_alpha"] = 1e300;
  put(folder, config, good_tensors());
  testing::expect_refusal([&] { read_peft_adapter(folder.path()); }, ErrorKind::bad_file,
                          {"adapter_config.json: alpha of ", "q_proj"});
}

TEST(Peft, MissingFilesAreNamed) {
  const testing::TemporaryFolder folder;
  testing::expect_refusal([&] { read_peft_adapter(folder.path()); }, ErrorKind::not_found,
                          {"adapter_config.json"});
  folder.write("adapter_config.json", good_config().dump());
  testing::expect_refusal([&] { read_peft_adapter(folder.path()); }, ErrorKind::not_found,
                          {"adapter_model.safetensors"});
}

}  // namespace
}  // namespace deepseek
