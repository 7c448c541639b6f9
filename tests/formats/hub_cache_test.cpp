// SPDX-License-Identifier: Apache-2.0
#include "formats/hub_cache.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/error.h"
#include "formats/hub_files.h"
#include "formats/model_location.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryFolder;

constexpr const char* cached_commit = "0123456789abcdef0123456789abcdef01234567";

std::string message_of(const std::function<void()>& work, ErrorKind expected) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error_kind_name(error.kind()), error_kind_name(expected)) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

/// A cache in a folder of its own, with HF_HUB_CACHE naming it.
class HubCacheTest : public ::testing::Test {
 protected:
  HubCacheTest() : cache(folder.path() / "hub") {
    ::setenv("HF_HUB_CACHE", cache.root().c_str(), 1);
  }
  ~HubCacheTest() override { ::unsetenv("HF_HUB_CACHE"); }

  void add(const std::string& repo, const std::string& name, const std::string& content,
           const std::string& blob) {
    folder.write(fs::path("hub") / cache.model_folder(repo).filename() / "blobs" / blob, content);
    cache.link(repo, cached_commit, name, blob);
    cache.write_ref(repo, "main", cached_commit);
  }

  TemporaryFolder folder;
  HubCache cache;
};

TEST(HubFiles, NamesThatCouldLeaveTheCacheAreNotSafe) {
  for (const char* name : {"", "..", "../x", "a/../b", "/etc/passwd", "a//b", "a/", ".", "./a",
                           "a\\b", "a\nb", "a/..", "x/./y"})
    EXPECT_FALSE(is_safe_file_name(name)) << name;
  for (const char* name : {"model.gguf", "Q4_K_M/model-00001-of-00002.gguf", "..a", "a..b"})
    EXPECT_TRUE(is_safe_file_name(name)) << name;
  for (const char* name : {"", "a/b/c", "../b", "a/..", "a b/c", "a--b/c", "-a/b", "/b", "a/"})
    EXPECT_FALSE(is_repo_name(name)) << name;
  for (const char* name :
       {"gpt2", "deepseek-ai/DeepSeek-V2-Lite", "a/b.c_d-e", "modelscope:deepseek-ai/DeepSeek-V2"})
    EXPECT_TRUE(is_repo_name(name)) << name;
}

TEST(HubFiles, SplitNamesAreTakenApart) {
  EXPECT_EQ(split_gguf_name("m-00002-of-00003.gguf").stem, "m");
  EXPECT_EQ(split_gguf_name("m-00002-of-00003.gguf").part, 2);
  EXPECT_EQ(split_gguf_name("m-00002-of-00003.gguf").parts, 3);
  EXPECT_EQ(split_gguf_name("m-00004-of-00003.gguf").parts, 1);
  EXPECT_EQ(split_gguf_name("m.gguf").stem, "m");
  EXPECT_EQ(split_gguf_name("-00001-of-00001.gguf").parts, 1);
}

TEST(HubFiles, AQuantisationIsPickedWithAllItsParts) {
  const std::vector<std::string> names{"README.md",
                                       "m-Q4_K_M-00001-of-00002.gguf",
                                       "m-Q4_K_M-00002-of-00002.gguf",
                                       "m-Q4_K_S.gguf",
                                       "m.IQ4_XS.gguf",
                                       "mmproj-Q4_K_S.gguf",
                                       "broken-Q8_0-00001-of-00002.gguf"};
  using Names = std::vector<std::string>;
  EXPECT_EQ(choose_model_files("o/n", names, "Q4_K_M"), Names({names[1], names[2]}));
  EXPECT_EQ(choose_model_files("o/n", names, "q4_k_s"), Names({names[3]}));
  EXPECT_EQ(choose_model_files("o/n", names, names[1]), Names({names[1], names[2]}));
  EXPECT_EQ(choose_model_files("o/n", names, "README.md"), Names({"README.md"}));
  EXPECT_NE(message_of([&] { choose_model_files("o/n", names, "Q4_K"); }, ErrorKind::not_found)
                .find("m-Q4_K_S.gguf"),
            std::string::npos);
  message_of([&] { choose_model_files("o/n", names, "Q4_XS"); }, ErrorKind::not_found);
  message_of([&] { choose_model_files("o/n", names, "Q8_0"); }, ErrorKind::bad_file);
  message_of([&] { choose_model_files("o/n", names, ""); }, ErrorKind::invalid_input);
}

