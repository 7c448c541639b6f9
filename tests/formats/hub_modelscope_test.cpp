// SPDX-License-Identifier: Apache-2.0
// Models of ModelScope: how it lists files and hands them out, in the cache of Hugging Face's.
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "formats/file_hash.h"
#include "formats/hub_files.h"
#include "formats/hub_pull.h"
#include "formats/model_location.h"
#include "tests/support/http_server.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;
using testing::HttpServer;
using testing::HttpServerReply;
using testing::HttpServerRequest;

const std::string model = "modelscope:org/name";
const std::string api = "/api/v1/models/org/name/repo";

bool asks_for_a_file(const HttpServerRequest& request) {
  return request.target.find("FilePath=") != std::string::npos;
}

/// A ModelScope with one model; `special` may answer in its place.
class ModelScopePull : public ::testing::Test {
 protected:
  void add(const std::string& name, const std::string& content) {
    contents[name] = content;
    listed.push_back({{"Path", name},
                      {"Type", "blob"},
                      {"Size", content.size()},
                      {"Sha256", text_sha256(content)},
                      {"Revision", std::string(40, 'f')}});
  }

  HttpServerReply list() const {
    const nlohmann::json page = {{"Code", 200}, {"Success", true}, {"Data", {{"Files", listed}}}};
    return {200, page.dump()};
  }

  HttpServerReply answer(const HttpServerRequest& request) {
    if (special)
      if (const auto reply = special(request)) return *reply;
    if (request.target == api + "/files?Revision=master&Recursive=true") return list();
    const std::string file = api + "?Revision=master&FilePath=";
    if (!request.target.starts_with(file)) return {404};
    const auto found = contents.find(request.target.substr(file.size()));
    return found == contents.end() ? HttpServerReply{404}
                                   : testing::ranged_reply(request, found->second);
  }

  HubSnapshot pull(const std::string& name = model, const std::string& revision = "") {
    return pull_model(cache, remote, name, revision, {}, {});
  }

  void refuses(const std::string& name, ErrorKind kind, const std::string& expected) {
    try {
      pull(name);
      ADD_FAILURE() << name << " was not refused";
    } catch (const Error& error) {
      EXPECT_EQ(error_kind_name(error.kind()), error_kind_name(kind)) << error.what();
      EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << error.what();
    }
  }

  std::map<std::string, std::string> contents;
  nlohmann::json listed = nlohmann::json::array();
  std::function<std::optional<HttpServerReply>(const HttpServerRequest&)> special;
  testing::TemporaryFolder folder;
  const HubCache cache{folder.path() / "hub"};
  HttpServer server{[this](const HttpServerRequest& request) { return answer(request); }};
  HubRemote remote{.endpoint = server.url(), .retry_delay_ms = 1};
};

TEST_F(ModelScopePull, AModelArrivesBesideThatOfTheSameNameAtHuggingFace) {
  add("config.json", "{}");
  add("model.safetensors", "weights");
  listed.push_back({{"Path", "figures"}, {"Type", "tree"}, {"Size", 0}});
  const HubSnapshot snapshot = pull();
  EXPECT_EQ(snapshot.repo, model);
  EXPECT_EQ(snapshot.names(), (std::vector<std::string>{"config.json", "model.safetensors"}));
  EXPECT_EQ(read_text_file(snapshot.folder / "model.safetensors"), "weights");
  EXPECT_TRUE(is_commit_id(snapshot.commit));
  const fs::path place = cache.root() / "models--modelscope--org--name";
  EXPECT_EQ(read_text_file(place / "refs/master"), snapshot.commit);
  EXPECT_TRUE(fs::exists(place / "blobs" / text_sha256("weights")));
  EXPECT_FALSE(cache.find("org/name"));
  ASSERT_EQ(cache.models().size(), 1u);
  EXPECT_EQ(cache.models()[0].repo, model);

  const size_t before = server.requests().size();
  EXPECT_EQ(pull().commit, snapshot.commit);
  EXPECT_EQ(server.requests().size(), before + 1) << "only the list is asked for again";
  contents["config.json"] = "[]";
  listed[0]["Sha256"] = text_sha256("[]");
  EXPECT_NE(pull().commit, snapshot.commit);
}

