// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/progress.h"
#include "formats/hub_cache.h"

namespace deepseek {

/// Where models come from and how patient the download is.
struct HubRemote {
  std::string endpoint;      // HF_ENDPOINT; MODELSCOPE_ENDPOINT or MODELSCOPE_DOMAIN
  std::string token = {};    // HF_TOKEN; MODELSCOPE_API_TOKEN
  bool offline = false;      // HF_HUB_OFFLINE
  int retries = 5;           // in a row, without a byte of progress
  int retry_delay_ms = 500;  // doubles with each

  /// That of the model `name`.
  static HubRemote from_environment(const std::string& name);
};

/// Downloads [modelscope:]org/name[:file-or-quant] into the cache, at `revision`, or at the hub's
/// default branch when that is empty, and answers the snapshot.
/// Resumes what an earlier run left, checks sizes and hashes before a file appears under its name,
/// and never writes outside the cache. Throws network (HTTP failures; 401 and 403 name the token's
/// variable), not_found, busy (another process downloads the same model), out_of_memory (disk
/// full), and what choose_model_files throws.
HubSnapshot pull_model(const HubCache& cache, const HubRemote& remote, const std::string& name,
                       std::string revision, const ProgressSink& progress,
                       const NoticeSink& notice);

}  // namespace deepseek
