// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>

#include "core/file.h"
#include "core/json.h"
#include "formats/file_hash.h"
#include "tests/cli/json_schema.h"
#include "tests/cli/run_deepseek.h"
#include "tests/cli/tiny_model.h"
#include "tests/support/http_server.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::cli {
namespace {

using namespace deepseek::testing;
using nlohmann::json;

constexpr const char* commit = "0123456789abcdef0123456789abcdef01234567";

TEST(ModelVerbs, PullListAndRmKeepOneCache) {
  const TemporaryFolder folder;
  const std::string weights(3000, 'w');
  const std::string hash = file_sha256(folder.write("w", weights));
  const json listing = {
      {"sha", commit},
      {"siblings",
       {{{"rfilename", "m-Q4_K_M.gguf"}, {"lfs", {{"sha256", hash}, {"size", 3000}}}},
        {{"rfilename", "m-Q8_0.gguf"}, {"lfs", {{"sha256", hash}, {"size", 3000}}}}}}};
  const HttpServer hub([&](const HttpServerRequest& request) -> HttpServerReply {
    if (request.target.starts_with("/api/models/org/name/")) return {200, listing.dump()};
    if (request.target.starts_with("/org/name/resolve/")) return {200, weights};
    return {404};
  });
  const std::map<std::string, std::string> environment{
      {"HF_HUB_CACHE", (folder.path() / "hub").string()}, {"HF_ENDPOINT", hub.url()}};

  EXPECT_EQ(run_deepseek({{"list"}, "", environment}).exit_code, 0);
  const Outcome several = run_deepseek({{"pull", "org/name"}, "", environment});
  EXPECT_EQ(several.exit_code, 2);
  EXPECT_NE(several.error.find("org/name:m-Q8_0.gguf"), std::string::npos) << several.error;
  EXPECT_EQ(run_deepseek({{"pull", "org/missing"}, "", environment}).exit_code, 4);

  const Outcome pulled = run_deepseek({{"pull", "org/name:q4_k_m", "--json"}, "", environment});
  ASSERT_EQ(pulled.exit_code, 0) << pulled.error;
  EXPECT_TRUE(follows_schema("pull", pulled.out));
  EXPECT_EQ(json::parse(pulled.out).at("files"), json({"m-Q4_K_M.gguf"}));

  const json page = json::parse(run_deepseek({{"list", "--json"}, "", environment}).out);
  ASSERT_EQ(page.at("models").size(), 1u);
  EXPECT_EQ(page.at("models")[0].at("name"), "org/name");
  EXPECT_EQ(page.at("models")[0].at("size_bytes"), 3000);
  EXPECT_NE(run_deepseek({{"list"}, "", environment}).out.find("org/name"), std::string::npos);

  EXPECT_EQ(run_deepseek({{"rm", "org/name"}, "", environment}).exit_code, 2) << "cannot ask";
  EXPECT_EQ(run_deepseek({{"rm", "org/nmae", "--yes"}, "", environment}).exit_code, 4);
  const Outcome removed = run_deepseek({{"rm", "org/name", "--yes", "--json"}, "", environment});
  EXPECT_EQ(removed.exit_code, 0) << removed.error;
  EXPECT_TRUE(follows_schema("rm", removed.out));
  EXPECT_EQ(json::parse(removed.out).at("freed_bytes"), 3000);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "hub/models--org--name"));
}

