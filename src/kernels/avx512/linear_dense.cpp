// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include "kernels/linear_variants.h"

namespace deepseek::kernels::avx512 {
namespace {

// Each format gives the 16 weights of `step` consecutive columns, which take `bytes`.

struct F32 {
  static constexpr int step = 1, bytes = 64;
  static inline void load(const unsigned char* at, __m512 (&w)[1]) { w[0] = _mm512_loadu_ps(at); }
};

struct F16 {
  static constexpr int step = 1, bytes = 32;
  static inline void load(const unsigned char* at, __m512 (&w)[1]) {
    w[0] = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
  }
};

struct Bf16 {
  static constexpr int step = 2, bytes = 64;
  static inline void load(const unsigned char* at, __m512 (&w)[2]) {
    const __m512i pairs = _mm512_loadu_si512(at);
    w[0] = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
    w[1] = _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(int(0xFFFF0000))));
  }
};

/// e4m3 as bf16, which holds every value of it: the exponent moved by 120, the mantissa in the
/// upper bits, magnitudes below 16 (zero, subnormals and the first exponent) from a table.
struct Fp8 {
  static constexpr int step = 4, bytes = 64;
  static inline void load(const unsigned char* at, __m512 (&w)[4]) {
    const __m512i high_table =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 0x3B, 0x3B, 0x3B, 0x3C, 0x3C, 0x3C, 0x3C, 0x3C,
                                             0x3C, 0x3C, 0x3C, 0x3C, 0x3C, 0x3C, 0x3C));
    const __m512i low_table = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 0, char(0x80), char(0xC0), 0, 0x20, 0x40, 0x60, char(0x80), char(0x90),
                      char(0xA0), char(0xB0), char(0xC0), char(0xD0), char(0xE0), char(0xF0)));
    const __m512i code = _mm512_loadu_si512(at), nan = _mm512_set1_epi8(0x7F);
    const __m512i magnitude = _mm512_and_si512(code, nan);
    const __mmask64 is_small = _mm512_cmplt_epu8_mask(magnitude, _mm512_set1_epi8(16));
    __m512i high = _mm512_add_epi8(
        _mm512_and_si512(_mm512_srli_epi16(code, 4), _mm512_set1_epi8(7)), _mm512_set1_epi8(0x3C));
    __m512i low = _mm512_and_si512(_mm512_slli_epi16(code, 4), _mm512_set1_epi8(char(0xF0)));
    high = _mm512_mask_shuffle_epi8(high, is_small, high_table, magnitude);
    low = _mm512_mask_shuffle_epi8(low, is_small, low_table, magnitude);
    high = _mm512_mask_mov_epi8(high, _mm512_cmpeq_epi8_mask(magnitude, nan), nan);
    high = _mm512_or_si512(high, _mm512_and_si512(code, _mm512_set1_epi8(char(0x80))));
    const __m512i upper = _mm512_set1_epi32(int(0xFFFF0000));
    const __m512i first = _mm512_unpacklo_epi8(low, high);
    const __m512i second = _mm512_unpackhi_epi8(low, high);
    w[0] = _mm512_castsi512_ps(_mm512_slli_epi32(first, 16));
    w[1] = _mm512_castsi512_ps(_mm512_and_si512(first, upper));
    w[2] = _mm512_castsi512_ps(_mm512_slli_epi32(second, 16));
    w[3] = _mm512_castsi512_ps(_mm512_and_si512(second, upper));
  }
};

template <int rows, int panels>
struct Accumulators {
  __m512 v[rows][panels];
};

/// acc += x[begin, end) times the weights of those columns, which start at `at` of each panel.
template <class Format, int rows, int panels>
inline void add_columns(const float* const (&x)[rows], const unsigned char* at, int64_t panel_bytes,
                        int64_t begin, int64_t end, Accumulators<rows, panels>& acc) {
  int64_t k = begin;
  for (; k + Format::step <= end; k += Format::step, at += Format::bytes) {
    __m512 w[panels][Format::step];
    for (int p = 0; p < panels; ++p) Format::load(at + p * panel_bytes, w[p]);
    for (int s = 0; s < Format::step; ++s)
      for (int r = 0; r < rows; ++r) {
        const __m512 value = _mm512_set1_ps(x[r][k + s]);
        for (int p = 0; p < panels; ++p) acc.v[r][p] = _mm512_fmadd_ps(value, w[p][s], acc.v[r][p]);
      }
  }
  if constexpr (Format::step > 1) {
    if (k == end) return;
    for (int p = 0; p < panels; ++p) {
      __m512 w[Format::step];
      Format::load(at + p * panel_bytes, w);
      for (int s = 0; s < Format::step - 1; ++s)
        if (k + s < end)
          for (int r = 0; r < rows; ++r)
            acc.v[r][p] = _mm512_fmadd_ps(_mm512_set1_ps(x[r][k + s]), w[s], acc.v[r][p]);
    }
  }
}

