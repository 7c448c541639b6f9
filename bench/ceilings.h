// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace deepseek::bench {

/// What this machine can do at most with the threads of the compute pool, measured.
struct Ceilings {
  double read_gb_s;    // reading memory in order
  double float_gop_s;  // f32 fused multiply-adds, two operations each
  double byte_gop_s;   // products of bytes summed in 32 bits, two operations each
};

Ceilings measure_ceilings();

}  // namespace deepseek::bench