TEST(ModelVerbs, AModelOfModelScopeIsPulledListedAndRunUnderItsName) {
  const TemporaryFolder folder;
  const std::filesystem::path source = folder.path() / "source";
  write_small_model(source.string());
  json listed = json::array();
  for (const auto& entry : std::filesystem::directory_iterator(source))
    listed.push_back({{"Path", entry.path().filename().string()},
                      {"Type", "blob"},
                      {"Size", entry.file_size()},
                      {"Sha256", file_sha256(entry.path())}});
  const HttpServer hub([&](const HttpServerRequest& request) -> HttpServerReply {
    const std::string api = "/api/v1/models/org/name/repo";
    if (request.target.starts_with(api + "/files?"))
      return {200, json{{"Success", true}, {"Data", {{"Files", listed}}}}.dump()};
    const std::string file = api + "?Revision=master&FilePath=";
    if (!request.target.starts_with(file)) return {404};
    return {200, read_text_file(source / request.target.substr(file.size()))};
  });
  const std::map<std::string, std::string> environment{
      {"HF_HUB_CACHE", (folder.path() / "hub").string()}, {"MODELSCOPE_ENDPOINT", hub.url()}};
  const std::string name = "modelscope:org/name";

  const Outcome absent = run_deepseek({{"show", name}, "", environment});
  EXPECT_EQ(absent.exit_code, 4);
  EXPECT_NE(absent.error.find("'deepseek pull " + name + "' downloads it"), std::string::npos)
      << absent.error;
  const Outcome pulled = run_deepseek({{"pull", name, "--json"}, "", environment});
  ASSERT_EQ(pulled.exit_code, 0) << pulled.error;
  EXPECT_TRUE(follows_schema("pull", pulled.out));
  const json page = json::parse(run_deepseek({{"list", "--json"}, "", environment}).out);
  EXPECT_EQ(page.at("models").at(0).at("name"), name);
  EXPECT_EQ(run_deepseek({{"show", name}, "", environment}).exit_code, 0);
  const Outcome answered = run_deepseek({{"chat", name, "--max-tokens", "3"}, "x", environment});
  EXPECT_EQ(answered.exit_code, 0) << answered.error;
  EXPECT_EQ(run_deepseek({{"rm", name, "--yes"}, "", environment}).exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "hub/models--modelscope--org--name"));
}

TEST(ModelVerbs, RmNamesTheQuantisationItDeletes) {
  const TemporaryFolder folder;
  const std::string model = "hub/models--org--name/";
  folder.write(model + "refs/main", commit);
  for (const char* name : {"m-Q4_K_M.gguf", "m-Q8_0.gguf"})
    folder.write(model + "snapshots/" + commit + "/" + name, "GGUF");
  const Outcome removed = run_deepseek({{"rm", "org/name:Q4_K_M", "--yes"},
                                        "",
                                        {{"HF_HUB_CACHE", (folder.path() / "hub").string()}}});
  EXPECT_EQ(removed.out, "org/name:Q4_K_M deleted, 4 bytes freed\n") << removed.error;
  EXPECT_TRUE(
      std::filesystem::exists(folder.path() / model / "snapshots" / commit / "m-Q8_0.gguf"));
}

TEST(ModelVerbs, ACacheThatCannotBeReadIsNoEmptyOne) {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("hub", folder.path() / "hub");
  using Words = std::vector<std::string>;
  for (const Words& call : {Words{"list"}, Words{"show", "starter"}, Words{"show", "org/name"}}) {
    const Outcome outcome =
        run_deepseek({call, "", {{"HF_HUB_CACHE", (folder.path() / "hub").string()}}});
    EXPECT_EQ(outcome.exit_code, 3) << call.back();
    EXPECT_NE(outcome.error.find(": cannot open: "), std::string::npos) << outcome.error;
  }
}

TEST(ModelVerbs, ABrokenDownloadIsListedAndCanBeRemoved) {
  const TemporaryFolder folder;
  const std::map<std::string, std::string> environment{
      {"HF_HUB_CACHE", (folder.path() / "hub").string()}};
  const std::filesystem::path blobs = folder.path() / "hub/models--org--name/blobs";
  std::filesystem::create_directories(blobs);
  std::ofstream(blobs / "abc.incomplete") << std::string(500, 'w');
  const Outcome listed = run_deepseek({{"list", "--json"}, "", environment});
  EXPECT_TRUE(follows_schema("list", listed.out));
  EXPECT_EQ(json::parse(listed.out).at("models").at(0).at("unfinished_bytes"), 500);
  const Outcome shown = run_deepseek({{"list"}, "", environment});
  EXPECT_NE(shown.error.find("org/name: a download broke off after 500"), std::string::npos)
      << shown.error;
  const Outcome removed = run_deepseek({{"rm", "org/name", "--yes", "--json"}, "", environment});
  EXPECT_EQ(json::parse(removed.out).at("freed_bytes"), 500) << removed.error;
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "hub/models--org--name"));
}

}  // namespace
}  // namespace deepseek::cli
