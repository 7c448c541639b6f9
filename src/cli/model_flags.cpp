// SPDX-License-Identifier: Apache-2.0
#include "cli/model_flags.h"

#include <algorithm>

#include "core/error.h"
#include "core/thread_pool.h"
#include "formats/model_location.h"

namespace deepseek::cli {

std::filesystem::path model_path(const std::string& model) {
  const ModelLocation location = locate_model(model);
  if (location.kind == ModelLocation::Kind::folder || location.kind == ModelLocation::Kind::gguf)
    return location.path;
  fail(ErrorKind::bad_file, location.path.string(),
       ": expected a model: a Hugging Face folder or a GGUF file; this file holds no weights");
}

void apply_threads(const Flags& flags, Console& console) {
  const auto threads = flags.integer("threads");
  if (!threads) return;
  const int cpus = available_cpus();
  if (*threads > cpus) console.notice(console.say("threads.capped", *threads, cpus));
  set_compute_threads(int(std::min<int64_t>(*threads, cpus)));
}

}  // namespace deepseek::cli
