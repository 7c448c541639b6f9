// SPDX-License-Identifier: Apache-2.0
#include "formats/hub_pull.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "formats/file_hash.h"
#include "tests/support/http_server.h"
#include "tests/support/temporary_folder.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;
using testing::HttpServer;
using testing::HttpServerReply;
using testing::HttpServerRequest;
using testing::ranged_reply;
using testing::TemporaryFolder;

constexpr const char* commit = "0123456789abcdef0123456789abcdef01234567";

std::string hash_text(const std::string& content, bool lfs) {
  const TemporaryFolder folder;
  const fs::path path = folder.write("x", content);
  return lfs ? file_sha256(path) : file_git_id(path);
}

/// A Hub with one repository whose files the test sets; `special` may answer first.
class HubPull : public ::testing::Test {
 protected:
  HubPull()
      : cache(folder.path() / "hub"),
        server([this](const auto& request) { return answer(request); }) {
    remote.endpoint = server.url();
    remote.retry_delay_ms = 1;
  }

  void add(const std::string& name, const std::string& content, bool lfs) {
    files[name] = content;
    nlohmann::json entry{{"rfilename", name}, {"size", content.size()}};
    entry["blobId"] = lfs ? std::string(40, 'e') : hash_text(content, false);
    if (lfs) entry["lfs"] = {{"sha256", hash_text(content, true)}, {"size", content.size()}};
    siblings.push_back(entry);
  }

  HttpServerReply answer(const HttpServerRequest& request) {
    if (special)
      if (const auto reply = special(request)) return *reply;
    if (request.target.starts_with("/api/models/org/name/revision/main"))
      return {200, nlohmann::json{{"sha", commit}, {"siblings", siblings}}.dump()};
    const std::string prefix = std::string("/org/name/resolve/") + commit + "/";
    if (!request.target.starts_with(prefix)) return {404};
    const auto file = files.find(request.target.substr(prefix.size()));
    return file == files.end() ? HttpServerReply{404} : ranged_reply(request, file->second);
  }

  HubSnapshot pull(const std::string& name) {
    return pull_model(cache, remote, name, "main", {}, {});
  }

