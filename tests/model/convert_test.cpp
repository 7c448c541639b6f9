// SPDX-License-Identifier: Apache-2.0
#include "model/convert.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "core/error.h"
#include "core/json.h"
#include "formats/checkpoint.h"
#include "formats/gguf.h"
#include "formats/safetensors_writer.h"
#include "model/gguf_config.h"
#include "model/hf_config.h"
#include "model/hf_source.h"
#include "model/rotary_rows.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryFolder;

constexpr const char* families[] = {
    "llama_mha",    "llama_gqa",    "llama_linear_rope", "llama_llama3_rope",
    "qwen2_tied",   "qwen2_untied", "deepseek_moe",      "deepseek_moe_norm",
    "v2_full",      "v2_lite",      "v3_yarn",           "v3_noyarn",
    "v3_one_group", "v3_mtp",       "llama_mha-bf16",    "v3_yarn-bf16"};

constexpr const char* gguf_models[] = {
    "llama-Q8_0",        "llama_coder-F16",      "llama_distill-Q4_0",    "qwen2-Q4_K_M",
    "qwen2_tied-BF16",   "deepseek-Q8_0",        "deepseek2_lite-Q4_K_M", "deepseek2_lite_old-Q8_0",
    "deepseek2_v3-Q8_0", "deepseek2_v3_old-Q8_0"};

bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         std::memcmp(a.bytes(), b.bytes(), static_cast<size_t>(a.size_bytes())) == 0;
}

bool is_mtp(std::string_view name, const ModelConfig& config) {
  return config.num_nextn_predict_layers > 0 &&
         name.starts_with(concat("model.layers.", config.num_hidden_layers, "."));
}

TEST(Convert, EveryFamilyComesBackFromGgufByteForByte) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden");
  for (const char* family : families) {
    SCOPED_TRACE(family);
    const TemporaryFolder folder;
    const fs::path gguf = folder.path() / "model.gguf", back = folder.path() / "back";
    convert(golden / family, gguf);
    convert(gguf, back);
    ModelConfig want = read_hf_config(golden / family);
    const Checkpoint before = Checkpoint::open(golden / family), after = Checkpoint::open(back);
    size_t compared = 0;
    for (const std::string_view name : before.names()) {
      if (is_mtp(name, want)) continue;
      ASSERT_TRUE(after.has(name)) << name;
      EXPECT_TRUE(same_bytes(before.tensor(name), after.tensor(name))) << name;
      ++compared;
    }
    EXPECT_EQ(compared, after.names().size());
    want.num_nextn_predict_layers = 0;  // not in a GGUF file
    EXPECT_TRUE(read_hf_config(back) == want);
  }
}

TEST(Convert, EveryGgufModelComesBackWithItsValues) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden/gguf");
  for (const char* model : gguf_models) {
    SCOPED_TRACE(model);
    const TemporaryFolder folder;
    const fs::path original = golden / model / "model.gguf";
    const GgufFile before = GgufFile::open(original);
    const bool floats = std::string_view(model).ends_with("F16");
    ConvertOptions options;
    if (!floats) options.type = Format::f32;
    convert(original, folder.path() / "hf", options);
    convert(folder.path() / "hf", folder.path() / "back.gguf", options);
    const GgufFile after = GgufFile::open(folder.path() / "back.gguf");
    size_t compared = 0;
    for (const GgufTensor& tensor : before.tensors()) {
      if (tensor.name.ends_with("attn_kv_b.weight")) continue;  // comes back split
      const GgufTensor& got = after.get(tensor.name);
      if (floats) {
        EXPECT_EQ(got.format, tensor.format) << tensor.name;
        const auto a = before.bytes(tensor), b = after.bytes(got);
        EXPECT_TRUE(std::ranges::equal(a, b)) << tensor.name;
      }
      const Tensor a = before.to_f32(tensor), b = after.to_f32(got);
      ASSERT_EQ(a.shape(), b.shape()) << tensor.name;
      // Divisors of frequencies are computed anew, see llama3_divisors.
      const float tolerance = tensor.name == "rope_freqs.weight" ? 1e-6f : 0;
      for (int64_t i = 0; i < a.numel(); ++i)
        ASSERT_NEAR(a.data()[i], b.data()[i], tolerance * a.data()[i]) << tensor.name;
      ++compared;
    }
    EXPECT_GT(compared, 10u);
    ModelConfig want = config_from_gguf(before), got = config_from_gguf(after);
    want.rope_scaling.frequency_divisors.clear();
    got.rope_scaling.frequency_divisors.clear();
    EXPECT_TRUE(got == want);
    for (const GgufEntry& entry : before.metadata().entries())
      if (entry.key.starts_with("tokenizer.")) {
        const GgufValue* value = after.metadata().find(entry.key);
        ASSERT_NE(value, nullptr) << entry.key;
        EXPECT_TRUE(std::ranges::equal(value->bytes, entry.value.bytes)) << entry.key;
      }
    EXPECT_EQ(generation_config_from_gguf(after), generation_config_from_gguf(before));
  }
}

