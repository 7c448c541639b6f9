// SPDX-License-Identifier: Apache-2.0
#include "model/gguf_source.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "formats/gguf_writer.h"
#include "model/gguf_config.h"
#include "model/gguf_names.h"
#include "model/hf_config.h"
#include "tests/formats/refusal.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

using Use = ParamSource::Use;

constexpr const char* models[] = {
    "llama-Q8_0",        "llama_coder-F16",      "llama_distill-Q4_0",    "qwen2-Q4_K_M",
    "qwen2_tied-BF16",   "deepseek-Q8_0",        "deepseek2_lite-Q4_K_M", "deepseek2_lite_old-Q8_0",
    "deepseek2_v3-Q8_0", "deepseek2_v3_old-Q8_0"};

TEST(GgufConfig, EqualsTheHuggingFaceConfigOfTheSameModel) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden/gguf");
  for (const char* model : models) {
    SCOPED_TRACE(model);
    const ModelConfig got = config_from_gguf(GgufFile::open(golden / model / "model.gguf"));
    const std::filesystem::path path = golden / model / "hf_config.json";
    ModelConfig want = config_from_json(testing::read_data(path), path.string());
    // What a GGUF file says in another way, or not at all.
    if (want.model_type == "llama" || want.model_type == "deepseek")
      want.rope_pairing = RopePairing::interleaved;
    if (want.rope_scaling.type == RopeScaling::Type::llama3) {
      EXPECT_EQ(static_cast<int64_t>(got.rope_scaling.frequency_divisors.size()),
                want.head_dim / 2);
      EXPECT_EQ(got.rope_scaling.frequency_divisors.front(), 1);
      EXPECT_EQ(got.rope_scaling.frequency_divisors.back(), want.rope_scaling.factor);
      want.rope_scaling = {};
      want.rope_scaling.frequency_divisors = got.rope_scaling.frequency_divisors;
    }
    want.torch_dtype.clear();
    want.aux_loss_alpha = 0;
    want.bos_token_id = got.bos_token_id;
    want.eos_token_ids = got.eos_token_ids;
    EXPECT_EQ(got.model_type, want.model_type);
    EXPECT_TRUE(got.rope_scaling == want.rope_scaling);
    EXPECT_EQ(got.rms_norm_eps, want.rms_norm_eps);
    EXPECT_EQ(got.n_group, want.n_group);
    EXPECT_EQ(got.topk_method, want.topk_method);
    EXPECT_EQ(got.max_position_embeddings, want.max_position_embeddings);
    EXPECT_TRUE(got == want);
  }
}

TEST(GgufSource, HasEveryTensorTheConfigAsksFor) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden/gguf");
  for (const char* model : models) {
    SCOPED_TRACE(model);
    GgufSource source(GgufFile::open(golden / model / "model.gguf"));
    const ModelConfig c = config_from_gguf(source.file());
    const int64_t d = c.hidden_size;
    const auto matrix = [&](const std::string& name, int64_t rows, int64_t cols) {
      EXPECT_TRUE(source.has(name)) << name;
      const Weight weight = source.weight(name, rows, cols, Use::linear);
      EXPECT_EQ(weight.layout(), Weight::Layout::rows);
      source.release(weight);
    };
    matrix("model.embed_tokens.weight", c.vocab_size, d);
    EXPECT_EQ(source.has("lm_head.weight"), !c.tie_word_embeddings);
    for (int64_t layer = 0; layer < c.num_hidden_layers; ++layer) {
      const std::string at = concat("model.layers.", layer, ".");
      EXPECT_EQ(source.vector(at + "input_layernorm.weight", d).numel(), d);
      if (c.attention == AttentionKind::mla) {
        const LatentUpWeights up =
            source.latent_up(at + "self_attn", c.num_attention_heads, c.qk_nope_head_dim,
                             c.v_head_dim, c.kv_lora_rank);
        EXPECT_NE(up.fused.defined(), !up.k_heads.empty());
        matrix(at + "self_attn.kv_a_proj_with_mqa.weight", c.kv_lora_rank + c.qk_rope_head_dim, d);
      } else {
        matrix(at + "self_attn.k_proj.weight", c.num_key_value_heads * c.head_dim, d);
      }
      if (!c.is_moe_layer(layer)) {
        matrix(at + "mlp.down_proj.weight", d, c.intermediate_size);
        continue;
      }
      for (int64_t expert = 0; expert < c.n_routed_experts; ++expert)
        matrix(concat(at, "mlp.experts.", expert, ".gate_proj.weight"), c.moe_intermediate_size, d);
      EXPECT_FALSE(source.has(concat(at, "mlp.experts.", c.n_routed_experts, ".gate_proj.weight")));
    }
  }
}

