// SPDX-License-Identifier: Apache-2.0
#include "fuzz/grammar_walk.h"

/// A grammar in llama.cpp's notation.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace deepseek;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  fuzz::compile_and_walk(input, [&](grammar::Builder& b) { return b.gbnf(input); });
  return 0;
}
