// SPDX-License-Identifier: Apache-2.0
#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "fuzz/exact_buffer.h"
#include "fuzz/refusal.h"

namespace {

using namespace deepseek;

/// Runs an accessor that may refuse the type of a value.
void attempt(const auto& access) { fuzz::accepts({ErrorKind::bad_file}, access); }

void read_everything(const GgufFile& file) {
  const GgufMetadata& metadata = file.metadata();
  GgufFields fields;
  for (const GgufEntry& entry : metadata.entries()) {
    fuzz::touch(entry.value.bytes);
    fields.add(entry.key, entry.value);
    metadata.text(entry.value);
    attempt([&] { metadata.get_string(entry.key); });
    attempt([&] { metadata.get_uint(entry.key); });
    attempt([&] { metadata.get_float(entry.key); });
    attempt([&] { metadata.get_bool(entry.key); });
    attempt([&] {
      for (const std::string_view text : metadata.get_strings(entry.key))
        fuzz::touch(std::as_bytes(std::span(text)));
    });
    attempt([&] { metadata.get_ints(entry.key); });
    attempt([&] { metadata.get_floats(entry.key); });
  }
  for (const GgufTensor& tensor : file.tensors()) {
    fuzz::require(file.find(tensor.name) == &tensor);
    const Tensor values = file.to_f32(tensor);
    fuzz::touch({values.bytes(), static_cast<size_t>(values.size_bytes())});
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::shared_ptr<const std::byte> copy = fuzz::exact_buffer(data, size);
  fuzz::accepts({ErrorKind::bad_file}, [&] {
    read_everything(GgufFile::parse({copy.get(), size}, copy, "input"));
  });
  return 0;
}
