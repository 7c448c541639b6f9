// SPDX-License-Identifier: Apache-2.0
#include "bench/linear_bench.h"

#include <cstdio>
#include <cstring>
#include <vector>

#include "bench/timing.h"
#include "core/random.h"
#include "core/text.h"
#include "kernels/linear.h"
#include "ops/linear.h"

namespace deepseek::bench {
namespace {

struct Shape {
  const char* name;
  int64_t outputs, cols;
};

constexpr Shape shapes[] = {
    {"smollm2.q_proj", 576, 576},        {"smollm2.gate_proj", 1536, 576},
    {"smollm2.down_proj", 576, 1536},    {"smollm2.lm_head", 49152, 576},
    {"qwen1_5b.gate_proj", 8960, 1536},  {"qwen1_5b.down_proj", 1536, 8960},
    {"v2_lite.expert_gate", 1408, 2048},
};

constexpr Format formats[] = {Format::f32,  Format::bf16, Format::f16,    Format::fp8,
                              Format::q8_0, Format::q4_0, Format::q4_1,   Format::q5_0,
                              Format::q5_1, Format::q2_k, Format::q3_k,   Format::q4_k,
                              Format::q5_k, Format::q6_k, Format::iq4_nl, Format::iq4_xs};

/// Together larger than the caches, so that a decoded token finds none of its weights there.
constexpr int64_t working_set = int64_t{1} << 28;

/// Arbitrary codes; the few that are not finite cost nothing extra.
Weight make_weight(Format format, const Shape& shape) {
  const auto storage = Storage::allocate(shape.outputs * format_info(format).row_bytes(shape.cols));
  std::memset(storage->data(), 0x2A, size_t(storage->size_bytes()));
  if (format != Format::fp8)
    return Weight::from_rows(format, shape.outputs, shape.cols, storage, 0);
  const Tensor scales = Tensor::full({(shape.outputs + 127) / 128, (shape.cols + 127) / 128}, 1);
  return Weight::from_rows(format, shape.outputs, shape.cols, storage, 0,
                           BlockScales{scales, 128, 128});
}

void bench_shape(Format format, int activation_bits, const Shape& shape, const KernelSuite& suite) {
  if (shape.cols % format_info(format).block_size != 0) return;
  std::vector<Weight> weights;
  Weight rows;
  for (const int64_t m : {1, 4, 16, 512}) {
    const std::string name =
        concat(format_info(format).name, activation_bits == 8 ? " int8 " : " ", shape.name, " ", m);
    if (!suite.wants(name)) continue;
    if (weights.empty()) {
      rows = make_weight(format, shape);
      int64_t bytes = 0;
      while (bytes < working_set && weights.size() < 200) {
        weights.push_back(rows.packed().with_activation_bits(activation_bits));
        bytes += weights.back().size_bytes();
      }
    }
    std::vector<float> x(size_t(m * shape.cols)), out(size_t(m * shape.outputs));
    const CounterRandom random(1, 2);
    for (size_t i = 0; i < x.size(); ++i) x[i] = float(random.uniform(i) - 0.5);
    size_t next = 0;
    const Timing timing = time_runs(suite.seconds, [&] {
      const LinearJob job{.weight = &weights[next],
                          .x = x.data(),
                          .x_stride = shape.cols,
                          .rows = m,
                          .out = out.data(),
                          .out_stride = shape.outputs};
      run_linear({&job, 1});
      next = (next + 1) % weights.size();
    });
    const double gb_s = double(weights[0].size_bytes()) / timing.best / 1e9;
    const double gop_s = 2.0 * double(m * shape.cols * shape.outputs) / timing.best / 1e9;
    const double peak = kernels::block_layout(format) != nullptr ? suite.ceilings.byte_gop_s
                                                                 : suite.ceilings.float_gop_s;
    suite.sink({name, timing.best, timing.median, gb_s, gb_s / suite.ceilings.read_gb_s, gop_s,
                peak > 0 ? gop_s / peak : 0});
  }
}

void bench_packing(const KernelSuite& suite) {
  const Shape shape{"qwen1_5b.gate_proj", 8960, 1536};
  for (const Format format : formats) {
    const std::string name = concat(format_info(format).name, " packing");
    if (!suite.wants(name)) continue;
    const Weight rows = make_weight(format, shape);
    const Timing timing = time_runs(0.3, [&] { rows.packed(); });
    const double gb_s = double(rows.size_bytes()) / timing.best / 1e9;
    suite.sink({name, timing.best, timing.median, gb_s, gb_s / suite.ceilings.read_gb_s});
  }
}

}  // namespace

void bench_linear(const KernelSuite& suite) {
  bench_packing(suite);
  for (const Format format : formats)
    for (const Shape& shape : shapes) {
      bench_shape(format, 15, shape, suite);
      if (multiplies_integers(format)) bench_shape(format, 8, shape, suite);
    }
}

}  // namespace deepseek::bench