template <class Format, int rows, int panels>
inline void run_chains(const LinearArgs& a, const unsigned char* panel,
                       const float* const (&x)[rows], Accumulators<rows, panels>& acc) {
  add_columns<Format, rows, panels>(x, panel, a.panel_bytes, 0, a.cols, acc);
}

template <int rows, int panels>
inline void run_scaled_chains(const LinearArgs& a, const unsigned char* slice,
                              const float* const (&x)[rows], Accumulators<rows, panels>& acc) {
  for (int64_t begin = 0; begin < a.cols; begin += a.block_cols) {
    Accumulators<rows, panels> inner;
    for (int r = 0; r < rows; ++r)
      for (int p = 0; p < panels; ++p) inner.v[r][p] = _mm512_setzero_ps();
    const int64_t end = begin + a.block_cols < a.cols ? begin + a.block_cols : a.cols;
    add_columns<Fp8, rows, panels>(x, slice + 64, a.panel_bytes, begin, end, inner);
    for (int p = 0; p < panels; ++p) {
      const __m512 scale = _mm512_loadu_ps(slice + p * a.panel_bytes);
      for (int r = 0; r < rows; ++r)
        acc.v[r][p] = _mm512_fmadd_ps(inner.v[r][p], scale, acc.v[r][p]);
    }
    slice += 64 + (end - begin + 3) / 4 * 64;
  }
}

template <class Format, int rows, int panels>
inline void tile(const LinearArgs& a, const unsigned char* panel, int64_t row, int64_t n) {
  const float* x[rows];
  float* out[rows];
  __mmask16 used[panels];
  Accumulators<rows, panels> acc;
  for (int p = 0; p < panels; ++p) {
    const int64_t left = a.outputs - n - p * panel_width;
    used[p] = __mmask16(left >= panel_width ? 0xFFFF : (1 << left) - 1);
  }
  for (int r = 0; r < rows; ++r) {
    x[r] = static_cast<const float*>(a.x[row + r]);
    out[r] = a.out[row + r] + a.out_offset + n;
    for (int p = 0; p < panels; ++p)
      acc.v[r][p] = a.accumulate ? _mm512_maskz_loadu_ps(used[p], out[r] + p * panel_width)
                                 : _mm512_setzero_ps();
  }
  if constexpr (__is_same(Format, Fp8))
    run_scaled_chains<rows, panels>(a, panel, x, acc);
  else
    run_chains<Format, rows, panels>(a, panel, x, acc);
  for (int r = 0; r < rows; ++r)
    for (int p = 0; p < panels; ++p)
      _mm512_mask_storeu_ps(out[r] + p * panel_width, used[p], acc.v[r][p]);
}

template <class Format, int panels>
inline void few_rows(const LinearArgs& a, const unsigned char* panel, int64_t n) {
  int64_t r = 0;
  for (; r + 8 <= a.rows; r += 8) tile<Format, 8, panels>(a, panel, r, n);
  if (a.rows & 4) tile<Format, 4, panels>(a, panel, r, n), r += 4;
  if (a.rows & 2) tile<Format, 2, panels>(a, panel, r, n), r += 2;
  if (a.rows & 1) tile<Format, 1, panels>(a, panel, r, n);
}

/// A run of columns of one or two panels as f32, and where its chains go on.
template <int panels>
struct Run {
  const float* weights[panels];  // [count][16]
  const float* scale[panels];    // fp8: what the run's own chains are scaled with
  __mmask16 used[panels];
  int64_t first, count;
  bool fresh;  // the chains start here
};

