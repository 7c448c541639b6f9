// SPDX-License-Identifier: Apache-2.0
#include "formats/safetensors.h"
#include "fuzz/exact_buffer.h"
#include "fuzz/refusal.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace deepseek;
  const std::shared_ptr<const std::byte> copy = fuzz::exact_buffer(data, size);
  fuzz::accepts({ErrorKind::bad_file}, [&] {
    const SafetensorsFile file = SafetensorsFile::parse({copy.get(), size}, copy, "input");
    for (const SafetensorsEntry& entry : file.entries()) {
      fuzz::require(file.find(entry.name) == &entry);
      const Tensor tensor = file.tensor(entry);
      fuzz::touch({tensor.bytes(), static_cast<size_t>(tensor.size_bytes())});
      fuzz::accepts({ErrorKind::invalid_input}, [&] { tensor.to_f32(); });  // integer types
    }
  });
  return 0;
}
