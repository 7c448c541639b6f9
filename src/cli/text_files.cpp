// SPDX-License-Identifier: Apache-2.0
#include "cli/text_files.h"

#include "core/error.h"
#include "core/file.h"
#include "formats/gguf.h"
#include "formats/gguf_vocabulary.h"
#include "formats/model_location.h"

namespace deepseek::cli {
namespace {

constexpr size_t largest_template_bytes = size_t{16} << 20;

Tokenizer gguf_tokenizer(const GgufFile& file) {
  return Tokenizer::from_vocabulary(gguf_vocabulary(file.metadata()), file.path().string());
}

TemplateSource require_template(TemplateSource source, const std::string& name) {
  if (!source.has_template())
    fail(ErrorKind::not_found, name,
         ": no chat template in these files; give a template: 'deepseek template FILE.jinja'");
  return source;
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
    case ModelLocation::Kind::gguf: {
      const GgufFile file = GgufFile::open(location.path);
      return require_template(find_templates(file, gguf_tokenizer(file)), name);
    }
    case ModelLocation::Kind::other_file: {
      TemplateSource source;
      source.templates = {{"default", read_text_file(location.path, largest_template_bytes), name}};
      return source;
    }
    case ModelLocation::Kind::folder:
    case ModelLocation::Kind::tokenizer_json:
      break;
  }
  auto folder =
      location.kind == ModelLocation::Kind::folder ? location.path : location.path.parent_path();
  if (folder.empty()) folder = ".";
  // A template alone needs no tokenizer.
  TemplateSource source = read_template_source(folder);
  if (source.has_template()) return source;
  return require_template(find_templates(folder, Tokenizer::open(location.path)), name);
}

}  // namespace deepseek::cli
