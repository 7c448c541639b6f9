// SPDX-License-Identifier: Apache-2.0
#include "core/error.h"
#include "formats/safetensors.h"
#include "fuzz/exact_buffer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace deepseek;
  const std::shared_ptr<const std::byte> copy = fuzz::exact_buffer(data, size);
  try {
    const SafetensorsFile file = SafetensorsFile::parse({copy.get(), size}, copy, "input");
    for (const SafetensorsEntry& entry : file.entries()) {
      if (file.find(entry.name) != &entry) std::abort();
      const Tensor tensor = file.tensor(entry);
      fuzz::touch({tensor.bytes(), static_cast<size_t>(tensor.size_bytes())});
      try {
        tensor.to_f32();
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::invalid_input) throw;  // an integer type
      }
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_file) std::abort();
  }
  return 0;
}
