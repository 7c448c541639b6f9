// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace deepseek {

/// What `adapter_config.json` says of a LoRA adapter, in PEFT's names.
struct PeftConfig {
  std::string base_model_name_or_path;
  int64_t r = 0;
  double lora_alpha = 0;
  bool use_rslora = false;
  std::vector<std::string> target_modules;
  std::vector<std::pair<std::string, int64_t>> rank_pattern;  // ends of module names
  std::vector<std::pair<std::string, double>> alpha_pattern;

  /// Rank and alpha of a module: of the first pattern its name ends with, else the common value.
  int64_t rank_of(std::string_view module) const;
  double alpha_of(std::string_view module) const;
};

/// Throws unsupported or bad_file as read_peft_adapter; `path` is what messages call the text.
PeftConfig peft_config_from_json(std::string_view text, const std::filesystem::path& path);

/// Throws as read_peft_adapter.
PeftConfig read_peft_config(const std::filesystem::path& path);

}  // namespace deepseek