TEST(GgufSource, ExpertsAreSlicesOfTheirStack) {
  DEEPSEEK_SHARED_OR_SKIP(path, "golden/gguf/deepseek-Q8_0/model.gguf");
  GgufSource source(GgufFile::open(path));
  const GgufTensor& stack = source.file().get("blk.1.ffn_down_exps.weight");
  const Tensor whole = source.file().to_f32(stack);
  for (int64_t expert : {0, 3, 7}) {
    const Tensor one =
        source
            .weight(concat("model.layers.1.mlp.experts.", expert, ".down_proj.weight"),
                    stack.shape[1], stack.shape[2], Use::linear)
            .dequantized()
            .tensor();
    const Tensor want = whole.slice(expert, expert + 1);
    for (int64_t i = 0; i < one.numel(); ++i) ASSERT_EQ(one.data()[i], want.data()[i]);
  }
}

TEST(GgufSource, RefusesMissingAndMisshapenTensorsByName) {
  DEEPSEEK_SHARED_OR_SKIP(path, "golden/gguf/deepseek-Q8_0/model.gguf");
  GgufSource source(GgufFile::open(path));
  const auto expect = [&](const std::string& name, int64_t rows, int64_t cols,
                          const std::string& part) {
    try {
      source.weight(name, rows, cols, Use::linear);
      ADD_FAILURE() << "accepted " << name;
    } catch (const Error& error) {
      const std::string message = error.what();
      EXPECT_EQ(error.kind(), ErrorKind::bad_file);
      EXPECT_EQ(message.rfind(path.string(), 0), 0u) << message;
      EXPECT_NE(message.find(part), std::string::npos) << message;
    }
  };
  expect("model.layers.7.mlp.down_proj.weight", 4, 4, "blk.7.ffn_down.weight");
  expect("model.layers.0.mlp.down_proj.weight", 4, 4,
         "blk.0.ffn_down.weight: expected shape [4, 4], got [96, 160]");
  expect("model.layers.1.mlp.experts.8.down_proj.weight", 96, 32,
         "blk.1.ffn_down_exps.weight: expected shape [9, 96, 32], got [8, 96, 32]");
  expect("model.layers.3.eh_proj.weight", 4, 4, "which has no place for it");
}

TEST(GgufNames, MapBothWays) {
  for (const char* name :
       {"model.embed_tokens.weight", "lm_head.weight", "model.norm.weight",
        "model.layers.0.self_attn.q_proj.weight", "model.layers.12.self_attn.kv_b_proj.weight",
        "model.layers.3.mlp.gate.e_score_correction_bias",
        "model.layers.60.mlp.experts.255.down_proj.weight"}) {
    const std::optional<GgufPlace> place = gguf_place(name);
    ASSERT_TRUE(place) << name;
    EXPECT_EQ(hf_name_of(place->name, place->expert.value_or(0)), name);
  }
  for (const char* name :
       {"", "model.layers.", "model.layers.x.input_layernorm.weight",
        "model.layers.01.input_layernorm.weight", "model.layers.-1.input_layernorm.weight",
        "model.layers.99999999999999999999.input_layernorm.weight", "model.layers.1",
        "model.layers.1.mlp.experts.*.up_proj.weight", "model.layers.1.mlp.experts.",
        "model.layers.61.eh_proj.weight", "model.layers.0.mlp.down_proj.weight_scale_inv"})
    EXPECT_FALSE(gguf_place(name)) << name;
  EXPECT_FALSE(hf_name_of("blk.0.attn_k_b.weight"));
}

TEST(GgufConfig, RefusesNegativeSizesInLists) {
  GgufFields fields;
  fields.add_string("general.architecture", "deepseek2");
  for (const char* key : {"embedding_length", "feed_forward_length", "block_count",
                          "attention.head_count", "context_length", "attention.kv_lora_rank"})
    fields.add_u32(concat("deepseek2.", key), 8);
  fields.add_u64("deepseek2.attention.key_length", INT64_MAX);
  fields.add_u64("deepseek2.attention.value_length", 8);
  fields.add_i32s("deepseek2.rope.dimension_count", std::vector<int32_t>{-4, -4});
  const testing::TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "m.gguf";
  GgufWriter(path, fields, {}).commit();
  testing::expect_refusal([&] { config_from_gguf(GgufFile::open(path)); }, ErrorKind::bad_file,
                          {"m.gguf", "deepseek2.rope.dimension_count", "0 or more", "-4"});
}

TEST(GgufConfig, ListsTheEndsOfGeneration) {
  DEEPSEEK_SHARED_OR_SKIP(path, "golden/gguf/llama_distill-Q4_0/model.gguf");
  const GgufFile file = GgufFile::open(path);
  const GenerationConfig config = generation_config_from_gguf(file);
  EXPECT_EQ(config.bos_token_id, 310);
  ASSERT_FALSE(config.eos_token_ids.empty());
  EXPECT_EQ(config.eos_token_ids[0], 311);
}

TEST(ShortestDouble, UndoesTheRoundingOfAFloat) {
  EXPECT_EQ(shortest_double(1e-6f), 1e-6);
  EXPECT_EQ(shortest_double(0.707f), 0.707);
  EXPECT_EQ(shortest_double(500000.0f), 500000.0);
}

}  // namespace
}  // namespace deepseek
