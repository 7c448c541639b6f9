// SPDX-License-Identifier: Apache-2.0
#include "formats/checkpoint.h"

#include <gtest/gtest.h>

#include <cstring>

#include "formats/json.h"
#include "formats/safetensors_writer.h"
#include "tests/formats/refusal.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

const char* const index_name = "model.safetensors.index.json";

TEST(Checkpoint, ShardsReadAsOne) {
  const testing::TemporaryFolder folder;
  std::vector<TensorSpec> specs;
  specs.reserve(7);
  for (int i = 0; i < 7; ++i) specs.push_back({concat("t", i), DType::f32, {2, 3}});
  CheckpointWriter writer(folder.path(), specs, /*shard_bytes=*/60);
  for (int i = 0; i < 7; ++i) writer.write(concat("t", i), Tensor::full({2, 3}, float(i)));
  EXPECT_FALSE(Checkpoint::is_checkpoint(folder.path()));
  writer.commit();
  EXPECT_TRUE(Checkpoint::is_checkpoint(folder.path()));

  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  EXPECT_EQ(checkpoint.shards().size(), 4u);
  EXPECT_EQ(checkpoint.size_bytes(), 7 * 24);
  EXPECT_EQ(checkpoint.names().front(), "t0");
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(checkpoint.tensor(concat("t", i)).data()[5], float(i));
    checkpoint.release(std::as_bytes(checkpoint.tensor(concat("t", i)).values()));
  }
  EXPECT_FALSE(checkpoint.has("t7"));
  testing::expect_refusal([&] { checkpoint.tensor("t7"); }, ErrorKind::bad_file, {"t7"});
}

TEST(Checkpoint, AReferenceCheckpointShardedAgainHoldsTheSame) {
  DEEPSEEK_SHARED_OR_SKIP(folder, "golden/llama_gqa");
  const Checkpoint checkpoint = Checkpoint::open(folder);
  EXPECT_EQ(checkpoint.shards().size(), 6u);
  EXPECT_EQ(checkpoint.size_bytes(), 592128);
  const testing::TemporaryFolder copy_folder;
  std::vector<TensorSpec> specs;
  for (const std::string_view name : checkpoint.names()) {
    const SafetensorsEntry& entry = *checkpoint.find(name);
    specs.push_back({entry.name, entry.dtype, entry.shape});
  }
  CheckpointWriter writer(copy_folder.path(), specs, 120'000);
  for (const std::string_view name : checkpoint.names())
    writer.write(name, checkpoint.tensor(name));
  writer.commit();
  const Checkpoint copy = Checkpoint::open(copy_folder.path());
  ASSERT_EQ(copy.names(), checkpoint.names());
  for (const std::string_view name : copy.names())
    EXPECT_EQ(0, std::memcmp(copy.tensor(name).bytes(), checkpoint.tensor(name).bytes(),
                             static_cast<size_t>(copy.tensor(name).size_bytes())))
        << name;
  EXPECT_EQ(read_json_object(copy_folder.path() / index_name)["metadata"],
            read_json_object(folder / index_name)["metadata"]);
}

TEST(Checkpoint, RefusesFoldersWithoutWeights) {
  const testing::TemporaryFolder folder;
  const auto open = [&] { Checkpoint::open(folder.path()); };
  testing::expect_refusal(open, ErrorKind::not_found,
                          {folder.path().string(), "model.safetensors"});
  folder.write("pytorch_model.bin", "");
  testing::expect_refusal(open, ErrorKind::not_found, {"pytorch_model.bin", "safetensors"});
  testing::expect_refusal([&] { Checkpoint::open(folder.path() / "none"); }, ErrorKind::not_found,
                          {"none"});
}

TEST(Checkpoint, RefusesEveryBadIndex) {
  struct Case {
    std::string_view fact, index;
    ErrorKind kind;
    std::vector<std::string_view> message;
  };
  const testing::TemporaryFolder folder;
  const Tensor two = Tensor::zeros({2});
  write_safetensors(folder.path() / "a.safetensors", {{"x", two}, {"y", two}});
  write_safetensors(folder.path() / "b.safetensors", {{"y", two}, {"z", two}});
  std::filesystem::create_directory(folder.path() / "sub");
  std::filesystem::create_symlink("loop.safetensors", folder.path() / "loop.safetensors");
  const std::vector<Case> cases{
      {"not JSON", "{", ErrorKind::bad_file, {index_name, "JSON"}},
      {"not an object", "[]", ErrorKind::bad_file, {index_name, "object"}},
      {"no weight_map", "{}", ErrorKind::bad_file, {"weight_map", "none"}},
      {"empty weight_map", R"({"weight_map":{}})", ErrorKind::bad_file, {"weight_map", "empty"}},
      {"weight_map a list", R"({"weight_map":[]})", ErrorKind::bad_file, {"weight_map", "array"}},
      {"file a number", R"({"weight_map":{"x":1}})", ErrorKind::bad_file, {"x", "number"}},
      {"tensor twice",
       R"({"weight_map":{"x":"a.safetensors","x":"b.safetensors"}})",
       ErrorKind::bad_file,
       {"\"x\"", "twice"}},
      {"parent folder",
       R"({"weight_map":{"x":"../a.safetensors"}})",
       ErrorKind::bad_file,
       {"weight_map", "../a.safetensors"}},
      {"parent of a subfolder",
       R"({"weight_map":{"x":"sub/../../a.safetensors"}})",
       ErrorKind::bad_file,
       {"sub/../../a"}},
      {"absolute",
       R"({"weight_map":{"x":"/etc/a.safetensors"}})",
       ErrorKind::bad_file,
       {"/etc/a.safetensors"}},
      {"the index itself",
       R"({"weight_map":{"x":"model.safetensors.index.json"}})",
       ErrorKind::bad_file,
       {index_name, ".safetensors file"}},
      {"empty name", R"({"weight_map":{"x":""}})", ErrorKind::bad_file, {"weight_map"}},
      {"missing shard",
       R"({"weight_map":{"x":"c.safetensors"}})",
       ErrorKind::not_found,
       {"c.safetensors", "missing shard"}},
      {"link to itself",
       R"({"weight_map":{"x":"loop.safetensors"}})",
       ErrorKind::not_found,
       {"loop.safetensors"}},
      {"tensor the shard lacks",
       R"({"weight_map":{"z":"a.safetensors"}})",
       ErrorKind::bad_file,
       {"a.safetensors", "tensor z", index_name}},
      {"tensor in two shards",
       R"({"weight_map":{"x":"a.safetensors","z":"b.safetensors"}})",
       ErrorKind::bad_file,
       {"tensor y", "a.safetensors", "b.safetensors"}},
      {"too deep", "", ErrorKind::bad_file, {"nested"}},
  };
  const std::string deep = "{\"a\":" + std::string(10000, '[') + std::string(10000, ']') + "}";
  for (const Case& test : cases) {
    SCOPED_TRACE(test.fact);
    folder.write(index_name, test.index.empty() ? deep : test.index);
    testing::expect_refusal([&] { Checkpoint::open(folder.path()); }, test.kind, test.message);
  }
}

}  // namespace
}  // namespace deepseek
