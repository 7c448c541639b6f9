// SPDX-License-Identifier: Apache-2.0
// Files and batches through a whole server: what openai's clients send and read.
#include "serve/store/batches.h"

#include <map>
#include <sstream>

#include "tests/serve/api/accounted_server.h"
#include "tests/serve/http/test_server.h"

namespace deepseek::serve {
namespace {

using namespace deepseek::testing;
using nlohmann::json;

constexpr const char* prices =
    "currency: USD\nzone: UTC\nmodels:\n"
    "  tiny: [{from: 2020-01-01, hit: 1, miss: 2, output: 4}]\n";

class Batches : public AccountedServer {
 protected:
  Batches() {
    alice = keys.create({.name = "alice"});
    bob = keys.create({.name = "bob"});
  }

  RawClient::Reply upload(const std::string& content, const std::string& purpose = "batch") {
    return upload_as(alice.secret, content, purpose);
  }
  RawClient::Reply upload_as(const std::string& secret, const std::string& content,
                             const std::string& purpose = "batch") {
    const std::string body =
        "--B\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n" + purpose +
        "\r\n--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"in.jsonl\"\r\n\r\n" +
        content + "\r\n--B--\r\n";
    RawClient client(address());
    client.post("/v1/files", body,
                "Content-Type: multipart/form-data; boundary=B\r\n" + sent(secret));
    return client.reply();
  }

  json make_batch(const std::string& content) {
    const json file = json::parse(upload(content).body);
    const auto reply = post("/v1/batches",
                            {{"input_file_id", file.at("id")},
                             {"endpoint", "/v1/chat/completions"},
                             {"completion_window", "24h"},
                             {"metadata", {{"night", "1"}}}},
                            alice.secret);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return json::parse(reply.body);
  }

  json look_up(const json& batch) {
    return json::parse(get("/v1/batches/" + batch.at("id").get<std::string>(), alice.secret).body);
  }

  template <class Condition>
  json wait_for(const json& batch, const Condition& condition) {
    json now = batch;
    EXPECT_TRUE(eventually([&] { return condition(now = look_up(batch)); })) << now;
    return now;
  }
  json wait_over(const json& batch) {
    return wait_for(batch, [](const json& now) {
      const auto status = now.at("status").get<std::string>();
      return status == "completed" || status == "failed" || status == "cancelled";
    });
  }

  /// The rows of a result file by custom_id; each comes once.
  std::map<std::string, json> rows(const json& file_id) {
    std::map<std::string, json> found;
    if (file_id.is_null()) return found;
    std::istringstream text(
        get("/v1/files/" + file_id.get<std::string>() + "/content", alice.secret).body);
    for (std::string line; std::getline(text, line);) {
      json row = json::parse(line);
      const auto id = row.at("custom_id").get<std::string>();
      EXPECT_FALSE(found.contains(id)) << id << " comes twice";
      found[id] = std::move(row);
    }
    return found;
  }

  static std::string line(int number, const json& body) {
    return json{{"custom_id", "row-" + std::to_string(number)},
                {"method", "POST"},
                {"url", "/v1/chat/completions"},
                {"body", body}}
               .dump() +
           "\n";
  }
  static std::string embedding_lines(int count) {
    std::string content;
    for (int i = 0; i < count; ++i)
      content += json{{"custom_id", "row-" + std::to_string(i)},
                      {"method", "POST"},
                      {"url", "/v1/embeddings"},
                      {"body", {{"input", "he he"}}}}
                     .dump() +
                 "\n";
    return content;
  }
  static std::string many(int count, int max_tokens) {
    std::string content;
    for (int i = 0; i < count; ++i)
      content += line(i, chat({{"seed", i}, {"max_tokens", max_tokens}}));
    return content;
  }

