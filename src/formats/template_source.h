// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.h"
#include "formats/chat_template.h"

namespace deepseek {

class GgufFile;
class Tokenizer;

/// What a model says about how its chats are written.
struct TemplateSource {
  struct Named {
    std::string name;  // "default", "tool_use", …
    std::string text;
    std::string origin;  // for messages: the file, and the entry in it
  };
  std::vector<Named> templates;
  /// bos_token, eos_token and the like as strings: defaults for the context of every rendering.
  nlohmann::ordered_json special_tokens = nlohmann::ordered_json::object();

  bool has_template() const { return !templates.empty(); }
  /// With tools "tool_use" if there is one, else "default", else the only one. Throws not_found
  /// naming `model` and what there is.
  const Named& choose(bool has_tools, std::string_view model) const;
  /// `context` with the special tokens it does not give itself; bos_token and eos_token are "" when
  /// nobody gives them.
  nlohmann::ordered_json with_special_tokens(nlohmann::ordered_json context) const;
};

/// Reads a model folder: chat_template.jinja (and additional_chat_templates/NAME.jinja), else
/// `chat_template` of tokenizer_config.json, a string or a list of {name, template}; special tokens
/// from tokenizer_config.json, strings or objects with `content`. Without any of these files the
/// result is empty. Throws bad_file naming file and field.
TemplateSource read_template_source(const std::filesystem::path& folder);

/// Adds what the text of a tokenizer_config.json says: chat templates unless there are some
/// already, special tokens that are not named yet. Throws bad_file naming `path` and field.
void add_tokenizer_config(TemplateSource& source, std::string_view text,
                          const std::filesystem::path& path);

/// The same from the metadata of a GGUF file: (name, text) of `tokenizer.chat_template` ("default")
/// and `tokenizer.chat_template.NAME`; `model` is for messages.
TemplateSource template_source_from(std::string_view model,
                                    std::vector<std::pair<std::string, std::string>> templates,
                                    std::string bos_token, std::string eos_token);

/// What a model's own files say or, where they say nothing and the tokenizer is one of DeepSeek's,
/// the template that its older models were trained on. The one place that chooses.
TemplateSource find_templates(const GgufFile& file, const Tokenizer& tokenizer);
TemplateSource find_templates(const std::filesystem::path& folder, const Tokenizer& tokenizer);

}  // namespace deepseek
