// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"
#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "formats/http_client.h"

namespace deepseek::cli {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr size_t largest_answer_bytes = size_t{1} << 20;

std::string server_url(const Flags& flags) {
  if (auto url = flags.text("url")) {
    while (url->ends_with('/')) url->pop_back();
    return *url;
  }
  const std::string scheme = flags.text("tls-cert") ? "https" : "http";
  std::string host = flags.text("host").value_or("127.0.0.1");
  if (host == "0.0.0.0" || host == "::") host = "127.0.0.1";
  if (host.find(':') != std::string::npos) host = concat("[", host, "]");
  return concat(scheme, "://", host, ":", *flags.integer("port"),
                flags.text("url-prefix").value_or(""));
}

std::string fetched(const std::string& url, const std::string& key) {
  std::string text;
  HttpReply reply;
  try {
    reply = http_get({.url = url, .bearer_token = key},
                     {.begin = [](uint64_t) {},
                      .bytes =
                          [&](std::string_view bytes) {
                            if (text.size() + bytes.size() > largest_answer_bytes)
                              fail(ErrorKind::network, url, ": the answer is too large");
                            text += bytes;
                          }});
  } catch (const HttpFailure& failure) {
    fail(ErrorKind::network, failure.reason,
         "; start a server with 'deepseek serve', or name another with --url");
  }
  if (reply.status == 401 || reply.status == 403)
    fail(ErrorKind::network, url, ": status ", reply.status, ": expected a key that may chat; ",
         "name one with --api-key");
  if (reply.status != 200) fail(ErrorKind::network, url, ": status ", reply.status);
  return text;
}

/// The list of a deepseek or ollama server.
ordered_json loaded_models(const std::string& url, const std::string& text) {
  const json page = json::parse(text, nullptr, false);
  const auto refuse = [&] {
    fail(ErrorKind::network, url, ": expected the list of loaded models, got another answer");
  };
  if (!page.is_object() || !page.contains("models") || !page["models"].is_array()) refuse();
  ordered_json models = ordered_json::array();
  for (const json& model : page["models"]) {
    if (!model.is_object() || !model.value("name", json()).is_string()) refuse();
    const json size = model.value("size", json()), length = model.value("context_length", json());
    const json until = model.value("expires_at", json());
    models.push_back(
        {{"name", model["name"]},
         {"size_bytes", size.is_number_integer() ? size : json(0)},
         {"context_length", length.is_number_integer() ? length : json(0)},
         {"expires_at",
          until.is_string() && !until.get<std::string>().starts_with("9999") ? until : json()}});
  }
  return models;
}

}  // namespace

int run_ps(const Flags& flags, Console& console) {
  const std::string server = server_url(flags);
  const std::vector<std::string> keys = flags.list("api-key");
  const std::string url = concat(server, "/api/ps");
  const ordered_json models = loaded_models(url, fetched(url, keys.empty() ? "" : keys.front()));
  if (console.json()) {
    console.line(ordered_json{{"url", server}, {"models", models}}.dump());
    return 0;
  }
  if (models.empty()) {
    console.notice(console.say("ps.empty", server));
    return 0;
  }
  std::vector<std::vector<std::string>> rows{{"NAME", "MEMORY", "CONTEXT", "UNTIL"}};
  for (const ordered_json& model : models)
    rows.push_back({printable(model["name"].get<std::string>()),
                    size_text(model["size_bytes"].get<uint64_t>()),
                    concat(model["context_length"].get<int64_t>()),
                    model["expires_at"].is_null() ? console.say("ps.stays")
                                                  : model["expires_at"].get<std::string>()});
  print_table(rows, console);
  return 0;
}

}  // namespace deepseek::cli
