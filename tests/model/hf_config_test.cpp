// SPDX-License-Identifier: Apache-2.0
#include "model/hf_config.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/error.h"
#include "core/json.h"
#include "tests/support/shared_data.h"

namespace deepseek {
namespace {

using nlohmann::json;

json published_json(const std::string& name) {
  return json::parse(testing::read_data(std::filesystem::path(DEEPSEEK_SOURCE_DIR) /
                                        "tests/data/configs" / (name + ".json")));
}

ModelConfig read(const json& config) { return config_from_json(config.dump(), "m/config.json"); }

TEST(HfConfig, BothPublishedFormsOfEveryGoldenFolderAreEqual) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden");
  int compared = 0;
  for (const auto& entry : std::filesystem::directory_iterator(golden)) {
    const std::filesystem::path old_form = entry.path() / "config.json",
                                new_form = entry.path() / "config.v5.json";
    if (!std::filesystem::exists(new_form)) continue;
    const std::string type = json::parse(testing::read_data(old_form))["model_type"];
    if (type == "llama" || type == "qwen2" || type == "deepseek_v2" || type == "deepseek_v3") {
      ModelConfig a = config_from_json(testing::read_data(old_form), old_form.string());
      const ModelConfig b = config_from_json(testing::read_data(new_form), new_form.string());
      EXPECT_TRUE(a == b) << entry.path();
      ++compared;
    } else {
      for (const auto& path : {old_form, new_form}) try {
          config_from_json(testing::read_data(path), path.string());
          ADD_FAILURE() << "accepted " << path;
        } catch (const Error& error) {
          EXPECT_EQ(error.kind(), ErrorKind::unsupported) << error.what();
          EXPECT_NE(std::string(error.what()).find(type + "\" is known"), std::string::npos)
              << error.what();
        }
    }
  }
  EXPECT_GE(compared, 13);
}

TEST(HfConfig, ReadsTheV3Form) {
  const ModelConfig c = read(published_json("deepseek-v3"));
  EXPECT_EQ(c.model_type, "deepseek_v3");
  EXPECT_EQ(c.attention, AttentionKind::mla);
  EXPECT_EQ(c.q_lora_rank, 1536);
  EXPECT_EQ(c.qk_head_dim(), 192);
  EXPECT_EQ(c.rope_dim(), 64);
  EXPECT_EQ(c.rope_pairing, RopePairing::interleaved);
  EXPECT_EQ(c.rope_scaling.type, RopeScaling::Type::yarn);
  EXPECT_EQ(c.rope_scaling.mscale_all_dim, 1.0);
  EXPECT_EQ(c.scoring_func, RouterScoring::sigmoid);
  EXPECT_EQ(c.topk_method, RouterMethod::noaux_tc);
  EXPECT_EQ(c.n_group, 8);
  EXPECT_EQ(c.topk_group, 4);
  EXPECT_EQ(c.num_nextn_predict_layers, 1);
  ASSERT_TRUE(c.fp8);
  EXPECT_EQ(c.fp8->block_rows, 128);
  EXPECT_FALSE(c.fp8->ue8m0_scales);
  EXPECT_FALSE(c.is_moe_layer(2));
  EXPECT_TRUE(c.is_moe_layer(3));
  EXPECT_EQ(c.torch_dtype, "bfloat16");
}

TEST(HfConfig, ReadsUe8m0Scales) {
  json config = published_json("deepseek-v3");
  config["quantization_config"]["scale_fmt"] = "ue8m0";
  EXPECT_TRUE(read(config).fp8->ue8m0_scales);
}

TEST(HfConfig, MissingFieldsTakeTheDefaultsOfTransformers) {
  json config = published_json("deepseek-llm-67b");
  for (const char* name : {"num_key_value_heads", "rms_norm_eps", "rope_theta", "rope_scaling",
                           "tie_word_embeddings", "hidden_act", "bos_token_id", "eos_token_id"})
    config.erase(name);
  const ModelConfig c = read(config);
  EXPECT_EQ(c.num_key_value_heads, 64);
  EXPECT_EQ(c.head_dim, 128);
  EXPECT_EQ(c.rms_norm_eps, 1e-6);
  EXPECT_EQ(c.rope_theta, 10000);
  EXPECT_FALSE(c.tie_word_embeddings);
  EXPECT_FALSE(c.bos_token_id);
  EXPECT_TRUE(c.eos_token_ids.empty());

  config = published_json("deepseek-v3");
  for (const char* name :
       {"scoring_func", "topk_method", "norm_topk_prob", "moe_layer_freq", "num_key_value_heads"})
    config.erase(name);
  EXPECT_TRUE(read(config) == read(published_json("deepseek-v3")));
}

TEST(HfConfig, HeadDimOfTheFileWins) {
  json config = published_json("deepseek-llm-7b");
  config["head_dim"] = 96;
  EXPECT_EQ(read(config).head_dim, 96);
}

TEST(HfConfig, Qwen2HasBiasesAndNoWindowUnlessItIsUsed) {
  json config = published_json("deepseek-r1-distill-qwen-1.5b");
  EXPECT_TRUE(read(config).attention_bias);
  config["use_sliding_window"] = true;
  EXPECT_THROW(read(config), Error);
  config["max_window_layers"] = 28;
  EXPECT_NO_THROW(read(config));
}

TEST(HfConfig, UnknownFieldsAreIgnored) {
  json config = published_json("deepseek-llm-7b");
  config["some_future_note"] = {{"a", {1, 2, 3}}};
  EXPECT_TRUE(read(config) == read(published_json("deepseek-llm-7b")));
}

TEST(HfConfig, V2NormalisedWeightsAreNotScaled) {
  json config = published_json("deepseek-v2");
  EXPECT_EQ(read(config).routed_scaling_factor, 16);
  config["norm_topk_prob"] = true;
  EXPECT_EQ(read(config).routed_scaling_factor, 1);
}

TEST(HfConfig, WritesWhatItReads) {
  const auto folder = std::filesystem::path(DEEPSEEK_SOURCE_DIR) / "tests/data/configs";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const ModelConfig config =
        config_from_json(testing::read_data(entry.path()), entry.path().string());
    EXPECT_TRUE(config_from_json(config_to_json(config), "written") == config) << entry.path();
  }
}

