// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deepseek {

/// What a model's publisher recommends for generating: generation_config.json, or what GGUF
/// metadata says about the end of a text. Unset fields are not recommended either way.
struct GenerationConfig {
  std::optional<int64_t> bos_token_id;
  std::vector<int64_t> eos_token_ids;
  std::optional<int64_t> pad_token_id;
  std::optional<bool> do_sample;
  std::optional<double> temperature, top_p, min_p, repetition_penalty;
  std::optional<int64_t> top_k;
  std::optional<int64_t> max_new_tokens;

  /// Throws bad_file, beginning with `where`, for a value out of range.
  void validate(const std::string& where) const;

  bool operator==(const GenerationConfig&) const = default;
};

/// Throws bad_file, beginning with `where`, for wrong types and values out of range.
GenerationConfig generation_config_from_json(std::string_view text, const std::string& where);

/// `<folder>/generation_config.json`, or an empty one when there is none.
GenerationConfig read_generation_config(const std::filesystem::path& folder);

/// Keeps the first of each id.
void drop_repetitions(std::vector<int64_t>& ids);

std::string generation_config_to_json(const GenerationConfig& config);

}  // namespace deepseek
