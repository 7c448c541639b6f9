// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace deepseek {

/// What a name given by a person leads to.
struct ModelLocation {
  enum class Kind {
    folder,          // Hugging Face folder
    gguf,            // a GGUF file, the first one of a split
    tokenizer_json,  // a tokenizer alone
    other_file,      // a file of another kind, such as a template
  };
  Kind kind;
  std::filesystem::path path;
};

/// Repository of the model that `deepseek run` uses when none is named.
inline constexpr const char* starter_repo = "deepseek-starter/SmolLM2-135M-Instruct";

/// Finds an existing path, else the alias "starter", else a folder or org/name[:file-or-quant] in
/// the model cache. Files are told apart by content. Throws not_found naming the nearest name and
/// the command that fetches it, bad_file for a folder without a model, invalid_input when several
/// models of the cache fit.
ModelLocation locate_model(const std::string& name);

}  // namespace deepseek
