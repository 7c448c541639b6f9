// SPDX-License-Identifier: Apache-2.0
#include "core/cpu.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "core/error.h"

namespace deepseek {
namespace {

struct Leaf {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

Leaf leaf(uint32_t number, uint32_t sub) {
  Leaf out;
  if (!__get_cpuid_count(number, sub, &out.a, &out.b, &out.c, &out.d)) return {};
  return out;
}

uint64_t enabled_register_state() {
  uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

/// Asks Linux for the AMX tile data state (arch_prctl ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA).
bool request_tile_permission() {
#if defined(SYS_arch_prctl)
  return ::syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
  return false;
#endif
}

cpu::Features read_hardware() {
  const Leaf one = leaf(1, 0);
  const auto bit = [](uint32_t reg, int n) { return (reg >> n & 1) != 0; };
  if (!bit(one.c, 27)) return 0;  // OSXSAVE
  const uint64_t state = enabled_register_state();
  const bool ymm = (state & 0x6) == 0x6;
  const bool zmm = (state & 0xE6) == 0xE6;
  const bool tiles = (state & 0x60000) == 0x60000;
  const Leaf seven = leaf(7, 0);
  const Leaf seven_one = leaf(7, 1);
  cpu::Features have = 0;
  const auto add = [&](bool present, cpu::Features feature) {
    if (present) have |= feature;
  };
  if (ymm) {
    add(bit(seven.b, 5), cpu::avx2);
    add(bit(one.c, 12), cpu::fma);
    add(bit(one.c, 29), cpu::f16c);
    add(bit(seven_one.a, 4), cpu::avxvnni);
  }
  if (zmm) {
    add(bit(seven.b, 16), cpu::avx512f);
    add(bit(seven.b, 30), cpu::avx512bw);
    add(bit(seven.b, 17), cpu::avx512dq);
    add(bit(seven.b, 31), cpu::avx512vl);
    add(bit(seven.c, 1), cpu::avx512vbmi);
    add(bit(seven.c, 11), cpu::avx512vnni);
    add(bit(seven_one.a, 5), cpu::avx512bf16);
  }
  if (tiles && bit(seven.d, 24) && request_tile_permission()) {
    have |= cpu::amx_tile;
    add(bit(seven.d, 25), cpu::amx_int8);
    add(bit(seven.d, 22), cpu::amx_bf16);
  }
  return have;
}

constexpr cpu::Features level_avx2 = cpu::avx2 | cpu::fma | cpu::f16c;
constexpr cpu::Features level_avx512 =
    level_avx2 | cpu::avx512f | cpu::avx512bw | cpu::avx512dq | cpu::avx512vl;
constexpr cpu::Features level_vnni =
    level_avx512 | cpu::avx512vbmi | cpu::avx512vnni | cpu::avx512bf16 | cpu::avxvnni;
constexpr cpu::Features level_amx = level_vnni | cpu::amx_tile | cpu::amx_int8 | cpu::amx_bf16;

cpu::Features allowed_by_environment() {
  const char* value = std::getenv("DEEPSEEK_CPU");
  if (value == nullptr || *value == '\0') return level_amx;
  const std::string_view level = value;
  if (level == "scalar") return 0;
  if (level == "avx2") return level_avx2;
  if (level == "avx512") return level_avx512;
  if (level == "vnni") return level_vnni;
  if (level == "amx") return level_amx;
  fail(ErrorKind::invalid_input, "DEEPSEEK_CPU: expected scalar, avx2, avx512, vnni or amx, got '",
       level, "'");
}

std::atomic<cpu::Features>& allowed_slot() {
  static std::atomic<cpu::Features> allowed{allowed_by_environment()};
  return allowed;
}

}  // namespace

cpu::Features hardware_features() {
  static const cpu::Features features = read_hardware();
  return features;
}

cpu::Features cpu_features() { return hardware_features() & allowed_slot().load(); }

void cap_cpu_features(cpu::Features allowed) { allowed_slot() = allowed; }

std::string features_text(cpu::Features features) {
  static constexpr std::array<const char*, 14> names{
      "avx2",       "fma",        "f16c",       "avx512f", "avx512bw", "avx512dq", "avx512vl",
      "avx512vbmi", "avx512vnni", "avx512bf16", "avxvnni", "amx_tile", "amx_int8", "amx_bf16"};
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if ((features >> i & 1) == 0) continue;
    if (!text.empty()) text += ' ';
    text += names[i];
  }
  return text.empty() ? "none" : text;
}

std::string cpu_model_name() {
  std::array<char, 49> name{};
  for (uint32_t i = 0; i < 3; ++i) {
    const Leaf part = leaf(0x80000002 + i, 0);
    std::memcpy(name.data() + 16 * i, &part, 16);
  }
  std::string text(name.data());
  const size_t first = text.find_first_not_of(' ');
  return first == std::string::npos ? "unknown" : text.substr(first);
}

}  // namespace deepseek
