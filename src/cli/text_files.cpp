// SPDX-License-Identifier: Apache-2.0
#include "cli/text_files.h"

#include "core/error.h"
#include "core/file.h"
#include "formats/builtin_templates.h"
#include "formats/gguf.h"
#include "formats/gguf_vocabulary.h"
#include "formats/model_location.h"

namespace deepseek::cli {
namespace {

constexpr size_t largest_template_bytes = size_t{16} << 20;

using Templates = std::vector<std::pair<std::string, std::string>>;

Templates templates_of(const GgufMetadata& metadata) {
  constexpr std::string_view key = "tokenizer.chat_template";
  Templates templates;
  if (const auto text = metadata.find_string(key)) templates.emplace_back("default", *text);
  for (const GgufEntry& entry : metadata.entries())
    if (entry.key.starts_with(concat(key, ".")))
      templates.emplace_back(entry.key.substr(key.size() + 1), metadata.get_string(entry.key));
  return templates;
}

/// What older DeepSeek models were trained on, whose files say nothing.
TemplateSource builtin_source(const std::string& name, const Tokenizer& tokenizer) {
  const auto family = builtin_template_family(tokenizer);
  if (!family)
    fail(ErrorKind::not_found, name,
         ": no chat template in these files; give a template: 'deepseek template FILE.jinja'");
  const auto piece = [&](std::optional<int32_t> id) {
    return id ? tokenizer.token_piece(*id) : std::string();
  };
  return template_source_from(name, {{"default", std::string(*builtin_template(*family))}},
                              piece(tokenizer.special_tokens().bos),
                              piece(tokenizer.special_tokens().eos));
}

Tokenizer gguf_tokenizer(const GgufFile& file) {
  return Tokenizer::from_vocabulary(gguf_vocabulary(file.metadata()), file.path().string());
}

TemplateSource gguf_templates(const GgufFile& file) {
  const Tokenizer tokenizer = gguf_tokenizer(file);
  Templates templates = templates_of(file.metadata());
  if (templates.empty()) return builtin_source(file.path().string(), tokenizer);
  const auto piece = [&](std::optional<int32_t> id) {
    return id ? tokenizer.token_piece(*id) : std::string();
  };
  return template_source_from(file.path().string(), std::move(templates),
                              piece(tokenizer.special_tokens().bos),
                              piece(tokenizer.special_tokens().eos));
}

}  // namespace

Tokenizer open_tokenizer(const std::string& model) {
  const ModelLocation location = locate_model(model);
  switch (location.kind) {
    case ModelLocation::Kind::gguf:
      return gguf_tokenizer(GgufFile::open(location.path));
    case ModelLocation::Kind::folder:
    case ModelLocation::Kind::tokenizer_json:
      return Tokenizer::open(location.path);
    case ModelLocation::Kind::other_file:
      break;
  }
  fail(ErrorKind::bad_file, location.path.string(),
       ": expected a model folder, a GGUF file or a tokenizer.json, got another kind of file");
}

TemplateSource open_templates(const std::string& model) {
  const ModelLocation location = locate_model(model);
  const std::string name = location.path.string();
  switch (location.kind) {
    case ModelLocation::Kind::gguf:
      return gguf_templates(GgufFile::open(location.path));
    case ModelLocation::Kind::other_file: {
      TemplateSource source;
      source.templates = {{"default", read_text_file(location.path, largest_template_bytes), name}};
      return source;
    }
    case ModelLocation::Kind::folder:
    case ModelLocation::Kind::tokenizer_json:
      break;
  }
  const auto folder =
      location.kind == ModelLocation::Kind::folder ? location.path : location.path.parent_path();
  TemplateSource source = read_template_source(folder.empty() ? "." : folder);
  return source.has_template() ? source : builtin_source(name, Tokenizer::open(location.path));
}

}  // namespace deepseek::cli
