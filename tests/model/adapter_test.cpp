// SPDX-License-Identifier: Apache-2.0
#include "model/adapter.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "model/hf_config.h"
#include "model/rotary_rows.h"
#include "tests/support/shared_data.h"

namespace deepseek {
namespace {

void expect_refused(const PeftAdapter& adapter, const ModelConfig& config, ErrorKind kind,
                    const std::string& part) {
  try {
    place_adapter(adapter, config);
    ADD_FAILURE() << "accepted; wanted " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(PlaceAdapter, FitsItsCheckpoint) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden");
  const ModelConfig config = read_hf_config(golden / "llama_mha");
  const PeftAdapter adapter = read_peft_adapter(golden / "lora/llama_mha");
  const auto placed = place_adapter(adapter, config);
  EXPECT_EQ(placed.size(), 6u);
  const LoraPair& q = placed.at("model.layers.2.self_attn.q_proj");
  EXPECT_EQ(q.a.shape(), (Shape{4, 64}));
  EXPECT_EQ(q.b.shape(), (Shape{64, 4}));
  EXPECT_EQ(q.scale, 2);
}

TEST(PlaceAdapter, RowsOfQueriesAndKeysFollowTheOrderOfAGgufModel) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden");
  ModelConfig config = read_hf_config(golden / "llama_mha");
  const PeftAdapter adapter = read_peft_adapter(golden / "lora/llama_mha");
  const auto plain = place_adapter(adapter, config);
  config.rope_pairing = RopePairing::interleaved;
  const auto placed = place_adapter(adapter, config);
  const std::string q = "model.layers.0.self_attn.q_proj", v = "model.layers.0.self_attn.v_proj";
  EXPECT_TRUE(std::ranges::equal(placed.at(v).b.values(), plain.at(v).b.values()));
  EXPECT_FALSE(std::ranges::equal(placed.at(q).b.values(), plain.at(q).b.values()));
  EXPECT_TRUE(
      std::ranges::equal(placed.at(q).b.values(), interleave_rows(plain.at(q).b, 4).values()));
}

TEST(PlaceAdapter, RefusesAnotherModelsAdapter) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden");
  const PeftAdapter adapter = read_peft_adapter(golden / "lora/llama_mha");
  expect_refused(adapter, read_hf_config(golden / "llama_linear_rope"), ErrorKind::bad_file,
                 "model.layers.0.self_attn.q_proj: expected A [4, 48] and B [48, 4], got A [4, 64] "
                 "and B [64, 4]");
  expect_refused(adapter, read_hf_config(golden / "v3_yarn"), ErrorKind::bad_file,
                 "model.layers.0.self_attn.q_proj: expected a linear map of this model");
}

TEST(PlaceAdapter, RefusesRoutersAndTheLatentUpProjection) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden/v3_yarn");
  const ModelConfig config = read_hf_config(golden);
  for (const char* name : {"model.layers.1.mlp.gate", "model.layers.0.self_attn.kv_b_proj"}) {
    PeftAdapter adapter;
    adapter.pairs[name] = {Tensor::zeros({2, 64}), Tensor::zeros({16, 2}), 1};
    expect_refused(adapter, config, ErrorKind::unsupported, name);
  }
}

}  // namespace
}  // namespace deepseek