TEST_F(ModelScopePull, ANameWithPrefixIsLocatedAndRemoved) {
  add("m-Q4_0.gguf", "GGUF4");
  add("m-Q8_0.gguf", "GGUF8");
  refuses(model, ErrorKind::invalid_input, model + ":m-Q8_0.gguf");
  pull(model + ":q8_0");
  ::setenv("HF_HUB_CACHE", cache.root().c_str(), 1);
  EXPECT_EQ(locate_model(model).path.filename(), "m-Q8_0.gguf");
  EXPECT_EQ(locate_model(model + ":Q8_0").kind, ModelLocation::Kind::gguf);
  EXPECT_EQ(locate_model("models--modelscope--org--name").path.filename(), "m-Q8_0.gguf");
  try {
    locate_model("modelscope:org/nmae");
    ADD_FAILURE() << "found";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean modelscope:org/name?"),
              std::string::npos)
        << error.what();
  }
  ::unsetenv("HF_HUB_CACHE");
  EXPECT_EQ(cache.remove(model, {}), 5u);
  EXPECT_TRUE(cache.models().empty());
}

TEST_F(ModelScopePull, ARevisionIsAskedForAndFoundAgain) {
  add("dir/m.gguf", "GGUF");
  special = [&](const HttpServerRequest& request) -> std::optional<HttpServerReply> {
    if (request.target == api + "/files?Revision=v1%2Fx&Recursive=true") return list();
    if (request.target == api + "?Revision=v1%2Fx&FilePath=dir%2Fm.gguf")
      return HttpServerReply{200, "GGUF"};
    return std::nullopt;
  };
  const HubSnapshot snapshot = pull(model, "v1/x");
  EXPECT_EQ(snapshot.names(), std::vector<std::string>{"dir/m.gguf"});
  EXPECT_EQ(cache.find(model, "v1/x")->commit, snapshot.commit);
  EXPECT_FALSE(cache.find(model));
}

TEST_F(ModelScopePull, ACutConnectionResumesAtTheMirrorThatHasTheFile) {
  const std::string weights(90000, 'w');
  add("m.gguf", weights);
  bool cut = true;
  HttpServer mirror([&](const HttpServerRequest& request) {
    HttpServerReply reply = testing::ranged_reply(request, weights);
    if (cut) reply.cut_after = 40000;
    cut = false;
    return reply;
  });
  special = [&](const HttpServerRequest& request) -> std::optional<HttpServerReply> {
    if (!asks_for_a_file(request)) return std::nullopt;
    return HttpServerReply{302, "", {{"Location", mirror.url() + "/oss/m"}}};
  };
  remote.token = "ms_secret";
  EXPECT_EQ(read_text_file(pull().folder / "m.gguf"), weights);
  ASSERT_EQ(mirror.requests().size(), 2u);
  EXPECT_EQ(mirror.requests()[1].first_byte(), 40000u);
  for (const HttpServerRequest& request : server.requests()) {
    EXPECT_EQ(request.headers.at("authorization"), "Bearer ms_secret");
    EXPECT_EQ(request.headers.at("cookie"), "m_session_id=ms_secret");
  }
  for (const HttpServerRequest& request : mirror.requests()) {
    EXPECT_FALSE(request.headers.contains("authorization"));
    EXPECT_FALSE(request.headers.contains("cookie"));
  }
}

TEST_F(ModelScopePull, WhatTheHashDoesNotFitIsDeleted) {
  add("m.gguf", "the right bytes");
  contents["m.gguf"] = "the wrong bytes";
  refuses(model, ErrorKind::network, "expected sha256");
  EXPECT_TRUE(fs::is_empty(cache.model_folder(model) / "blobs"));
  EXPECT_FALSE(fs::exists(cache.model_folder(model) / "snapshots"));
  listed[0].erase("Sha256");
  refuses(model, ErrorKind::network, "names no hash");
}