TEST(Convert, Fp8BecomesItsDequantisedValues) {
  DEEPSEEK_SHARED_OR_SKIP(source, "golden/v3_yarn-fp8");
  const TemporaryFolder folder;
  ConvertOptions options;
  options.type = Format::f32;
  convert(source, folder.path() / "m.gguf", options);
  convert(folder.path() / "m.gguf", folder.path() / "hf", options);
  HfSource before(Checkpoint::open(source), read_hf_config(source));
  const Checkpoint after = Checkpoint::open(folder.path() / "hf");
  const std::string name = "model.layers.1.self_attn.kv_b_proj.weight";
  const Tensor got = after.tensor(name);
  const Tensor want = before.weight(name, got.dim(0), got.dim(1), ParamSource::Use::linear)
                          .dequantized_rows(0, got.dim(0));
  EXPECT_TRUE(same_bytes(got, want));
  EXPECT_FALSE(read_hf_config(folder.path() / "hf").fp8);

  convert(source, folder.path() / "native.gguf");
  EXPECT_EQ(GgufFile::open(folder.path() / "native.gguf").get("blk.0.ffn_up.weight").format,
            Format::bf16);
}

TEST(Convert, WritesTheTypeAskedForAndKeepsVectorsAndRoutersFloat) {
  DEEPSEEK_SHARED_OR_SKIP(source, "golden/deepseek_moe");
  for (const Format type : {Format::f16, Format::bf16, Format::q8_0, Format::q4_0}) {
    const TemporaryFolder folder;
    ConvertOptions options;
    options.type = type;
    std::vector<std::string> notices;
    options.notice = [&](const std::string& text) { notices.push_back(text); };
    const ConvertResult result = convert(source, folder.path() / "m.gguf", options);
    const GgufFile file = GgufFile::open(folder.path() / "m.gguf");
    EXPECT_EQ(static_cast<size_t>(result.tensors), file.tensors().size());
    EXPECT_EQ(file.get("blk.0.attn_q.weight").format, type);
    EXPECT_EQ(file.get("blk.1.ffn_gate_exps.weight").format, type);
    EXPECT_EQ(file.get("blk.1.ffn_gate_inp.weight").format, Format::f32);
    EXPECT_EQ(file.get("blk.0.attn_norm.weight").format, Format::f32);
    // Experts are 16 wide, which blocks of 32 do not divide.
    const bool blocks = type == Format::q8_0 || type == Format::q4_0;
    EXPECT_EQ(file.get("blk.1.ffn_down_exps.weight").format, blocks ? Format::f16 : type);
    const auto tells = [](const std::string& text) {
      return text.find("matrices keep a float type") != std::string::npos;
    };
    EXPECT_EQ(std::ranges::count_if(notices, tells), blocks ? 1 : 0);
  }
}

