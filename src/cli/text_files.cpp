// SPDX-License-Identifier: Apache-2.0
#include "cli/text_files.h"

#include "core/error.h"
#include "formats/gguf.h"
#include "formats/gguf_vocabulary.h"
#include "formats/model_location.h"

namespace deepseek::cli {

Tokenizer open_tokenizer(const std::string& model) {
  const ModelLocation location = locate_model(model);
  switch (location.kind) {
    case ModelLocation::Kind::gguf: {
      const GgufFile file = GgufFile::open(location.path);
      return Tokenizer::from_vocabulary(gguf_vocabulary(file.metadata()), location.path.string());
    }
    case ModelLocation::Kind::folder:
    case ModelLocation::Kind::tokenizer_json:
      return Tokenizer::open(location.path);
    case ModelLocation::Kind::other_file:
      break;
  }
  fail(ErrorKind::bad_file, location.path.string(),
       ": expected a model folder, a GGUF file or a tokenizer.json, got neither");
}

}  // namespace deepseek::cli
