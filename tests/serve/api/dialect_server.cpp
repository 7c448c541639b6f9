// SPDX-License-Identifier: Apache-2.0
#include "tests/serve/api/dialect_server.h"

#include <fstream>
#include <sstream>

namespace deepseek::testing {

using nlohmann::json;

DialectServer::DialectServer() {
  std::ofstream(config.models.front().path / "tokenizer_config.json") << json{
      {"bos_token", "<s>"},
      {"eos_token", "</s>"},
      {"chat_template",
       "{{ bos_token }}{% for m in messages %}[{{ m.role }}]"
       "{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}"
       "{{ m.content }}{% endfor %}"
       "{% if add_generation_prompt %}[assistant]"
       "{% if enable_thinking %}<think>\n{% endif %}{% endif %}"}}.dump();
}

json DialectServer::answer(const std::string& path, const json& body, const std::string& more) {
  const RawClient::Reply reply = post(path, body, "", more);
  EXPECT_EQ(reply.status, 200) << path << body << reply.body;
  return json::parse(reply.body);
}

std::vector<json> DialectServer::events(const std::string& path, json body) {
  body["stream"] = true;
  const RawClient::Reply reply = post(path, body, "");
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_TRUE(reply.field("Content-Type").starts_with("text/event-stream"));
  std::vector<json> out;
  std::istringstream text(reply.body);
  std::string type;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("event: ")) type = line.substr(7);
    if (!line.starts_with("data: ")) continue;
    out.push_back(json::parse(line.substr(6)));
    EXPECT_EQ(out.back()["type"], type);
  }
  return out;
}

std::vector<json> DialectServer::lines(const std::string& path, const json& body) {
  const RawClient::Reply reply = post(path, body, "");
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.field("Content-Type"), "application/x-ndjson");
  std::vector<json> out;
  std::istringstream text(reply.body);
  for (std::string line; std::getline(text, line);) out.push_back(json::parse(line));
  return out;
}

void DialectServer::expect_refused(const std::string& path, const json& body, int status,
                                   const std::vector<std::string>& texts) {
  const RawClient::Reply reply = post(path, body, "");
  EXPECT_EQ(reply.status, status) << body << reply.body;
  for (const std::string& text : texts)
    EXPECT_NE(reply.body.find(text), std::string::npos) << text << " is not in " << reply.body;
}

json DialectServer::depth_schema() {
  return {{"type", "object"},
          {"properties", {{"depth", {{"type", "integer"}}}}},
          {"required", {"depth"}},
          {"additionalProperties", false}};
}

}  // namespace deepseek::testing