template <bool scaled, int rows, int panels>
inline void run_tile(const LinearArgs& a, const Run<panels>& run, int64_t row, int64_t n) {
  const float* x[rows];
  __m512 acc[rows][panels];
  for (int r = 0; r < rows; ++r) {
    x[r] = static_cast<const float*>(a.x[row + r]) + run.first;
    const float* out = a.out[row + r] + a.out_offset + n;
    for (int p = 0; p < panels; ++p)
      acc[r][p] = scaled || run.fresh ? _mm512_setzero_ps()
                                      : _mm512_maskz_loadu_ps(run.used[p], out + p * panel_width);
  }
  for (int64_t k = 0; k < run.count; ++k) {
    __m512 w[panels];
    for (int p = 0; p < panels; ++p) w[p] = _mm512_loadu_ps(run.weights[p] + k * panel_width);
    for (int r = 0; r < rows; ++r) {
      const __m512 value = _mm512_set1_ps(x[r][k]);
      for (int p = 0; p < panels; ++p) acc[r][p] = _mm512_fmadd_ps(value, w[p], acc[r][p]);
    }
  }
  for (int r = 0; r < rows; ++r)
    for (int p = 0; p < panels; ++p) {
      float* out = a.out[row + r] + a.out_offset + n + p * panel_width;
      if constexpr (scaled) {
        const __m512 before =
            run.fresh ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(run.used[p], out);
        acc[r][p] = _mm512_fmadd_ps(acc[r][p], _mm512_loadu_ps(run.scale[p]), before);
      }
      _mm512_mask_storeu_ps(out, run.used[p], acc[r][p]);
    }
}

/// The f32 weights of columns [0, count) at `at`, and of those that complete the last step.
template <class Format>
inline void widen(const unsigned char* at, int64_t count, float* out) {
  for (int64_t k = 0; k < count; k += Format::step, at += Format::bytes) {
    __m512 w[Format::step];
    Format::load(at, w);
    for (int s = 0; s < Format::step; ++s) _mm512_store_ps(out + (k + s) * panel_width, w[s]);
  }
}

/// Columns whose weights, of two panels as f32, stay in the first-level cache.
constexpr int64_t run_cols = 192;

/// Runs of columns are widened once and serve all rows; between them the chains rest in `out`.
template <class Format, int panels>
inline void many_rows(const LinearArgs& a, const unsigned char* panel, int64_t n) {
  constexpr bool scaled = __is_same(Format, Fp8);
  alignas(64) float widened[__is_same(Format, F32) ? 1 : panels * run_cols * panel_width];
  const int64_t step = scaled ? a.block_cols : run_cols;
  Run<panels> run;
  for (int p = 0; p < panels; ++p) {
    const int64_t left = a.outputs - n - p * panel_width;
    run.used[p] = __mmask16(left >= panel_width ? 0xFFFF : (1 << left) - 1);
  }
  const unsigned char* next = panel;
  for (run.first = 0; run.first < a.cols; run.first += step) {
    run.count = run.first + step < a.cols ? step : a.cols - run.first;
    run.fresh = run.first == 0 && !a.accumulate;
    for (int p = 0; p < panels; ++p) {
      const unsigned char* at = next + p * a.panel_bytes;
      if constexpr (scaled) {
        run.scale[p] = reinterpret_cast<const float*>(at);
        at += 64;
      }
      if constexpr (__is_same(Format, F32)) {
        run.weights[p] = reinterpret_cast<const float*>(at);
      } else {
        float* out = widened + p * run_cols * panel_width;
        widen<Format>(at, run.count, out);
        run.weights[p] = out;
      }
    }
    next += (scaled ? 64 : 0) + (run.count + Format::step - 1) / Format::step * Format::bytes;
    int64_t r = 0;
    for (; r + 8 <= a.rows; r += 8) run_tile<scaled, 8, panels>(a, run, r, n);
    if (a.rows & 4) run_tile<scaled, 4, panels>(a, run, r, n), r += 4;
    if (a.rows & 2) run_tile<scaled, 2, panels>(a, run, r, n), r += 2;
    if (a.rows & 1) run_tile<scaled, 1, panels>(a, run, r, n);
  }
}

template <class Format, int panels>
inline void all_rows(const LinearArgs& a, const unsigned char* panel, int64_t n) {
  const bool fits = !__is_same(Format, Fp8) || a.block_cols <= run_cols;
  if (a.rows >= 16 && fits)
    many_rows<Format, panels>(a, panel, n);
  else
    few_rows<Format, panels>(a, panel, n);
}

/// Two panels at a time, so that enough chains are in flight.
template <class Format>
inline void linear_dense(const LinearArgs& a) {
  const unsigned char* panel = a.panels;
  int64_t n = 0;
  for (; n + panel_width < a.outputs; n += 2 * panel_width, panel += 2 * a.panel_bytes)
    all_rows<Format, 2>(a, panel, n);
  if (n < a.outputs) all_rows<Format, 1>(a, panel, n);
}

}  // namespace

void linear_f32(const LinearArgs& a) noexcept { linear_dense<F32>(a); }
void linear_f16(const LinearArgs& a) noexcept { linear_dense<F16>(a); }
void linear_bf16(const LinearArgs& a) noexcept { linear_dense<Bf16>(a); }
void linear_fp8(const LinearArgs& a) noexcept { linear_dense<Fp8>(a); }

}  // namespace deepseek::kernels::avx512