TEST(HubFiles, AFolderModelBringsWhatItNeedsAndNothingElse) {
  const std::vector<std::string> names{
      "LICENSE",     "config.json", "model.safetensors",   "pytorch_model.bin", "tokenizer.json",
      "flax/x.json", "m.gguf",      "chat_template.jinja", "training_args.bin"};
  EXPECT_EQ(choose_model_files("o/n", names, ""),
            std::vector<std::string>({"LICENSE", "chat_template.jinja", "config.json",
                                      "model.safetensors", "tokenizer.json"}));
  const std::vector<std::string> none{"pytorch_model.bin"};
  message_of([&] { choose_model_files("o/n", none, ""); }, ErrorKind::unsupported);
}

TEST_F(HubCacheTest, ASnapshotIsReadThroughItsLinks) {
  add("org/name", "sub/a.gguf", "GGUF....", "b1");
  const auto found = cache.find("org/name");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->commit, cached_commit);
  EXPECT_EQ(found->names(), std::vector<std::string>{"sub/a.gguf"});
  EXPECT_EQ(found->size_bytes(), 8u);
  EXPECT_TRUE(cache.find("org/name", cached_commit));
  EXPECT_FALSE(cache.find("org/name", "../../main"));
  EXPECT_FALSE(cache.find("org/other"));
  ASSERT_EQ(cache.models().size(), 1u);
}

TEST_F(HubCacheTest, DeletingAFileFreesItsBlobUnlessAnotherSnapshotHasIt) {
  add("org/name", "a.gguf", "aaaa", "b1");
  add("org/name", "b.gguf", "bb", "b2");
  cache.link("org/name", "fedcba9876543210fedcba9876543210fedcba98", "copy.gguf", "b2");
  EXPECT_EQ(cache.remove("org/name", {"a.gguf"}), 4u);
  EXPECT_EQ(cache.remove("org/name", {"b.gguf"}), 0u);
  EXPECT_TRUE(fs::exists(cache.model_folder("org/name") / "blobs/b2"));
  EXPECT_EQ(cache.remove("org/name", {}), 2u);
  EXPECT_FALSE(fs::exists(cache.model_folder("org/name")));
}

TEST_F(HubCacheTest, FilesThatLieInTheSnapshotItselfCountAsFreed) {
  const fs::path model = fs::path("hub") / cache.model_folder("org/name").filename();
  folder.write(model / "snapshots" / cached_commit / "a.gguf", "aaaa");
  folder.write(model / "snapshots" / cached_commit / "b.gguf", "bb");
  add("org/name", "c.gguf", "c", "b1");
  EXPECT_EQ(cache.remove("org/name", {"a.gguf"}), 4u);
  EXPECT_EQ(cache.remove("org/name", {}), 3u);
  EXPECT_FALSE(fs::exists(cache.model_folder("org/name")));
}

TEST_F(HubCacheTest, WhatCannotBeReadIsNotTakenForEmpty) {
  EXPECT_TRUE(cache.models().empty());
  EXPECT_FALSE(cache.find("org/name"));
  fs::create_symlink(cache.root().filename(), cache.root());
  const std::string where = cache.root().string();
  EXPECT_EQ(message_of([&] { cache.models(); }, ErrorKind::bad_file),
            where + ": cannot open: Too many levels of symbolic links");
  EXPECT_NE(message_of([&] { cache.find("org/name"); }, ErrorKind::bad_file).find("cannot open"),
            std::string::npos);
}