  std::string refusal(const std::string& name, ErrorKind expected) {
    try {
      pull(name);
    } catch (const Error& error) {
      EXPECT_EQ(error_kind_name(error.kind()), error_kind_name(expected)) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "nothing was refused";
    return "";
  }

  std::string content(const HubSnapshot& snapshot, const std::string& name) {
    return read_text_file(snapshot.folder / name);
  }

  TemporaryFolder folder;
  HubCache cache;
  HubRemote remote{.endpoint = ""};
  std::map<std::string, std::string> files;
  nlohmann::json siblings = nlohmann::json::array();
  std::function<std::optional<HttpServerReply>(const HttpServerRequest&)> special;
  HttpServer server;
};

TEST(FileHash, KnowsPublishedDigests) {
  EXPECT_EQ(hash_text("abc", true),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash_text("", false), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
}

TEST_F(HubPull, AFolderModelArrivesCheckedAndLinked) {
  add("config.json", "{}", false);
  add("model.safetensors", std::string(100000, 'w'), true);
  add("pytorch_model.bin", "no", true);
  const HubSnapshot snapshot = pull("org/name");
  EXPECT_EQ(snapshot.commit, commit);
  EXPECT_EQ(snapshot.names(), (std::vector<std::string>{"config.json", "model.safetensors"}));
  EXPECT_EQ(content(snapshot, "config.json"), "{}");
  EXPECT_EQ(content(snapshot, "model.safetensors").size(), 100000u);
  EXPECT_TRUE(fs::is_symlink(snapshot.folder / "config.json"));
  EXPECT_EQ(read_text_file(cache.model_folder("org/name") / "refs/main"), commit);
  const size_t requests = server.requests().size();
  pull("org/name");
  EXPECT_EQ(server.requests().size(), requests + 1) << "only the list is asked for again";
}

TEST_F(HubPull, ACutConnectionResumesWhereItEnded) {
  std::string weights;
  for (int i = 0; i < 30000; ++i) weights += std::to_string(i);
  add("m-Q4_0.gguf", weights, true);
  int cuts = 0;
  special = [&](const HttpServerRequest& request) -> std::optional<HttpServerReply> {
    if (request.target.find("resolve") == std::string::npos || cuts == 3) return std::nullopt;
    ++cuts;
    HttpServerReply reply = ranged_reply(request, weights);
    reply.cut_after = 40000;
    return reply;
  };
  EXPECT_EQ(content(pull("org/name:Q4_0"), "m-Q4_0.gguf"), weights);
  std::vector<uint64_t> firsts;
  for (const HttpServerRequest& request : server.requests())
    if (request.target.find("resolve") != std::string::npos) firsts.push_back(request.first_byte());
  EXPECT_EQ(firsts, (std::vector<uint64_t>{0, 40000, 80000, 120000}));
}

TEST_F(HubPull, ALaterCallResumesWhatAnEarlierOneLeft) {
  const std::string weights(90000, 'x');
  add("m.gguf", weights, true);
  bool broken = true;
  special = [&](const HttpServerRequest& request) -> std::optional<HttpServerReply> {
    if (request.target.find("resolve") == std::string::npos || !broken) return std::nullopt;
    if (request.first_byte() > 0) return HttpServerReply{503};
    HttpServerReply reply{200, weights};
    reply.cut_after = 50000;
    return reply;
  };
  remote.retries = 1;
  refusal("org/name", ErrorKind::network);
  ASSERT_EQ(cache.models().size(), 1u);
  EXPECT_EQ(cache.models()[0].repo, "org/name");
  EXPECT_EQ(cache.models()[0].unfinished_bytes, 50000u);
  broken = false;
  EXPECT_EQ(content(pull("org/name"), "m.gguf"), weights);
  EXPECT_EQ(cache.models()[0].unfinished_bytes, 0u);
  EXPECT_EQ(server.requests().back().first_byte(), 50000u);
}

TEST_F(HubPull, AServerThatIgnoresRangesStartsOver) {
  const std::string weights = std::string(50000, 'a') + std::string(50000, 'b');
  add("m.gguf", weights, true);
  int calls = 0;
  special = [&](const HttpServerRequest& request) -> std::optional<HttpServerReply> {
    if (request.target.find("resolve") == std::string::npos) return std::nullopt;
    HttpServerReply reply{200, weights};
    if (++calls == 1) reply.cut_after = 60000;
    return reply;
  };
  EXPECT_EQ(content(pull("org/name"), "m.gguf"), weights);
}

TEST_F(HubPull, DamagedLeftoversAreDownloadedAgain) {
  const std::string weights(5000, 'x');
  add("m.gguf", weights, true);
  folder.write(fs::path("hub/models--org--name/blobs") / (hash_text(weights, true) + ".incomplete"),
               std::string(100, 'y'));
  EXPECT_EQ(content(pull("org/name"), "m.gguf"), weights);
}

TEST_F(HubPull, AWrongHashIsRefusedAndNothingIsKept) {
  add("m.gguf", "the right bytes", true);
  files["m.gguf"] = "the wrong bytes";
  EXPECT_NE(refusal("org/name", ErrorKind::network).find("expected sha256"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(cache.model_folder("org/name") / "blobs"));
  EXPECT_FALSE(fs::exists(cache.model_folder("org/name") / "refs"));
}

TEST_F(HubPull, ASmallFileWithAWrongGitIdIsRefused) {
  add("config.json", "{}", false);
  add("model.safetensors", "w", true);
  files["config.json"] = "[]";
  EXPECT_NE(refusal("org/name", ErrorKind::network).find("expected git id"), std::string::npos);
}

TEST_F(HubPull, MoreBytesThanAnnouncedAreRefused) {
  add("m.gguf", "short", true);
  files["m.gguf"] = "much longer than that";
  refusal("org/name", ErrorKind::network);
}

TEST_F(HubPull, NamesThatLeaveTheCacheAreRefused) {
  for (const char* name : {"../evil.gguf", "/tmp/evil.gguf", "a/../../evil.gguf"}) {
    siblings = nlohmann::json::array();
    add(name, "GGUF", true);
    EXPECT_NE(refusal("org/name", ErrorKind::network).find("refused file name"), std::string::npos);
  }
  EXPECT_FALSE(fs::exists(folder.path() / "evil.gguf"));
}

TEST_F(HubPull, ACommitThatIsNoneIsRefused) {
  special = [&](const HttpServerRequest&) -> std::optional<HttpServerReply> {
    return HttpServerReply{200, R"({"sha": "../../../x", "siblings": []})"};
  };
  refusal("org/name", ErrorKind::network);
  special = [&](const HttpServerRequest&) -> std::optional<HttpServerReply> {
    return HttpServerReply{200, "<html>"};
  };
  refusal("org/name", ErrorKind::network);
}

TEST_F(HubPull, RedirectsAreFollowedWithoutTheTokenElsewhere) {
  const std::string weights(1000, 'q');
  add("m.gguf", weights, true);
  HttpServer mirror(
      [&](const HttpServerRequest& request) { return ranged_reply(request, weights); });
  special = [&](const HttpServerRequest& request) -> std::optional<HttpServerReply> {
    if (request.target.find("resolve") == std::string::npos) return std::nullopt;
    return HttpServerReply{302, "", {{"Location", mirror.url() + "/cdn/blob?x=1"}}};
  };
  remote.token = "hf_secret";
  EXPECT_EQ(content(pull("org/name"), "m.gguf"), weights);
  for (const HttpServerRequest& request : server.requests())
    EXPECT_EQ(request.headers.at("authorization"), "Bearer hf_secret");
  ASSERT_EQ(mirror.requests().size(), 1u);
  EXPECT_FALSE(mirror.requests()[0].headers.contains("authorization"));
}

TEST_F(HubPull, ACircleOfRedirectsEnds) {
  special = [&](const HttpServerRequest&) -> std::optional<HttpServerReply> {
    return HttpServerReply{302, "", {{"Location", "/again"}}};
  };
  EXPECT_NE(refusal("org/name", ErrorKind::network).find("redirects"), std::string::npos);
}

TEST_F(HubPull, MissingAndForbiddenModelsAreToldApart) {
  EXPECT_NE(refusal("org/missing", ErrorKind::not_found).find("404"), std::string::npos);
  for (const int status : {401, 403}) {
    special = [&](const HttpServerRequest&) { return HttpServerReply{status}; };
    EXPECT_NE(refusal("org/name", ErrorKind::network).find("HF_TOKEN"), std::string::npos);
  }
}

TEST_F(HubPull, TransientFailuresAreTriedAgainAndTheTokenIsNeverShown) {
  add("m.gguf", "GGUF", true);
  int calls = 0;
  special = [&](const HttpServerRequest&) -> std::optional<HttpServerReply> {
    return ++calls % 2 == 1 ? std::optional(HttpServerReply{503}) : std::nullopt;
  };
  remote.token = "hf_secret";
  std::string notices;
  pull_model(cache, remote, "org/name", "main", {},
             [&](const std::string& text) { notices += text + "\n"; });
  EXPECT_NE(notices.find("503"), std::string::npos);
  special = [](const HttpServerRequest&) { return HttpServerReply{500}; };
  notices += refusal("org/name", ErrorKind::network);
  EXPECT_NE(notices.find("gave up after 6 tries"), std::string::npos) << notices;
  EXPECT_EQ(notices.find("hf_secret"), std::string::npos);
}

TEST_F(HubPull, NobodyListeningIsANetworkError) {
  remote.endpoint = "http://127.0.0.1:1";
  remote.retries = 1;
  refusal("org/name", ErrorKind::network);
  remote.offline = true;
  EXPECT_NE(refusal("org/name", ErrorKind::network).find("HF_HUB_OFFLINE"), std::string::npos);
}

TEST_F(HubPull, OfflineIsSaidInAnyCase) {
  for (const char* value : {"1", "True", "YES", "on"}) {
    ::setenv("HF_HUB_OFFLINE", value, 1);
    EXPECT_TRUE(HubRemote::from_environment("org/name").offline) << value;
  }
  for (const char* value : {"", "0", "false"}) {
    ::setenv("HF_HUB_OFFLINE", value, 1);
    EXPECT_FALSE(HubRemote::from_environment("org/name").offline) << value;
  }
  ::unsetenv("HF_HUB_OFFLINE");
}

TEST_F(HubPull, NothingIsWrittenThroughALinkOutOfTheCache) {
  const TemporaryFolder outside;
  add("config.json", "{}", false);
  add("model.safetensors", "w", true);
  fs::create_directories(cache.model_folder("org/name").parent_path());
  fs::create_directory_symlink(outside.path(), cache.model_folder("org/name"));
  EXPECT_NE(refusal("org/name", ErrorKind::bad_file).find("leads out of the model cache"),
            std::string::npos);
  EXPECT_TRUE(fs::is_empty(outside.path()));
}

TEST_F(HubPull, TwoDownloadsOfOneModelDoNotMix) {
  const HubLock lock(cache, "org/name");
  refusal("org/name", ErrorKind::busy);
}

TEST_F(HubPull, AnInterruptEndsTheDownloadAndKeepsWhatArrived) {
  const std::string weights(200000, 'x');
  add("m.gguf", weights, true);
  const ProgressSink stop = [](const Progress& progress) {
    if (progress.done > 0) fail(ErrorKind::interrupted, "interrupted");
  };
  EXPECT_THROW(pull_model(cache, remote, "org/name", "main", stop, {}), Error);
  EXPECT_TRUE(fs::exists(cache.model_folder("org/name") / "blobs" /
                         (hash_text(weights, true) + ".incomplete")));
  EXPECT_EQ(content(pull("org/name"), "m.gguf"), weights);
}

}  // namespace
}  // namespace deepseek
