// SPDX-License-Identifier: Apache-2.0
#include "fuzz/grammar_walk.h"

/// A JSON Schema.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace deepseek;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  fuzz::compile_and_walk(input, [&](grammar::Builder& b) { return b.json_schema_text(input); });
  try {
    grammar::check_strict_schema(grammar::parse_schema(input, fuzz::small_budget()));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid_input) std::abort();
  }
  return 0;
}
