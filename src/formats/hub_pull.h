// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/progress.h"
#include "formats/hub_cache.h"

namespace deepseek {

/// Where models come from and how patient the download is.
struct HubRemote {
  std::string endpoint = "https://huggingface.co";  // HF_ENDPOINT
  std::string token;                                // HF_TOKEN
  bool offline = false;                             // HF_HUB_OFFLINE
  int retries = 5;                                  // in a row, without a byte of progress
  int retry_delay_ms = 500;                         // doubles with each

  static HubRemote from_environment();
};

/// Downloads org/name[:file-or-quant] at `revision` into the cache and answers the snapshot.
/// Resumes what an earlier run left, checks sizes and hashes before a file appears under its name,
/// and never writes outside the cache. Throws network (HTTP failures; 401 and 403 name HF_TOKEN),
/// not_found, busy (another process downloads the same model), out_of_memory (disk full), and what
/// choose_model_files throws.
HubSnapshot pull_model(const HubCache& cache, const HubRemote& remote, const std::string& name,
                       const std::string& revision, const ProgressSink& progress,
                       const NoticeSink& notice);

}  // namespace deepseek
