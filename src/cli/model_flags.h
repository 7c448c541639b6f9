// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "cli/console.h"
#include "cli/flags.h"

namespace deepseek::cli {

/// The files of the model that `model` names. Throws bad_file when it is a tokenizer or template
/// alone.
std::filesystem::path model_path(const std::string& model);

/// Sets the compute threads by --threads, but no more than there are CPUs for: more only wait for
/// each other, and results are the same with any number.
void apply_threads(const Flags& flags, Console& console);

}  // namespace deepseek::cli