TEST(Convert, SplitGgufFilesAndShardsOfAFolder) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden/gguf/llama-Q8_0");
  const TemporaryFolder folder;
  ConvertOptions options;
  options.shard_bytes = 100'000;
  convert(golden / "split-00001-of-00003.gguf", folder.path() / "shards", options);
  convert(golden / "model.gguf", folder.path() / "one");
  EXPECT_TRUE(fs::exists(folder.path() / "shards/model.safetensors.index.json"));
  const Checkpoint shards = Checkpoint::open(folder.path() / "shards"),
                   one = Checkpoint::open(folder.path() / "one");
  ASSERT_EQ(shards.names(), one.names());
  for (const std::string_view name : one.names())
    EXPECT_TRUE(same_bytes(shards.tensor(name), one.tensor(name))) << name;
}

TEST(Convert, CarriesRecommendedSamplingAndEnds) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden/llama_mha");
  const TemporaryFolder folder;
  const fs::path source = folder.path() / "source";
  fs::copy(golden, source);
  GenerationConfig want;
  want.bos_token_id = 0;
  want.eos_token_ids = {1, 5, 9};
  want.do_sample = true;
  want.temperature = 0.6;
  want.top_p = 0.95;
  want.top_k = 20;
  want.repetition_penalty = 1.05;
  std::ofstream(source / "generation_config.json") << generation_config_to_json(want);
  convert(source, folder.path() / "m.gguf");
  convert(folder.path() / "m.gguf", folder.path() / "back");
  EXPECT_EQ(read_generation_config(folder.path() / "back"), want);
}

TEST(Convert, ReportsProgressToTheEnd) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden/llama_mha");
  const TemporaryFolder folder;
  Progress last;
  ConvertOptions options;
  options.progress = [&](const Progress& progress) { last = progress; };
  const ConvertResult result = convert(golden, folder.path() / "m.gguf", options);
  EXPECT_EQ(last.done, last.total);
  EXPECT_EQ(last.total, result.size_bytes);
}

void expect_refused(ErrorKind kind, const std::string& part, const std::function<void()>& action) {
  try {
    action();
    ADD_FAILURE() << "accepted; wanted " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

size_t entries(const fs::path& folder) {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(Convert, TellsWhatAGgufFileDoesNotHold) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden/v3_yarn-fp8");
  const TemporaryFolder folder;
  fs::copy(golden, folder.path() / "model");
  auto config = nlohmann::json::parse(testing::read_data(golden / "config.json"));
  config["initializer_range"] = 0.02;
  folder.write("model/config.json", config.dump());
  std::string told;
  ConvertOptions options;
  options.notice = [&](const std::string& text) { told += text + "\n"; };
  convert(folder.path() / "model", folder.path() / "m.gguf", options);
  EXPECT_NE(told.find("FP8 weights become BF16"), std::string::npos) << told;
  EXPECT_NE(told.find("config.json: not kept, as GGUF has no keys for them: "), std::string::npos)
      << told;
  EXPECT_NE(told.find("initializer_range"), std::string::npos) << told;
}

TEST(Convert, AGgufFileBecomesAFolderAlone) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden/llama_mha");
  const TemporaryFolder folder;
  const fs::path gguf = folder.path() / "m.gguf";
  convert(golden, gguf);
  ConvertOptions options;
  options.type = Format::q8_0;
  options.force = true;
  for (const fs::path& other : {folder.path() / "other.gguf", folder.write("file", "precious")})
    expect_refused(ErrorKind::invalid_input, "expected the name of a folder",
                   [&] { convert(gguf, other, options); });
  EXPECT_FALSE(fs::exists(folder.path() / "other.gguf"));
  EXPECT_EQ(testing::read_data(folder.path() / "file"), "precious");
}

TEST(Convert, RefusesToOverwriteUnlessForced) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden");
  const TemporaryFolder folder;
  const fs::path gguf = folder.write("m.gguf", "precious");
  expect_refused(ErrorKind::invalid_input, "m.gguf: exists already",
                 [&] { convert(golden / "llama_mha", gguf); });
  EXPECT_EQ(testing::read_data(gguf), "precious");
  ConvertOptions force;
  force.force = true;
  convert(golden / "llama_mha", gguf, force);
  EXPECT_NO_THROW(GgufFile::open(gguf));

  fs::create_directory(folder.path() / "hf");
  folder.write("hf/notes.txt", "keep");
  folder.write("hf/model-00001-of-00002.safetensors", "stale");
  expect_refused(ErrorKind::invalid_input, "hf: exists already",
                 [&] { convert(gguf, folder.path() / "hf"); });
  convert(gguf, folder.path() / "hf", force);
  EXPECT_EQ(testing::read_data(folder.path() / "hf/notes.txt"), "keep");
  EXPECT_FALSE(fs::exists(folder.path() / "hf/model-00001-of-00002.safetensors"));
  EXPECT_NO_THROW(Checkpoint::open(folder.path() / "hf"));
}

