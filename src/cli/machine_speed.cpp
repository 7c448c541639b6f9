// SPDX-License-Identifier: Apache-2.0
#include "cli/machine_speed.h"

#include "bench/kernel_suite.h"

namespace deepseek::cli {

MachineSpeed measure_machine_speed() {
  const bench::Ceilings ceilings = bench::measure_ceilings();
  MachineSpeed speed;
  speed.read_bytes_per_s = ceilings.read_gb_s * 1e9;
  speed.float_ops_per_s = ceilings.float_gop_s * 1e9;
  speed.byte_ops_per_s = ceilings.byte_gop_s * 1e9;
  return speed;
}

std::string_view bound_name(PredictedSpeed::Bound bound) {
  switch (bound) {
    case PredictedSpeed::Bound::memory:
      return "memory";
    case PredictedSpeed::Bound::floats:
      return "floats";
    case PredictedSpeed::Bound::bytes:
      return "bytes";
    case PredictedSpeed::Bound::file:
      break;
  }
  return "file";
}

}  // namespace deepseek::cli
