// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace deepseek {

// Exact conversions between f32 and the small float types: to f32 is exact for every bit pattern;
// from f32 rounds to nearest, ties to even, keeps NaN, and keeps infinity where the type has one.

float bf16_to_f32(uint16_t bits);
uint16_t f32_to_bf16(float value);

float f16_to_f32(uint16_t bits);
uint16_t f32_to_f16(float value);

/// e4m3fn has no infinity: values past 448 after rounding, and infinities, saturate to 448.
float e4m3_to_f32(uint8_t bits);
uint8_t f32_to_e4m3(float value);

/// e5m2 has infinities; a finite value that rounds past 57344 saturates to 57344 (the OCP
/// "SATFINITE" mode), an infinity stays one.
float e5m2_to_f32(uint8_t bits);
uint8_t f32_to_e5m2(float value);

/// e8m0 holds only powers of two; from f32 rounds the exponent up, as scales do (2^ceil(log2 v)),
/// saturating; NaN and negative values give NaN (0xFF); zero gives the smallest power.
float e8m0_to_f32(uint8_t bits);
uint8_t f32_to_e8m0(float value);

}  // namespace deepseek
