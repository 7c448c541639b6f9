// SPDX-License-Identifier: Apache-2.0

#include "bench/kernel_suite.h"
#include "cli/interrupt.h"
#include "cli/model_flags.h"
#include "cli/verbs/verbs.h"
#include "core/cpu.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "core/thread_pool.h"

namespace deepseek::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* example_name = "Q8_0 smollm2.q_proj 1";

Json row_of(const bench::KernelSpeed& speed) {
  Json row = {{"name", speed.name},
              {"best_s", speed.best_s},
              {"median_s", speed.median_s},
              {"bytes_per_s", speed.gb_s * 1e9},
              {"share_of_bandwidth", speed.read_share}};
  if (speed.gop_s > 0) {
    row["ops_per_s"] = speed.gop_s * 1e9;
    row["share_of_peak"] = speed.peak_share;
  }
  return row;
}

}  // namespace

int run_bench_kernels(const Flags& flags, Console& console) {
  for (const char* name : {"prefill", "decode-tokens", "depth", "repeat", "ctx", "cache-bytes",
                           "adapter", "precision"})
    flags.refuse_idle(name, false, "a model");
  apply_threads(flags, console);
  const bench::Ceilings ceilings = bench::measure_ceilings();
  Json page = {{"cpu", cpu_model_name()},
               {"features", features_text(cpu_features())},
               {"threads", compute_pool().threads()},
               {"bandwidth_bytes_per_s", ceilings.read_gb_s * 1e9},
               {"float_ops_per_s", ceilings.float_gop_s * 1e9},
               {"byte_ops_per_s", ceilings.byte_gop_s * 1e9},
               {"kernels", Json::array()}};
  if (!console.json())
    console.line(console.say("bench.ceilings", cpu_model_name(), compute_pool().threads(),
                             std::to_string(int64_t(ceilings.read_gb_s)),
                             std::to_string(int64_t(ceilings.float_gop_s)),
                             std::to_string(int64_t(ceilings.byte_gop_s))));
  const std::string filter = flags.text("filter").value_or("");
  bool any = false;
  bench::run_kernel_suite({ceilings, filter, 0.1, [&](const bench::KernelSpeed& speed) {
                             throw_if_interrupted();
                             any = true;
                             if (console.json()) {
                               page["kernels"].push_back(row_of(speed));
                               return;
                             }
                             console.line(bench::kernel_speed_text(speed));
                             console.flush();
                           }});
  if (!any)
    fail(ErrorKind::invalid_input, "--filter: expected part of a kernel's name, such as '",
         example_name, "', got '", printable(filter), "'; without it all are measured");
  if (console.json()) console.line(page.dump());
  return 0;
}

}  // namespace deepseek::cli
