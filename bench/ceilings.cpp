// SPDX-License-Identifier: Apache-2.0
#include "bench/ceilings.h"

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "bench/timing.h"
#include "core/cpu.h"
#include "core/machine_memory.h"
#include "core/thread_pool.h"
#include "tensor/storage.h"

namespace deepseek::bench {
namespace {

constexpr int64_t most_read_bytes = int64_t{1} << 29;
constexpr int64_t spins = 1 << 20;
constexpr int chains = 16, chains_avx2 = 12;

// The empty assembly keeps results from being optimised away, and chains from being merged.

__attribute__((target("avx512f"))) void read_avx512(const std::byte* at, int64_t bytes) {
  __m512i sums[4] = {};
  for (int64_t i = 0; i + 256 <= bytes; i += 256)
    for (int v = 0; v < 4; ++v)
      sums[v] = _mm512_xor_si512(sums[v], _mm512_loadu_si512(at + i + 64 * v));
  for (auto& sum : sums) __asm__ volatile("" : "+v"(sum));
}

void read_words(const std::byte* at, int64_t bytes) {
  int64_t sum = 0;
  for (int64_t i = 0; i + 8 <= bytes; i += 8) {
    int64_t word = 0;
    std::memcpy(&word, at + i, 8);
    sum ^= word;
  }
  __asm__ volatile("" : : "r"(sum));
}

__attribute__((target("avx512f"))) void fma_avx512() {
  __m512 sums[chains];
  for (auto& sum : sums) sum = _mm512_set1_ps(1);
  const __m512 half = _mm512_set1_ps(0.5f);
  for (int64_t i = 0; i < spins; ++i)
    for (auto& sum : sums) {
      sum = _mm512_fmadd_ps(sum, half, half);
      __asm__ volatile("" : "+v"(sum));
    }
}

__attribute__((target("avx2,fma"))) void fma_avx2() {
  __m256 sums[chains_avx2];
  for (auto& sum : sums) sum = _mm256_set1_ps(1);
  const __m256 half = _mm256_set1_ps(0.5f);
  for (int64_t i = 0; i < spins; ++i)
    for (auto& sum : sums) {
      sum = _mm256_fmadd_ps(sum, half, half);
      __asm__ volatile("" : "+x"(sum));
    }
}

__attribute__((target("avx512f,avx512bw,avx512vnni"))) void bytes_vnni() {
  __m512i sums[chains] = {};
  const __m512i ones = _mm512_set1_epi8(1);
  for (int64_t i = 0; i < spins; ++i)
    for (auto& sum : sums) {
      sum = _mm512_dpbusd_epi32(sum, ones, ones);
      __asm__ volatile("" : "+v"(sum));
    }
}

__attribute__((target("avx2"))) void bytes_avx2() {
  __m256i sums[chains_avx2] = {};
  const __m256i ones = _mm256_set1_epi8(1), wide = _mm256_set1_epi16(1);
  for (int64_t i = 0; i < spins; ++i)
    for (auto& sum : sums) {
      __m256i pairs = _mm256_maddubs_epi16(ones, ones);
      __asm__ volatile("" : "+x"(pairs));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, wide));
      __asm__ volatile("" : "+x"(sum));
    }
}

/// Operations per second, in billions, of all threads running `body`, each doing `operations`.
template <class Body>
double rate(double operations, Body body) {
  ThreadPool& pool = compute_pool();
  const Timing timing = time_runs(
      0.3, [&] { pool.parallel_for(pool.threads(), 1, [&](int64_t, int64_t, int) { body(); }); });
  return operations * pool.threads() / timing.best / 1e9;
}

}  // namespace

Ceilings measure_ceilings() {
  const cpu::Features have = cpu_features();
  const bool wide = (have & cpu::avx512f) != 0, vnni = (have & cpu::avx512vnni) != 0;
  Ceilings out{};
  const int64_t read_bytes =
      std::clamp(machine_memory().available_bytes / 4, int64_t{1} << 22, most_read_bytes);
  const auto storage = Storage::allocate(read_bytes);
  std::memset(storage->data(), 1, size_t(read_bytes));
  const Timing reading = time_runs(0.5, [&] {
    compute_pool().parallel_for(read_bytes, 1 << 22, [&](int64_t begin, int64_t end, int) {
      const std::byte* at = storage->data() + begin;
      wide ? read_avx512(at, end - begin) : read_words(at, end - begin);
    });
  });
  out.read_gb_s = double(read_bytes) / reading.best / 1e9;
  if (wide)
    out.float_gop_s = rate(double(spins) * chains * 32, fma_avx512);
  else if (have & cpu::fma)
    out.float_gop_s = rate(double(spins) * chains_avx2 * 16, fma_avx2);
  if (vnni)
    out.byte_gop_s = rate(double(spins) * chains * 128, bytes_vnni);
  else if (have & cpu::avx2)
    out.byte_gop_s = rate(double(spins) * chains_avx2 * 64, bytes_avx2);
  return out;
}

}  // namespace deepseek::bench
