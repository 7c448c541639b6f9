// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "cli/console.h"
#include "cli/flags.h"
#include "engine/generate.h"
#include "engine/text_model.h"

namespace deepseek::cli {

/// What --threads, --ctx, --cache-bytes, --adapter and --precision say, loading shown.
TextModelOptions model_options(const Flags& flags, Console& console);

/// The model with --threads, --ctx, --cache-bytes, --adapter and --precision as given.
std::unique_ptr<TextModel> open_text_model(const Flags& flags, const std::string& model,
                                           Console& console);

/// Greedy unless the model's publisher recommends sampling or a sampling flag is given.
SampleOptions sample_options(const Flags& flags, const GenerationConfig& recommended,
                             uint64_t default_seed);

/// sample_options, stops, lengths and log-probabilities.
GenerateOptions generate_options(const Flags& flags, const TextModel& model, uint64_t default_seed);

/// 0 when standard input is no terminal, so that scripts get the same answer twice; else random.
uint64_t default_seed(const Console& console);

/// "31 tokens, 24.1 tokens/s; prompt 12 tokens, 310 tokens/s".
std::string speed_text(const Generated& generated, const Console& console);

}  // namespace deepseek::cli