TEST(Convert, LeavesNothingBehindWhenItFails) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden/llama_mha");
  const TemporaryFolder folder;
  const fs::path source = folder.path() / "source", out = folder.path() / "out";
  fs::create_directory(out);
  fs::copy(golden, source);
  // The last tensor that is read is missing.
  std::map<std::string, Tensor> tensors;
  const Checkpoint checkpoint = Checkpoint::open(golden);
  for (const std::string_view name : checkpoint.names())
    if (name != "lm_head.weight") tensors[std::string(name)] = checkpoint.tensor(name);
  fs::remove(source / "model.safetensors");
  write_safetensors(source / "model.safetensors", tensors);
  expect_refused(ErrorKind::bad_file, "tensor lm_head.weight",
                 [&] { convert(source, out / "m.gguf"); });
  EXPECT_EQ(entries(out), 0u);

  // A GGUF file whose values do not fit the type.
  fs::remove(source / "model.safetensors");
  Tensor big = Tensor::full({256, 64}, 1e6f);
  tensors["lm_head.weight"] = big;
  write_safetensors(source / "model.safetensors", tensors);
  convert(source, folder.path() / "big.gguf");
  ConvertOptions options;
  options.type = Format::f16;
  expect_refused(ErrorKind::unsupported, "expected values within F16's 65504, got 1e+06",
                 [&] { convert(folder.path() / "big.gguf", out / "hf", options); });
  EXPECT_EQ(entries(out), 0u);
}

TEST(Convert, RefusesWhatItCannotDo) {
  DEEPSEEK_SHARED_OR_SKIP(golden, "golden");
  const TemporaryFolder folder;
  const fs::path out = folder.path() / "out";
  ConvertOptions options;
  options.type = Format::q6_k;
  expect_refused(ErrorKind::invalid_input,
                 "type: expected F32, F16, BF16, Q8_0 or Q4_0 for a GGUF file, got Q6_K",
                 [&] { convert(golden / "llama_mha", out, options); });
  options.type = Format::q8_0;
  expect_refused(ErrorKind::invalid_input, "type: expected F32, F16 or BF16 for a folder, got Q8_0",
                 [&] { convert(golden / "gguf/llama-Q8_0/model.gguf", out, options); });
  expect_refused(ErrorKind::not_found, "nowhere: no such file or folder",
                 [&] { convert(folder.path() / "nowhere", out); });
  expect_refused(ErrorKind::invalid_input, "source and destination are the same",
                 [&] { convert(golden / "llama_mha", golden / "llama_mha"); });
  expect_refused(ErrorKind::unsupported, "model_type: \"deepseek_v4\" is known",
                 [&] { convert(golden / "v4", out); });
  EXPECT_EQ(entries(folder.path()), 0u);
}

TEST(RotaryRows, NeighbourTheTwoHalvesOfEachHead) {
  const Tensor x = Tensor::from({8, 1}, std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7});
  const Tensor paired = interleave_rows(x, 2);
  const std::vector<float> want{0, 2, 1, 3, 4, 6, 5, 7};
  EXPECT_TRUE(std::ranges::equal(paired.values(), want));
  EXPECT_TRUE(std::ranges::equal(deinterleave_rows(paired, 2).values(), x.values()));
}

}  // namespace
}  // namespace deepseek
