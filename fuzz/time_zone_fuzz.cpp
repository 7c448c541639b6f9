// SPDX-License-Identifier: Apache-2.0
// A time zone file of any content is read, or refused as bad_file.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/error.h"
#include "serve/store/time_zone.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace deepseek;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    const auto zone = store::TimeZone::parse(bytes, "zone");
    for (const int64_t when : {int64_t{0}, int64_t{1'760'000'000'000}, int64_t{-1}})
      if (zone.wall_time(when).second_of_day >= 86400) std::abort();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_file) std::abort();
  }
  if (const auto rule = store::parse_zone_rule(bytes)) rule->offset_at(1'760'000'000);
  return 0;
}
