// SPDX-License-Identifier: Apache-2.0
// A price file of any content is read, or refused as bad_file.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/error.h"
#include "serve/store/prices.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace deepseek;
  try {
    const auto list =
        store::PriceList::parse({reinterpret_cast<const char*>(data), size}, "prices");
    for (const int64_t when : {int64_t{0}, int64_t{1'760'000'000'000}, int64_t{-1}})
      if (const auto price = list.find("m", when)) store::cost_micro(price->tokens, {1, 2, 3});
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_file) std::abort();
  }
  return 0;
}
