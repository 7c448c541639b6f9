// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/scheduler/scheduler.h"
#include "engine/text_model.h"
#include "serve/api/model_names.h"
#include "serve/api/timeouts.h"
#include "serve/http/operations.h"
#include "serve/http/server.h"
#include "serve/store/database.h"

namespace deepseek::serve {

/// A model and what requests call it.
struct ServedModel {
  std::string name;
  std::filesystem::path path;
};

/// A whole server: models, their routes, keys, probes, metrics and log.
struct ModelServerConfig {
  ServerConfig http;
  DrainConfig drain;
  std::vector<ServedModel> models;  // at least one; the first answers requests that name none
  TextModelOptions model;           // of each
  SchedulerOptions scheduler;       // of each; the disk is shared
  /// What models and their caches may take together; 0: four fifths of the machine's memory.
  int64_t memory_bytes = 0;
  /// A model that nobody used for so long is unloaded; 0: only when its memory is needed.
  std::chrono::seconds unload_after{0};
  ModelNames::Aliases aliases{{"deepseek-chat", {.thinking = false}},
                              {"deepseek-reasoner", {.thinking = true}},
                              {"claude-*", {}}};
  TimeLimits time_limits;  // of each request
  /// Whether, while a model thinks, calls must come back with the reasoning that led to them.
  bool strict_replay = true;
  std::vector<std::string> api_keys;  // static ones; without any key at all everyone may
  /// Where keys, balances and the ledger are kept; none: static keys alone, nothing is counted.
  std::optional<store::StoreLocation> store;
  int64_t files_bytes = int64_t{10} << 30;  // of uploaded files, kept in the store's data_path
  std::filesystem::path prices;             // price file; empty: everything is free
  std::string otlp_endpoint;                // collector of traces; empty: none
  bool force_public = false;                // listen beyond this machine without keys
  std::filesystem::path access_log;         // empty: standard error
  bool log_requests = true;
  /// The worker counts as stuck when it has work and completed no step for so long.
  std::chrono::seconds stuck_after{120};
};

/// ModelServerConfig's memory_bytes, or what 0 stands for.
int64_t memory_budget(int64_t memory_bytes);

class ModelServer {
 public:
  explicit ModelServer(ModelServerConfig config);
  /// Ends requests, those too that wait for a model, and all threads.
  ~ModelServer();

  /// Listens and begins to load; answers before the models are there. Throws as HttpServer::start
  /// and check_bind.
  void start();
  std::vector<ListenAddress> addresses() const;
  /// Until the models are loaded that fit; rethrows why one could not be.
  void wait_loaded();
  /// Until a signal; false when requests had to be cut. Rethrows why a model could not be loaded.
  bool run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deepseek::serve
