// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "formats/gguf_writer.h"
#include "model/config.h"

namespace deepseek {

/// What config_from_gguf reads back, for a new file whose matrices are mostly of `format`. Two keys
/// are our own, written only where no common key can say it: `attention.latent_norm_rms_epsilon`,
/// and `rope.scaling.yarn_mscale` or `yarn_attention_factor` where cos and sin are scaled. Throws
/// unsupported for settings that a GGUF file cannot say.
void add_config_fields(const ModelConfig& config, const std::string& name, Format format,
                       GgufFields& fields);

/// True where some setting needs a key of our own, which other programs do not know.
bool needs_own_gguf_keys(const ModelConfig& config);

}  // namespace deepseek