TEST_F(HubCacheTest, ALinkThatLeadsOutOfTheCacheIsRefused) {
  fs::create_directories(cache.model_folder("org/name") / "snapshots");
  fs::create_directories(folder.path() / "outside");
  fs::create_directory_symlink(folder.path() / "outside",
                               cache.model_folder("org/name") / "snapshots" / cached_commit);
  message_of([&] { cache.link("org/name", cached_commit, "x.gguf", "b"); }, ErrorKind::bad_file);
  EXPECT_TRUE(fs::is_empty(folder.path() / "outside"));
}

TEST_F(HubCacheTest, OnlyOneProcessHoldsTheLock) {
  const HubLock lock(cache, "org/name");
  message_of([&] { HubLock second(cache, "org/name"); }, ErrorKind::busy);
  const HubLock other(cache, "org/other");
}

TEST_F(HubCacheTest, AModelIsLocatedByContentNotByName) {
  using Kind = ModelLocation::Kind;
  EXPECT_EQ(locate_model(folder.write("x.bin", "GGUF\x03")).kind, Kind::gguf);
  EXPECT_EQ(locate_model(folder.write("y", "{\n \"version\": \"1.0\"}")).kind,
            Kind::tokenizer_json);
  EXPECT_EQ(locate_model(folder.write("z.json", "{{ bos_token }}")).kind, Kind::other_file);
  EXPECT_EQ(locate_model(folder.write("z", "{% if x %}")).kind, Kind::other_file);
  folder.write("hf/config.json", "{}");
  EXPECT_EQ(locate_model((folder.path() / "hf").string()).kind, Kind::folder);
  folder.write("g/m-Q8_0-00002-of-00002.gguf", "GGUF");
  folder.write("g/m-Q8_0-00001-of-00002.gguf", "GGUF");
  EXPECT_EQ(locate_model((folder.path() / "g").string()).path.filename(),
            "m-Q8_0-00001-of-00002.gguf");
  fs::create_directories(folder.path() / "empty");
  message_of([&] { locate_model((folder.path() / "empty").string()); }, ErrorKind::bad_file);
}

TEST_F(HubCacheTest, ModelsOfTheCacheAreFoundByName) {
  add("org/name", "m-Q4_0.gguf", "GGUF", "b1");
  add("org/name", "m-Q8_0.gguf", "GGUF", "b2");
  add("org/hf", "config.json", "{}", "c1");
  add("org/hf", "model.safetensors", "x", "c2");
  EXPECT_EQ(locate_model("org/name:Q8_0").path.filename(), "m-Q8_0.gguf");
  EXPECT_EQ(locate_model("org/name:m-Q4_0.gguf").path.filename(), "m-Q4_0.gguf");
  EXPECT_EQ(locate_model("org/hf").kind, ModelLocation::Kind::folder);
  EXPECT_EQ(locate_model("models--org--hf").kind, ModelLocation::Kind::folder);
  EXPECT_NE(message_of([] { locate_model("org/nmae"); }, ErrorKind::not_found)
                .find("did you mean org/name? 'deepseek pull org/nmae' downloads it"),
            std::string::npos);
  EXPECT_NE(message_of([] { locate_model("starter"); }, ErrorKind::not_found).find("./dev run"),
            std::string::npos);
  add(starter_repo, "SmolLM2-135M-Instruct.Q4_1.gguf", "GGUF", "d1");
  EXPECT_EQ(locate_model("starter").path.filename(), "SmolLM2-135M-Instruct.Q4_1.gguf");
}

TEST(ModelLocation, AGgufFileIsFoundAmongOtherFilesOfItsFolder) {
  const TemporaryFolder folder;
  folder.write("golden.safetensors", "numbers");
  folder.write("model.gguf", "GGUF");
  const ModelLocation found = locate_model(folder.path().string());
  EXPECT_EQ(found.path, folder.path() / "model.gguf");
}

}  // namespace
}  // namespace deepseek
