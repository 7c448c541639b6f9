// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "cli/dry_run.h"
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

/// "NAME=MODEL" in two; no name where there is none.
std::pair<std::string, std::string> named(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || text.find('/') < equals) return {"", text};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::vector<serve::ServedModel> served_models(const Flags& flags) {
  std::vector<std::string> texts = flags.arguments("MODEL");
  if (texts.empty()) texts = {"starter"};
  const std::optional<std::string> only_name = flags.text("model-name");
  if (only_name && texts.size() > 1)
    fail(ErrorKind::invalid_input, "model-name: expected one model, got ", texts.size(),
         "; name them as in ", *only_name, "=", texts.front());
  std::vector<serve::ServedModel> models;
  for (const std::string& text : texts) {
    const auto [name, model] = named(text);
    models.push_back({only_name.value_or(name.empty() ? model : name), model_path(model)});
  }
  return models;
}

/// Of seconds; whatever is above zero is at least one.
std::chrono::milliseconds milliseconds_of(const Flags& flags, std::string_view name) {
  const double ms = *flags.number(name) * 1000;
  return std::chrono::milliseconds(ms > 0 ? std::max<int64_t>(std::llround(ms), 1) : 0);
}

serve::ModelServerConfig config_of(const Flags& flags, Console& console) {
  serve::ModelServerConfig config;
  config.models = served_models(flags);
  config.model = model_options(flags, console);
  config.memory_bytes = flags.size_bytes("memory-bytes").value_or(0);
  config.unload_after = std::chrono::seconds(*flags.integer("unload-after"));

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
  for (const std::string& text : flags.list("model-alias")) {
    const auto [name, model] = named(text);
    if (name.empty())
      config.aliases.try_emplace(model);
    else
      config.aliases[name].model = model;
  }
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
  config.drain.delay_ms = *flags.integer("drain-delay") * 1000;

  config.time_limits = {.queue = milliseconds_of(flags, "queue-timeout"),
                        .first_token = milliseconds_of(flags, "first-token-timeout"),
                        .total = milliseconds_of(flags, "total-timeout")};
  config.http.idle_timeout_ms = milliseconds_of(flags, "idle-timeout").count();
  config.http.keep_alive_ms = milliseconds_of(flags, "keep-alive-seconds").count();

  config.scheduler.max_running = *flags.integer("max-running");
  config.scheduler.max_waiting_requests = *flags.integer("max-waiting");
  config.scheduler.prefix_cache = flags.on("prefix-cache");
  if (const auto folder = flags.text("cache-disk"))
    config.scheduler.disk = DiskTierOptions{*folder, *flags.size_bytes("cache-disk-bytes")};
  return config;
}

}  // namespace

int run_serve(const Flags& flags, Console& console) {
  if (flags.on("dry-run")) {
    std::vector<DryRunModel> models;
    for (const serve::ServedModel& model : served_models(flags))
      models.push_back({model.name, model.path});
    dry_run(models, model_options(flags, console),
            serve::memory_budget(flags.size_bytes("memory-bytes").value_or(0)), console);
    return 0;
  }
  serve::ModelServerConfig config = config_of(flags, console);
  std::vector<std::string> names;
  names.reserve(config.models.size());
  for (const serve::ServedModel& model : config.models) names.push_back(model.name);
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
    console.line(
        nlohmann::ordered_json{{"model", names.front()}, {"models", names}, {"urls", urls}}.dump());
  } else {
    std::string joined;
    for (const std::string& name : names) joined += concat(joined.empty() ? "" : ", ", name);
    for (const auto& url : urls)
      console.line(console.say("serve.listens", joined, url.get<std::string>()));
  }
  console.flush();
  server.run();
  return 0;
}

}  // namespace deepseek::cli