struct Refusal {
  const char* base;
  const char* field;
  json value;  // discarded: the field is removed
  ErrorKind kind;
  const char* message;
};

TEST(HfConfig, RefusesBadFieldsByName) {
  constexpr ErrorKind bad = ErrorKind::bad_file, cannot = ErrorKind::unsupported;
  const json removed(json::value_t::discarded);
  const char *llm = "deepseek-llm-67b", *v2 = "deepseek-v2", *v3 = "deepseek-v3",
             *qwen = "deepseek-r1-distill-qwen-7b", *distill = "deepseek-r1-distill-llama-8b";
  const Refusal table[] = {
      {llm, "/model_type", removed, bad, "model_type: expected a string, got nothing"},
      {llm, "/model_type", "mamba", cannot,
       "model_type: \"mamba\" is not a known family; supported are llama, qwen2, deepseek, "
       "deepseek_v2, deepseek_v3"},
      {llm, "/model_type", "deepseek_v4", cannot, "\"deepseek_v4\" is known but does not run"},
      {llm, "/architectures", json::array({"LlamaForSequenceClassification"}), cannot,
       "architectures: \"LlamaForSequenceClassification\" is not a language model"},
      {llm, "/vocab_size", removed, bad, "vocab_size: expected an integer, got nothing"},
      {llm, "/vocab_size", 0, bad, "vocab_size: expected an integer from 1 to 16777216, got 0"},
      {llm, "/vocab_size", "big", bad, "vocab_size: expected an integer, got \"big\""},
      {llm, "/vocab_size", json::object(), bad, "vocab_size: expected an integer, got an object"},
      {llm, "/hidden_size", 4096.5, bad, "hidden_size: expected an integer, got 4096.5"},
      {llm, "/hidden_size", -8192, bad, "hidden_size: expected an integer from 1"},
      {llm, "/hidden_size", 9223372036854775744, bad, "hidden_size: expected an integer from 1"},
      {llm, "/hidden_size", 18446744073709551615u, bad, "hidden_size: expected an integer, got"},
      {llm, "/hidden_size", 8191, bad,
       "num_attention_heads: expected a divisor of hidden_size 8191 (or head_dim to be given), "
       "got 64"},
      {llm, "/num_hidden_layers", 0, bad, "num_hidden_layers: expected an integer from 1"},
      {llm, "/num_hidden_layers", 1000000000, bad, "num_hidden_layers: expected an integer from 1"},
      {llm, "/num_attention_heads", 0, bad, "num_attention_heads: expected a divisor"},
      {llm, "/num_key_value_heads", 7, bad,
       "num_key_value_heads: expected a divisor of num_attention_heads 64, got 7"},
      {llm, "/num_key_value_heads", 0, bad, "num_key_value_heads: expected an integer from 1"},
      {llm, "/head_dim", 127, bad, "head_dim: expected an even number"},
      {llm, "/max_position_embeddings", 0, bad, "max_position_embeddings: expected"},
      {llm, "/rms_norm_eps", 0, bad, "rms_norm_eps: expected a positive number up to 1, got 0"},
      {llm, "/rms_norm_eps", "1e-6", bad, "rms_norm_eps: expected a number, got \"1e-6\""},
      {llm, "/rope_theta", -1, bad, "rope_theta: expected a positive number"},
      {llm, "/hidden_act", "gelu", cannot, "hidden_act: \"gelu\" is not computed here"},
      {llm, "/attention_bias", true, cannot, "attention_bias: biases in attention"},
      {llm, "/mlp_bias", true, cannot, "mlp_bias: true changes the numbers"},
      {llm, "/qk_layernorm", true, cannot, "qk_layernorm: true changes the numbers"},
      {llm, "/logit_scale", 0.5, cannot, "logit_scale: 0.5 changes the numbers"},
      {llm, "/final_logit_softcapping", 30, cannot, "final_logit_softcapping: 30 changes"},
      {llm, "/partial_rotary_factor", 0.5, cannot, "partial_rotary_factor: 0.5 changes"},
      {llm, "/bos_token_id", 102400, bad,
       "bos_token_id: expected a token id below vocab_size 102400, got 102400"},
      {llm, "/eos_token_id", json::array({1, -1}), bad, "eos_token_id: expected a token id"},
      {llm, "/eos_token_id", true, bad, "eos_token_id: expected an integer or a list of integers"},
      {llm, "/tie_word_embeddings", "yes", bad, "tie_word_embeddings: expected true or false"},
      {llm, "/rope_scaling", "linear", bad, "rope_scaling: expected an object, got \"linear\""},
      {llm,
       "/rope_scaling",
       {{"type", "linear"}, {"factor", 0}},
       bad,
       "rope_scaling.factor: expected a positive number up to 1e+06, got 0"},
      {llm,
       "/rope_scaling",
       {{"type", "linear"}},
       bad,
       "rope_scaling.factor: expected a positive number, got nothing"},
      {llm,
       "/rope_scaling",
       {{"factor", 2.0}},
       bad,
       "rope_scaling.rope_type: expected linear, llama3 or yarn, got nothing"},
      {llm,
       "/rope_scaling",
       {{"type", "dynamic"}, {"factor", 2.0}},
       cannot,
       "rope_scaling.type: \"dynamic\" is not computed here"},
      {llm,
       "/rope_parameters",
       {{"rope_theta", 5.0}},
       bad,
       "rope_theta: expected 5 as in rope_parameters, got 10000"},
      {distill,
       "/rope_parameters",
       {{"rope_type", "linear"}, {"factor", 2.0}},
       bad,
       "rope_scaling: expected the same as rope_parameters"},
      {distill, "/rope_scaling/original_max_position_embeddings", removed, bad,
       "rope_scaling.original_max_position_embeddings: expected a positive number, got nothing"},
      {distill, "/rope_scaling/high_freq_factor", 1.0, bad,
       "rope_scaling.high_freq_factor: expected more than low_freq_factor 1, got 1"},
      {v3, "/rope_scaling/beta_fast", 0.5, bad,
       "rope_scaling.beta_fast: expected at least beta_slow"},
      {v3, "/rope_scaling/mscale", -1, bad, "rope_scaling.mscale: expected a number from 0"},
      {v3, "/rope_scaling/truncate", false, cannot, "rope_scaling.truncate: false is not"},
      {qwen, "/layer_types", json::array({"sliding_attention"}), cannot,
       "layer_types: \"sliding_attention\" is not computed here"},
      {v3, "/qk_rope_head_dim", 63, bad, "qk_rope_head_dim: expected an even number"},
      {v3, "/kv_lora_rank", removed, bad, "kv_lora_rank: expected an integer, got nothing"},
      {v3, "/num_key_value_heads", 8, bad, "num_key_value_heads: expected num_attention_heads 128"},
      {v3, "/qk_head_dim", 64, bad, "qk_head_dim: expected qk_nope_head_dim + qk_rope_head_dim"},
      {v3, "/n_group", 7, bad, "n_group: expected a divisor of n_routed_experts 256, got 7"},
      {v3, "/n_group", 256, bad, "n_group: expected groups of at least two experts"},
      {v3, "/topk_group", 9, bad, "topk_group: expected at most n_group 8, got 9"},
      {v3, "/num_experts_per_tok", 129, bad,
       "num_experts_per_tok: expected at most the 128 experts of the groups that are kept, got "
       "129"},
      {v3, "/n_routed_experts", removed, bad, "n_routed_experts: expected an integer, got nothing"},
      {v3, "/n_routed_experts", -256, bad, "n_routed_experts: expected an integer from 0"},
      {v3, "/scoring_func", "softmax", cannot, "scoring_func: \"softmax\" is not computed here"},
      {v3, "/topk_method", "greedy", cannot, "topk_method: \"greedy\" is not computed here"},
      {v2, "/topk_method", "noaux_tc", cannot,
       "topk_method: \"noaux_tc\" is not computed here; expected greedy or group_limited_greedy"},
      {v3, "/first_k_dense_replace", 62, bad,
       "first_k_dense_replace: expected an integer from 0 to 61, got 62"},
      {v3, "/moe_layer_freq", 0, bad, "moe_layer_freq: expected an integer from 1"},
      {v3, "/routed_scaling_factor", 0, bad, "routed_scaling_factor: expected a positive number"},
      {v3, "/num_nextn_predict_layers", -1, bad, "num_nextn_predict_layers: expected"},
      {v3, "/mlp_layer_types", json::array({"dense"}), bad,
       "mlp_layer_types: expected a list of 61 strings"},
      {v3, "/quantization_config/quant_method", "gptq", cannot,
       "quantization_config.quant_method: \"gptq\" weights are not read here"},
      {v3, "/quantization_config/quant_method", removed, bad,
       "quantization_config.quant_method: expected a string, got nothing"},
      {v3, "/quantization_config/fmt", "e5m2", cannot, "quantization_config.fmt: \"e5m2\""},
      {v3, "/quantization_config/weight_block_size", json::array({128}), bad,
       "quantization_config.weight_block_size: expected two integers"},
      {v3, "/quantization_config/weight_block_size", json::array({128, 0}), bad,
       "quantization_config.weight_block_size: expected an integer from 1"},
      {v3, "/quantization_config/scale_fmt", "e3m0", cannot, "quantization_config.scale_fmt"},
  };
  for (const Refusal& row : table) {
    json config = published_json(row.base);
    const json::json_pointer at(row.field);
    if (row.value.is_discarded())
      config[at.parent_pointer()].erase(at.back());
    else
      config[at] = row.value;
    try {
      read(config);
      ADD_FAILURE() << "accepted " << row.base << row.field << " = " << row.value;
    } catch (const Error& error) {
      const std::string message = error.what();
      EXPECT_EQ(error.kind(), row.kind) << message;
      EXPECT_NE(message.find(row.message), std::string::npos)
          << message << "\nwanted " << row.message;
      EXPECT_EQ(message.rfind("m/config.json: ", 0), 0u) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
  }
}

TEST(HfConfig, RefusesSizesWhoseProductIsAbsurd) {
  const auto expect = [](const json& config, const char* part) {
    try {
      read(config);
      ADD_FAILURE() << "accepted; wanted " << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_file);
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  json config = published_json("deepseek-v3");
  config["hidden_size"] = 1 << 22;
  config["moe_intermediate_size"] = 1 << 22;
  expect(config, "the sizes multiply to");
  config["n_routed_experts"] = 1 << 14;
  config["num_hidden_layers"] = 4096;
  expect(config, "n_routed_experts: expected at most 131072 experts in all layers, got 16384");

  config = published_json("deepseek-llm-7b");
  config["hidden_size"] = config["intermediate_size"] = 1;
  config["head_dim"] = 1 << 14;
  config["num_attention_heads"] = config["num_key_value_heads"] = 4096;
  config["max_position_embeddings"] = 1 << 30;
  expect(config, "max_position_embeddings: the cache of 1073741824 tokens has 4.3");
}

TEST(HfConfig, RefusesTextThatIsNotAnObject) {
  for (const char* text : {"", "[]", "7", "{", "{\"a\": NaN}", "\xff\xfe", "{\"a\": 1e999}"}) {
    try {
      config_from_json(text, "m/config.json");
      ADD_FAILURE() << "accepted " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_file);
      EXPECT_NE(std::string(error.what()).find("m/config.json: expected "), std::string::npos)
          << error.what();
    }
  }
}

TEST(HfConfig, DeepNestingIsRefusedWithoutRecursion) {
  const std::string deep = std::string(200000, '[') + std::string(200000, ']');
  EXPECT_THROW(config_from_json("{\"model_type\": " + deep + "}", "m/config.json"), Error);
}

}  // namespace
}  // namespace deepseek
