// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "formats/gguf.h"
#include "model/config.h"
#include "model/generation_config.h"

namespace deepseek {

/// The config of a GGUF model of architecture llama, qwen2, deepseek or deepseek2, from its
/// metadata and the presence and shape of its tensors, validated. Keys that older converters did
/// not write take the value those files meant. Throws bad_file naming file and key, and unsupported
/// for other architectures and settings that are not computed here.
///
/// What differs from the Hugging Face form of the same model: rows of q and k are stored for
/// interleaved rotary pairs (llama, deepseek), llama3 scaling stands as frequency divisors, and one
/// epsilon serves all norms.
ModelConfig config_from_gguf(const GgufFile& file);

/// Ends of generation: eos, eot and eom of the metadata, then control tokens whose text is a known
/// end of turn, as one set without repetition; and bos and padding.
GenerationConfig generation_config_from_gguf(const GgufFile& file);

/// The double whose shortest decimal form is that of `value`: 1e-6 for the f32 nearest to it.
double shortest_double(float value);

}  // namespace deepseek
