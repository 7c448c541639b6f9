// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/linear_args.h"

// The variants of the linear family; kernels/linear.h says what they compute.

namespace deepseek::kernels::scalar {
void quantize_activations(const QuantizeArgs&) noexcept;
void linear_f32(const LinearArgs&) noexcept;
void linear_f16(const LinearArgs&) noexcept;
void linear_bf16(const LinearArgs&) noexcept;
void linear_fp8(const LinearArgs&) noexcept;
void linear_q4_0(const LinearArgs&) noexcept;
void linear_q4_1(const LinearArgs&) noexcept;
void linear_q5_0(const LinearArgs&) noexcept;
void linear_q5_1(const LinearArgs&) noexcept;
void linear_q8_0(const LinearArgs&) noexcept;
void linear_q2_k(const LinearArgs&) noexcept;
void linear_q3_k(const LinearArgs&) noexcept;
void linear_q4_k(const LinearArgs&) noexcept;
void linear_q5_k(const LinearArgs&) noexcept;
void linear_q6_k(const LinearArgs&) noexcept;
void linear_iq4_nl(const LinearArgs&) noexcept;
void linear_iq4_xs(const LinearArgs&) noexcept;
}  // namespace deepseek::kernels::scalar

namespace deepseek::kernels::avx2 {
void quantize_activations(const QuantizeArgs&) noexcept;
void linear_f32(const LinearArgs&) noexcept;
void linear_f16(const LinearArgs&) noexcept;
void linear_bf16(const LinearArgs&) noexcept;
void linear_fp8(const LinearArgs&) noexcept;
void linear_q4_0(const LinearArgs&) noexcept;
void linear_q4_1(const LinearArgs&) noexcept;
void linear_q5_0(const LinearArgs&) noexcept;
void linear_q5_1(const LinearArgs&) noexcept;
void linear_q8_0(const LinearArgs&) noexcept;
void linear_q2_k(const LinearArgs&) noexcept;
void linear_q3_k(const LinearArgs&) noexcept;
void linear_q4_k(const LinearArgs&) noexcept;
void linear_q5_k(const LinearArgs&) noexcept;
void linear_q6_k(const LinearArgs&) noexcept;
void linear_iq4_nl(const LinearArgs&) noexcept;
void linear_iq4_xs(const LinearArgs&) noexcept;
}  // namespace deepseek::kernels::avx2

namespace deepseek::kernels::avx512 {
void quantize_activations(const QuantizeArgs&) noexcept;
void linear_f32(const LinearArgs&) noexcept;
void linear_f16(const LinearArgs&) noexcept;
void linear_bf16(const LinearArgs&) noexcept;
void linear_fp8(const LinearArgs&) noexcept;
void linear_q4_0(const LinearArgs&) noexcept;
void linear_q4_1(const LinearArgs&) noexcept;
void linear_q5_0(const LinearArgs&) noexcept;
void linear_q5_1(const LinearArgs&) noexcept;
void linear_q8_0(const LinearArgs&) noexcept;
void linear_q2_k(const LinearArgs&) noexcept;
void linear_q3_k(const LinearArgs&) noexcept;
void linear_q4_k(const LinearArgs&) noexcept;
void linear_q5_k(const LinearArgs&) noexcept;
void linear_q6_k(const LinearArgs&) noexcept;
void linear_iq4_nl(const LinearArgs&) noexcept;
void linear_iq4_xs(const LinearArgs&) noexcept;
}  // namespace deepseek::kernels::avx512