  store::NewKey alice, bob;
};

TEST_F(Batches, FilesBelongToTheirKey) {
  start();
  const auto reply = upload("some bytes\n", "user_data");
  ASSERT_EQ(reply.status, 200) << reply.body;
  const json file = json::parse(reply.body);
  EXPECT_EQ(file.at("bytes"), 11);
  EXPECT_EQ(file.at("filename"), "in.jsonl");
  EXPECT_EQ(file.at("purpose"), "user_data");
  const std::string path = "/v1/files/" + file.at("id").get<std::string>();
  EXPECT_EQ(get(path + "/content", alice.secret).body, "some bytes\n");
  EXPECT_EQ(json::parse(get(path, alice.secret).body), file);
  EXPECT_EQ(get(path, bob.secret).status, 404);
  EXPECT_EQ(get(path + "/content", bob.secret).status, 404);
  upload("more", "batch");
  const auto list = [&](const std::string& query, const store::NewKey& key) {
    return json::parse(get("/v1/files" + query, key.secret).body);
  };
  EXPECT_EQ(list("", alice).at("data").size(), 2u);
  EXPECT_EQ(list("?purpose=user_data", alice).at("data"), json::array({file}));
  EXPECT_EQ(list("?limit=1", alice).at("has_more"), true);
  EXPECT_EQ(list("", bob).at("data").size(), 0u);
  EXPECT_EQ(get("/v1/files?after=file-none", alice.secret).status, 404);
  EXPECT_EQ(get("/v1/files?limit=0", alice.secret).status, 422);

  const auto remove = [&](const store::NewKey& key) {
    RawClient client(address());
    client.send("DELETE " + path + " HTTP/1.1\r\nHost: localhost\r\n" + sent(key.secret) + "\r\n");
    return client.reply().status;
  };
  EXPECT_EQ(remove(bob), 404);
  EXPECT_EQ(remove(alice), 200);
  EXPECT_EQ(get(path, alice.secret).status, 404);
}

TEST_F(Batches, UploadsAreCheckedAndBounded) {
  config.files_bytes = 100;
  start();
  EXPECT_EQ(upload("x", "fine-tune").status, 422);
  EXPECT_EQ(upload(std::string(101, 'x')).status, 413);
  EXPECT_EQ(upload(std::string(60, 'x')).status, 200);
  const auto full = upload(std::string(60, 'x'));
  EXPECT_EQ(full.status, 413);
  EXPECT_EQ(error_of(full).at("code"), "files_full");
  EXPECT_EQ(post("/v1/files", {{"purpose", "batch"}}, alice.secret).status, 415);
}

TEST_F(Batches, EveryLineIsAnsweredOnceAndPaid) {
  start(prices);
  const json bad = {{"messages", {{{"role", "user"}, {"content", "x"}}}}, {"temperature", 9}};
  const json batch = make_batch(many(12, 8) + line(99, bad));
  EXPECT_EQ(batch.at("status"), "validating");
  EXPECT_EQ(batch.at("metadata"), (json{{"night", "1"}}));
  const json end = wait_over(batch);
  ASSERT_EQ(end.at("status"), "completed") << end;
  EXPECT_EQ(end.at("request_counts"), (json{{"total", 13}, {"completed", 12}, {"failed", 1}}));
  const auto good = rows(end.at("output_file_id")), failed = rows(end.at("error_file_id"));
  ASSERT_EQ(good.size(), 12u);
  for (int i = 0; i < 12; ++i) {
    const json& response = good.at("row-" + std::to_string(i)).at("response");
    EXPECT_EQ(response.at("status_code"), 200);
    const auto alone = json::parse(
        post("/v1/chat/completions", chat({{"seed", i}, {"max_tokens", 8}}), bob.secret).body);
    EXPECT_EQ(response.at("body").at("choices"), alone.at("choices")) << "the same seed and bytes";
  }
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed.at("row-99").at("response").at("status_code"), 422);
  int64_t paid = 0;
  for (const store::LedgerEntry& row : charges()) paid += row.key_id == alice.key.id;
  EXPECT_EQ(paid, 12);
  EXPECT_EQ(get("/v1/batches/" + batch.at("id").get<std::string>(), bob.secret).status, 404);
}

TEST_F(Batches, ARestartGoesOnWhereItWas) {
  start(prices);
  const json batch = make_batch(many(60, 40));
  wait_for(batch, [](const json& now) { return now.at("request_counts").at("completed") >= 5; });
  stop();
  start(prices);
  const json end = wait_over(batch);
  ASSERT_EQ(end.at("status"), "completed") << end;
  EXPECT_EQ(rows(end.at("output_file_id")).size(), 60u);
  EXPECT_TRUE(end.at("error_file_id").is_null());
}

TEST_F(Batches, ACancelledBatchKeepsWhatItHas) {
  start();
  const json batch = make_batch(many(1000, 60));
  wait_for(batch, [](const json& now) { return now.at("request_counts").at("completed") >= 2; });
  const std::string path = "/v1/batches/" + batch.at("id").get<std::string>() + "/cancel";
  EXPECT_EQ(post(path, json::object(), bob.secret).status, 404);
  EXPECT_EQ(json::parse(post(path, json::object(), alice.secret).body).at("status"), "cancelling");
  const json end = wait_over(batch);
  ASSERT_EQ(end.at("status"), "cancelled") << end;
  const auto good = rows(end.at("output_file_id")), left = rows(end.at("error_file_id"));
  EXPECT_GE(good.size(), 2u);
  EXPECT_EQ(good.size() + left.size(), 1000u);
  EXPECT_EQ(left.begin()->second.at("error").at("code"), "batch_cancelled");
  EXPECT_EQ(post(path, json::object(), alice.secret).status, 409);
}

TEST_F(Batches, EachLineOfABatchThatIsCancelledAtOnceIsAnswered) {
  start();
  for (int i = 0; i < 5; ++i) {
    const json batch = make_batch(many(300, 60));
    const std::string path = "/v1/batches/" + batch.at("id").get<std::string>() + "/cancel";
    EXPECT_EQ(post(path, json::object(), alice.secret).status, 200);
    const json end = wait_over(batch);
    ASSERT_EQ(end.at("status"), "cancelled") << end;
    const size_t answered =
        end.at("output_file_id").is_null() ? 0 : rows(end.at("output_file_id")).size();
    EXPECT_EQ(answered + rows(end.at("error_file_id")).size(), 300U);
    EXPECT_EQ(end.at("request_counts").at("total"), 300);
  }
}

TEST_F(Batches, AWrongFileFailsAndSaysWhere) {
  start();
  const json end = wait_over(make_batch(many(2, 4) + "{\n"));
  EXPECT_EQ(end.at("status"), "failed");
  EXPECT_EQ(end.at("errors").at("data").at(0).at("line"), 3);
  EXPECT_EQ(end.at("errors").at("data").at(0).at("code"), "invalid_json_line");
  const auto refused = [&](const json& more) {
    json body = {{"input_file_id", json::parse(upload("{}").body).at("id")},
                 {"endpoint", "/v1/chat/completions"},
                 {"completion_window", "24h"}};
    body.update(more);
    return post("/v1/batches", body, alice.secret).status;
  };
  EXPECT_EQ(refused({{"endpoint", "/v1/files"}}), 422);
  EXPECT_EQ(refused({{"completion_window", "soon"}}), 422);
  EXPECT_EQ(refused({{"completion_window", "8d"}}), 422);
  EXPECT_EQ(refused({{"input_file_id", "file-none"}}), 404);
  EXPECT_EQ(refused({{"input_file_id", 5}}), 400);
}

TEST_F(Batches, ARevokedKeyEndsItsBatch) {
  start();
  const json batch = make_batch(many(1000, 60));
  wait_for(batch, [](const json& now) { return now.at("request_counts").at("completed") >= 2; });
  keys.revoke(alice.key.id);
  store::Owner owner(database);
  store::Batches batches(database, owner);
  const auto id = batch.at("id").get<std::string>();
  EXPECT_TRUE(eventually([&] { return batches.find(alice.key.id, id)->status == "completed"; }));
  const auto end = batches.find(alice.key.id, id);
  EXPECT_EQ(end->status, "completed");
  EXPECT_EQ(end->completed + end->failed, 1000);
  EXPECT_NE(batches.lines(id, "failed", -1, 1).at(0).result.find("key_not_valid"),
            std::string::npos);
}

TEST_F(Batches, NeedTheScopeOfTheirEndpointAsWell) {
  const std::string secret =
      keys.create({.name = "vectors", .scopes = {"files", "batches", "embeddings"}}).secret;
  start();
  const auto create = [&](const std::string& endpoint) {
    const json file = json::parse(upload_as(secret, embedding_lines(2)).body);
    return post(
        "/v1/batches",
        {{"input_file_id", file.at("id")}, {"endpoint", endpoint}, {"completion_window", "24h"}},
        secret);
  };
  for (const auto& [endpoint, scope] :
       {std::pair("/v1/chat/completions", "chat"), std::pair("/v1/completions", "chat"),
        std::pair("/v1/responses", "responses")}) {
    const RawClient::Reply refused = create(endpoint);
    EXPECT_EQ(refused.status, 403) << endpoint;
    EXPECT_EQ(error_of(refused).at("code"), "scope_missing");
    EXPECT_NE(refused.body.find("'" + std::string(scope) + "'"), std::string::npos);
  }
  const RawClient::Reply made = create("/v1/embeddings");
  ASSERT_EQ(made.status, 200) << made.body;
  const std::string path = "/v1/batches/" + json::parse(made.body).at("id").get<std::string>();
  EXPECT_TRUE(eventually([&] {
    return json::parse(get(path, secret).body).at("request_counts").at("completed") == 2;
  }));
}

TEST_F(Batches, EmbeddingsYieldToPeople) {
  one_at_a_time();
  start();
  auto occupant = occupy(alice.secret);
  const json file = json::parse(upload(embedding_lines(3)).body);
  const RawClient::Reply made = post("/v1/batches",
                                     {{"input_file_id", file.at("id")},
                                      {"endpoint", "/v1/embeddings"},
                                      {"completion_window", "24h"}},
                                     alice.secret);
  ASSERT_EQ(made.status, 200) << made.body;
  await_waiting(3, alice.secret);
  const auto person = ask("/v1/chat/completions",
                          chat({{"stream", true}, {"return_progress", true}}), alice.secret);
  EXPECT_EQ(person->reply_head().status, 200);
  EXPECT_NE(person->read_until("\n\n").find("\"queue_position\":1}"), std::string::npos)
      << "before those that came first";
  occupant.reset();
  EXPECT_EQ(wait_over(json::parse(made.body)).at("request_counts").at("completed"), 3);
}

TEST_F(Batches, WithoutAStoreTheServerSaysSo) {
  config.store.reset();
  config.api_keys = {"sk-one"};
  start();
  EXPECT_EQ(get("/v1/files", "sk-one").status, 501);
  EXPECT_EQ(get("/v1/batches", "sk-one").status, 501);
}

}  // namespace
}  // namespace deepseek::serve
