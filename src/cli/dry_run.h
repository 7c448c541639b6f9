// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/console.h"
#include "engine/fit.h"

namespace deepseek::cli {

struct DryRunModel {
  std::string name;  // as it was given
  std::filesystem::path path;
};

/// What a person can do about a model that does not simply fit, in the console's language.
std::vector<std::string> remedies_of(const Fit& fit, const TextModelOptions& options,
                                     const Console& console);

/// Says of each model what it takes, whether it fits and how fast it should run, from config and
/// headers alone. `budget_bytes`: what a server's models may take together.
void dry_run(const std::vector<DryRunModel>& models, const TextModelOptions& options,
             std::optional<int64_t> budget_bytes, Console& console);

}  // namespace deepseek::cli
