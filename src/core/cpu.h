// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace deepseek {

/// Instruction-set bits a kernel variant may need, each checked with cpuid and with the operating
/// system's permission to use the registers it takes.
namespace cpu {
using Features = uint64_t;
inline constexpr Features avx2 = 1 << 0;
inline constexpr Features fma = 1 << 1;
inline constexpr Features f16c = 1 << 2;
inline constexpr Features avx512f = 1 << 3;
inline constexpr Features avx512bw = 1 << 4;
inline constexpr Features avx512dq = 1 << 5;
inline constexpr Features avx512vl = 1 << 6;
inline constexpr Features avx512vbmi = 1 << 7;
inline constexpr Features avx512vnni = 1 << 8;
inline constexpr Features avx512bf16 = 1 << 9;
inline constexpr Features avxvnni = 1 << 10;
inline constexpr Features amx_tile = 1 << 11;
inline constexpr Features amx_int8 = 1 << 12;
inline constexpr Features amx_bf16 = 1 << 13;
}  // namespace cpu

/// What this machine can run, read once.
cpu::Features hardware_features();

/// hardware_features() less what DEEPSEEK_CPU=scalar|avx2|avx512|vnni|amx takes away. Throws
/// invalid_input when the variable holds anything else.
cpu::Features cpu_features();

/// Replaces what cpu_features() answers; for tests and benchmarks that walk through the variants.
void cap_cpu_features(cpu::Features allowed);

/// "avx2 fma f16c".
std::string features_text(cpu::Features features);

/// The processor's name, or "unknown".
std::string cpu_model_name();

}  // namespace deepseek
