// SPDX-License-Identifier: Apache-2.0
#include "core/random.h"

#include <cmath>
#include <numbers>

namespace deepseek {
namespace {

double to_unit(uint32_t high, uint32_t low) {
  const uint64_t bits = (uint64_t{high} << 32 | low) >> 11;
  return double(bits) * 0x1p-53;
}

}  // namespace

std::array<uint32_t, 4> CounterRandom::block(uint64_t position) const {
  std::array<uint32_t, 4> c{uint32_t(position), uint32_t(position >> 32), uint32_t(stream_),
                            uint32_t(stream_ >> 32)};
  uint32_t key0 = uint32_t(seed_), key1 = uint32_t(seed_ >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * c[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57} * c[2];
    c = {uint32_t(p1 >> 32) ^ c[1] ^ key0, uint32_t(p1), uint32_t(p0 >> 32) ^ c[3] ^ key1,
         uint32_t(p0)};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return c;
}

double CounterRandom::uniform(uint64_t position) const {
  const auto b = block(position);
  return to_unit(b[0], b[1]);
}

double CounterRandom::normal(uint64_t position) const {
  const auto b = block(position);
  const double radius = std::sqrt(-2 * std::log1p(-to_unit(b[0], b[1])));
  return radius * std::cos(2 * std::numbers::pi * to_unit(b[2], b[3]));
}

}  // namespace deepseek
