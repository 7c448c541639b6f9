// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace deepseek {

/// What names of ModelScope's models begin with; others are Hugging Face's.
inline constexpr std::string_view modelscope_prefix = "modelscope:";

/// "org/name" or "name" as the hubs spell them: letters, digits, '.', '_', '-'; no "..", no "--".
/// "modelscope:org/name" is one too.
bool is_repo_name(std::string_view name);

/// A relative path that stays below where it is put: no empty, "." or ".." parts, no backslash, no
/// control characters, at most 1024 bytes.
bool is_safe_file_name(std::string_view name);

/// 40 lower-case hexadecimal digits.
bool is_commit_id(std::string_view text);

/// "model" of "model-00002-of-00003.gguf", and 2 of 3; anything else is part 1 of 1.
struct SplitName {
  std::string stem;
  int part = 1, parts = 1;
};
SplitName split_gguf_name(std::string_view name);

/// "org/name" or "modelscope:org/name", and what follows a colon behind it.
struct HubName {
  std::string repo, selector;
};
HubName parse_hub_name(std::string_view text);

/// Of a repository's files those that make one model, sorted: with a selector the file of that
/// name, or the GGUF of that quantisation ("Q4_K_M", case does not matter), in all its parts;
/// without one the safetensors with configuration and tokenizer, else the only GGUF. Throws
/// not_found when the selector names nothing, invalid_input naming the choices when several fit,
/// bad_file when parts of a split are missing, unsupported when there is no model at all.
std::vector<std::string> choose_model_files(const std::string& repo,
                                            std::span<const std::string> names,
                                            const std::string& selector);

}  // namespace deepseek