TEST_F(ModelScopePull, NamesAndIdsThatLeaveTheCacheAreRefused) {
  for (const char* name :
       {"../evil.gguf", "/tmp/evil.gguf", "a/../../evil.gguf", "a\\b.gguf", ""}) {
    listed = nlohmann::json::array();
    add(name, "GGUF");
    refuses(model, ErrorKind::network, "refused file name");
  }
  listed = nlohmann::json::array();
  add("m.gguf", "GGUF");
  listed[0]["Sha256"] = "../../../../evil";
  refuses(model, ErrorKind::network, "names no hash");
  for (const char* name : {"modelscope:name", "modelscope:../x", "modelscope:a/b/c", "modelscope:"})
    refuses(name, ErrorKind::invalid_input, "expected org/name");
  EXPECT_FALSE(fs::exists(folder.path() / "evil"));
}

TEST_F(ModelScopePull, WhatIsNoListingIsRefused) {
  struct Case {
    const char* page;
    ErrorKind kind;
    const char* expected;
  };
  std::string page;
  special = [&](const HttpServerRequest&) { return HttpServerReply{200, page}; };
  for (const Case& c :
       {Case{"<html>", ErrorKind::network, "JSON"},
        Case{R"({"Success": false, "Message": "no right"})", ErrorKind::network, "no right"},
        Case{R"({"Success": true})", ErrorKind::network, "'Data'"},
        Case{R"({"Success": true, "Data": {"Files": null}})", ErrorKind::not_found, "branch"},
        Case{R"({"Data": {"Files": {}}})", ErrorKind::network, "'Data.Files'"},
        Case{R"({"Data": {"Files": [1]}})", ErrorKind::network, "no object"},
        Case{R"({"Data": {"Files": [{"Path": "m.gguf", "Size": -1}]}})", ErrorKind::network,
             "a size of -1"},
        Case{R"({"Data": {"Files": []}})", ErrorKind::unsupported, "no safetensors"}}) {
    page = c.page;
    refuses(model, c.kind, c.expected);
  }
  for (int i = 0; i < 3000; ++i) listed.push_back({{"Path", concat(i)}, {"Size", 0}});
  page = list().body;
  refuses(model, ErrorKind::unsupported, "3000 files");
}

TEST_F(ModelScopePull, MissingAndForbiddenModelsAreToldApart) {
  refuses("modelscope:org/missing", ErrorKind::not_found, "HTTP 404");
  special = [](const HttpServerRequest&) { return HttpServerReply{403}; };
  refuses(model, ErrorKind::network, "set MODELSCOPE_API_TOKEN");
  remote.offline = true;
  refuses(model, ErrorKind::network, "HF_HUB_OFFLINE");
}

TEST(ModelScopeRemote, TheEnvironmentSaysWhereItIs) {
  const auto endpoint = [](const char* name) { return HubRemote::from_environment(name).endpoint; };
  const char* name = "modelscope:org/name:Q4_0";
  EXPECT_EQ(endpoint(name), "https://www.modelscope.cn");
  ::setenv("MODELSCOPE_DOMAIN", "www.modelscope.ai", 1);
  EXPECT_EQ(endpoint(name), "https://www.modelscope.ai");
  ::setenv("MODELSCOPE_ENDPOINT", "http://mirror.example/", 1);
  EXPECT_EQ(endpoint(name), "http://mirror.example");
  EXPECT_EQ(endpoint("org/name"), "https://huggingface.co");
  ::setenv("MODELSCOPE_API_TOKEN", "ms", 1);
  ::setenv("HF_TOKEN", "hf", 1);
  EXPECT_EQ(HubRemote::from_environment(name).token, "ms");
  EXPECT_EQ(HubRemote::from_environment("org/name").token, "hf");
  ::setenv("MODELSCOPE_API_TOKEN", "a b", 1);
  EXPECT_THROW(HubRemote::from_environment(name), Error);
  for (const char* variable :
       {"MODELSCOPE_DOMAIN", "MODELSCOPE_ENDPOINT", "MODELSCOPE_API_TOKEN", "HF_TOKEN"})
    ::unsetenv(variable);
}

}  // namespace
}  // namespace deepseek
