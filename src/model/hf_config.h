// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "model/config.h"

namespace deepseek {

/// Reads a Hugging Face config.json in either published form: `rope_theta`, `rope_scaling` and
/// `torch_dtype` at the top level, or `rope_parameters` and `dtype` as transformers 5 writes it.
/// Fields that are missing take transformers' defaults; sizes must be there. The result is
/// validated. Throws bad_file for contradictory or absurd fields and unsupported for settings that
/// would change the numbers and are not computed here, naming the field; messages begin with
/// `where`.
ModelConfig config_from_json(std::string_view text, const std::string& where);

/// config_from_json of `<folder>/config.json`. Throws not_found when it is missing.
ModelConfig read_hf_config(const std::filesystem::path& folder);

/// The config as published repositories write it. Reading it back gives an equal config, except for
/// what only GGUF knows: pairing of q and k rows, frequency divisors, an epsilon of the latent
/// norms. Throws unsupported for frequency divisors that are not those of llama3 scaling.
std::string config_to_json(const ModelConfig& config);

/// Families that run, as messages list them.
std::string supported_model_types();

}  // namespace deepseek
