// SPDX-License-Identifier: Apache-2.0
#include "bench/attention_bench.h"

#include <cstdio>
#include <cstring>
#include <functional>
#include <numeric>
#include <vector>

#include "bench/timing.h"
#include "core/text.h"
#include "kernels/exp_rows.h"
#include "kernels/expert_combine.h"
#include "kernels/log_sum_exp.h"
#include "kernels/rms_norm.h"
#include "kernels/rope.h"
#include "kernels/swiglu.h"
#include "ops/cached_attention.h"

namespace deepseek::bench {
namespace {

struct Shape {
  const char* name;
  int64_t heads, kv_heads, key_dim, value_dim;  // kv_heads 0: latent pages, key_dim = rank + rope
};

constexpr Shape shapes[] = {
    {"smollm2", 9, 3, 64, 64},
    {"qwen1_5b", 12, 2, 128, 128},
    {"llm7b", 32, 32, 128, 128},
    {"v2_lite", 16, 0, 576, 512},
};

/// `rows` new tokens that end at position `context` - 1.
void bench_case(const Shape& shape, int64_t context, int64_t rows, DType dtype,
                const KernelSuite& suite) {
  const bool latent = shape.kv_heads == 0;
  const std::string name =
      concat("attention ", dtype_name(dtype), " ", shape.name, " ", context, " ", rows);
  if (!suite.wants(name)) return;
  const KvPageLayout kv{shape.kv_heads, shape.key_dim, shape.value_dim, dtype};
  const LatentPageLayout latents{shape.value_dim, shape.key_dim, dtype};
  const int64_t page_bytes = latent ? latents.size_bytes() : kv.size_bytes();
  const int64_t count = (context + tokens_per_page - 1) / tokens_per_page;
  const auto storage = Storage::allocate(count * page_bytes);
  std::memset(storage->data(), 0x3c, static_cast<size_t>(storage->size_bytes()));
  std::vector<std::byte*> pages;
  pages.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) pages.push_back(storage->data() + i * page_bytes);
  std::vector<PagedRow> batch;
  double scores = 0;
  for (int64_t p = context - rows; p < context; ++p) {
    batch.push_back({p, pages.data()});
    scores += static_cast<double>(p + 1);
  }
  const Tensor q = Tensor::full({rows, shape.heads, shape.key_dim}, 0.01f);
  const Timing timing = time_runs(suite.seconds, [&] {
    if (latent)
      attend_latent(q, batch, latents, 0.1f);
    else
      attend_paged(q, batch, kv, 0.1f);
  });
  const double gb_s = static_cast<double>(count * page_bytes) / timing.best / 1e9;
  const double gop_s = 2 * scores * static_cast<double>(shape.heads) *
                       static_cast<double>(shape.key_dim + shape.value_dim) / timing.best / 1e9;
  suite.sink({name, timing.best, timing.median, gb_s, gb_s / suite.ceilings.read_gb_s, gop_s,
              gop_s / suite.ceilings.float_gop_s});
}

/// Every variant of a family on one thread; `bytes` are read and written by one run.
template <class Family, class Args>
void bench_family(const Family& family, const Args& args, double bytes, const KernelSuite& suite) {
  for (const auto& variant : family.variants) {
    const std::string name = concat(family.name, " ", variant.name);
    if (!variant.supported() || !suite.wants(name)) continue;
    const Timing timing = time_runs(suite.seconds, [&] { variant.run(args); });
    const double gb_s = bytes / timing.best / 1e9;
    suite.sink({name, timing.best, timing.median, gb_s, gb_s / suite.ceilings.read_gb_s});
  }
}

}  // namespace

void bench_attention(const KernelSuite& suite) {
  for (const Shape& shape : shapes)
    for (const DType dtype : {DType::bf16, DType::f32})
      for (const int64_t context : {512, 4096})
        for (const int64_t rows : {1, 16, 512}) bench_case(shape, context, rows, dtype, suite);
}

void bench_elementwise(const KernelSuite& suite) {
  constexpr int64_t rows = 512, dim = 2048, chosen = 6;
  constexpr double tensor_bytes = 4.0 * rows * dim;
  std::vector<float> x(rows * dim, 0.5f), y(rows * dim, 0.25f), out(rows * dim), row(dim, 1.0f);
  std::vector<float> values(rows * chosen * dim, 0.5f), weights(rows * chosen, 0.1f), max(rows);
  std::vector<double> sum(rows);
  std::vector<int64_t> slots(rows * chosen);
  std::iota(slots.begin(), slots.end(), 0);
  using namespace kernels;
  bench_family(rms_norm_f32, RmsNormArgs{x.data(), row.data(), out.data(), rows, dim, 1e-6f},
               2 * tensor_bytes, suite);
  bench_family(swiglu_f32, SwigluArgs{x.data(), y.data(), out.data(), rows * dim}, 3 * tensor_bytes,
               suite);
  for (const bool interleaved : {false, true})
    bench_family(
        rope_f32,
        RopeArgs{x.data(), y.data(), y.data(), out.data(), rows, dim / 64, 64, interleaved},
        2 * tensor_bytes, suite);
  bench_family(log_sum_exp_f32, LogSumExpArgs{x.data(), max.data(), sum.data(), rows, dim},
               tensor_bytes, suite);
  bench_family(exp_rows_f32,
               ExpRowsArgs{x.data(), weights.data(), weights.data(), out.data(), rows, dim},
               2 * tensor_bytes, suite);
  bench_family(
      expert_combine_f32,
      ExpertCombineArgs{values.data(), slots.data(), weights.data(), out.data(), rows, chosen, dim},
      (chosen + 1) * tensor_bytes, suite);
}

}  // namespace deepseek::bench
