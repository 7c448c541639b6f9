// SPDX-License-Identifier: Apache-2.0

#include "cli/generate_flags.h"
#include "cli/model_flags.h"
#include "cli/store_flags.h"
#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/text.h"
#include "serve/api/model_server.h"

namespace deepseek::cli {
namespace {

constexpr size_t key_file_limit_bytes = 1 << 20;

/// One key a line; blank lines and lines that begin with # do not count.
std::vector<std::string> keys_in(const std::string& path) {
  std::vector<std::string> keys;
  std::istringstream text(read_text_file(path, key_file_limit_bytes));
  for (std::string line; std::getline(text, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty() && line.front() != '#') keys.push_back(line);
  }
  if (keys.empty())
    fail(ErrorKind::bad_file, path, ": expected a key a line, got none; write one into it");
  return keys;
}

/// The store that was named, or the user's own where one was ever made.
std::optional<store::StoreLocation> served_store(const Flags& flags) {
  const bool named = flags.given("data-path") || flags.given("store-url");
  if (named) return store_location(flags);
  try {
    return existing_store_location(flags);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    return std::nullopt;
  }
}

serve::ModelServerConfig config_of(const Flags& flags, Console& console) {
  serve::ModelServerConfig config;
  const std::string model = flags.argument("MODEL").value_or("starter");
  config.model_path = model_path(model);
  config.model_name = flags.text("model-name").value_or(model);
  config.model = model_options(flags, console);

  const int64_t port = *flags.integer("port");
  config.http.listen = {{flags.text("host").value_or("127.0.0.1"), static_cast<int>(port)}};
  if (const auto listen = flags.list("listen"); !listen.empty()) {
    config.http.listen.clear();
    for (const std::string& one : listen)
      config.http.listen.push_back(serve::parse_listen_address(one));
  }
  config.http.url_prefix = flags.text("url-prefix").value_or("");
  config.http.tls_certificate = flags.text("tls-cert").value_or("");
  config.http.tls_key = flags.text("tls-key").value_or("");
  config.http.cors_origins = flags.list("cors-origin");
  config.http.allowed_hosts = flags.list("allowed-host");
  for (const std::string& name : flags.list("model-alias"))
    config.aliases.insert({name, std::nullopt});
  config.strict_replay = flags.on("strict-replay");
  config.api_keys = flags.list("api-key");
  if (const auto file = flags.text("api-key-file"))
    for (std::string& key : keys_in(*file)) config.api_keys.push_back(std::move(key));
  config.force_public = flags.on("force-public");
  config.store = served_store(flags);
  config.files_bytes = *flags.size_bytes("files-bytes");
  config.prices = flags.text("prices").value_or("");
  config.otlp_endpoint = flags.text("otlp-endpoint").value_or("");
  config.access_log = flags.text("access-log").value_or("");
  config.drain.grace_ms = *flags.integer("drain-seconds") * 1000;

  config.scheduler.max_running = *flags.integer("max-running");
  config.scheduler.max_waiting_requests = *flags.integer("max-waiting");
  config.scheduler.prefix_cache = flags.on("prefix-cache");
  if (const auto folder = flags.text("cache-disk"))
    config.scheduler.disk = DiskTierOptions{*folder, *flags.size_bytes("cache-disk-bytes")};
  return config;
}

}  // namespace

int run_serve(const Flags& flags, Console& console) {
  serve::ModelServerConfig config = config_of(flags, console);
  const std::string name = config.model_name;
  const bool tls = !config.http.tls_certificate.empty();
  const std::string prefix = config.http.url_prefix;
  serve::ModelServer server(std::move(config));
  server.start();
  nlohmann::ordered_json urls = nlohmann::ordered_json::array();
  for (const serve::ListenAddress& address : server.addresses())
    urls.push_back(address.is_unix()
                       ? address.text()
                       : concat(tls ? "https://" : "http://", address.text(), prefix));
  if (console.json()) {
    console.line(nlohmann::ordered_json{{"model", name}, {"urls", urls}}.dump());
  } else {
    for (const auto& url : urls)
      console.line(console.say("serve.listens", name, url.get<std::string>()));
  }
  console.flush();
  server.run();
  return 0;
}

}  // namespace deepseek::cli
