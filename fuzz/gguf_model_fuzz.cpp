// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include "formats/chat_template.h"
#include "formats/gguf_vocabulary.h"
#include "formats/tokenizer.h"
#include "fuzz/exact_buffer.h"
#include "fuzz/refusal.h"
#include "model/gguf_config.h"
#include "model/inspect.h"
#include "model/open.h"
#include "model/tokenizer_files.h"

namespace {

using namespace deepseek;
using fuzz::accepts;
using fuzz::require;

constexpr std::initializer_list<ErrorKind> refusals{ErrorKind::bad_file, ErrorKind::unsupported};

/// What `deepseek show` prints.
void show(const GgufFile& file) {
  const ModelSummary summary = inspect_gguf(file);
  summary.end_token_ids();
  const MemoryEstimate memory = estimate_memory(summary, summary.config.max_position_embeddings);
  require(memory.total() > 0);
}

void read_tokenizer(const GgufFile& file) {
  const auto tokenizer =
      Tokenizer::from_vocabulary(gguf_vocabulary(file.metadata()), file.path().string());
  accepts({ErrorKind::invalid_input}, [&] {  // a vocabulary may lack bytes
    tokenizer.decode(tokenizer.encode("a b", {.add_special = true}));
  });
}

void read_templates(const GgufMetadata& metadata) {
  for (const GgufEntry& entry : metadata.entries())
    if (entry.key.starts_with("tokenizer.chat_template"))
      accepts(refusals,
              [&] { ChatTemplate::parse(metadata.get_string(entry.key), std::string(entry.key)); });
}

/// All weights, as a model has them before it runs.
void open(const GgufFile& file, Placement placement) {
  CheckpointFiles files;
  files.path = file.path();
  files.gguf = file;
  OpenOptions options;
  options.placement = placement;
  options.passes = {.expanded = true, .absorbed = true};
  const OpenedModel model = open_model(files, options);
  model.transformer->cache_layout(DType::bf16);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::shared_ptr<const std::byte> copy = fuzz::exact_buffer(data, size);
  accepts({ErrorKind::bad_file}, [&] {
    const GgufFile file = GgufFile::parse({copy.get(), size}, copy, "input");
    accepts(refusals, [&] { show(file); });
    accepts(refusals, [&] { read_tokenizer(file); });
    accepts(refusals, [&] { tokenizer_files_from_gguf(file); });
    accepts(refusals, [&] { read_templates(file.metadata()); });
    for (const Placement placement : {Placement::native, Placement::mapped})
      accepts(refusals, [&] { open(file, placement); });
  });
  return 0;
}
