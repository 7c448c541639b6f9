// SPDX-License-Identifier: Apache-2.0

// Compiled once for each instruction set that has Lanes. Every score is one chain of fused
// multiply-adds over the key's dimensions, every value one chain over the page's positions, as in
// the scalar definitions. Bound: multiply-adds once a tile holds several queries; for a single
// query with its own key head, the bytes of the pages.

#include <cstddef>

#include "kernels/latent_attention_args.h"
#include "kernels/paged_attention_args.h"

namespace deepseek::kernels::DEEPSEEK_ISA {
namespace {

struct F32 {
  static constexpr int bytes = 4;
  static inline Lanes load(const std::byte* at) {
    return Lanes::load(reinterpret_cast<const float*>(at));
  }
  static inline Lanes load(const std::byte* at, int64_t count) {
    return Lanes::load(reinterpret_cast<const float*>(at), count);
  }
};

struct Bf16 {
  static constexpr int bytes = 2;
  static inline Lanes load(const std::byte* at) { return Lanes::load_bf16(at); }
  static inline Lanes load(const std::byte* at, int64_t count) {
    return Lanes::load_bf16(at, count);
  }
};

constexpr int page_vectors = static_cast<int>(page_tokens / 16);
constexpr float lowest_score = -__builtin_inff();

/// The queries of a tile that see a page, in order.
struct Active {
  int64_t count = 0;
  int64_t index[paged_queries];    // into the tile
  int64_t visible[paged_queries];  // positions of this page
};

/// A page's part of each active query.
struct PagePart {
  float max[paged_queries];
  float sum[paged_queries];
  float keep[paged_queries];  // factor of what earlier pages gave; unused on the first page
  float take[paged_queries];  // factor of this page
  bool first[paged_queries];
};

/// weights[q][0, 64) = q . keys for `count` queries, key_dim apart.
template <class Element, int count>
inline void score_tile(const float* const* q, const std::byte* keys, int64_t key_dim,
                       float* weights) {
  for (int first = 0; first < page_vectors; first += tile_vectors) {
    Lanes acc[count][tile_vectors];
    for (int c = 0; c < count; ++c)
      for (int v = 0; v < tile_vectors; ++v) acc[c][v] = Lanes::zero();
    const std::byte* at = keys + first * 16 * Element::bytes;
    for (int64_t d = 0; d < key_dim; ++d, at += page_tokens * Element::bytes) {
      Lanes key[tile_vectors];
      for (int v = 0; v < tile_vectors; ++v) key[v] = Element::load(at + v * 16 * Element::bytes);
      for (int c = 0; c < count; ++c) {
        const Lanes value = Lanes::all(q[c][d]);
        for (int v = 0; v < tile_vectors; ++v) acc[c][v] = fma(value, key[v], acc[c][v]);
      }
    }
    for (int c = 0; c < count; ++c)
      for (int v = 0; v < tile_vectors; ++v)
        acc[c][v].store(weights + c * page_tokens + (first + v) * 16);
  }
}

/// Adds one page's weighted values to `count` outputs. weights of query c at position i stand at
/// weights[c * query_step + i * position_step].
struct ValueTile {
  const float* weights;
  int64_t query_step, position_step;
  const std::byte* values;
  int64_t row_bytes;  // between positions
  int64_t dim;
  const int64_t* visible;
  const bool* first;
  const float* keep;
  const float* take;
  float* const* out;
};

template <class Element, int vectors, bool whole>
inline void load_values(const std::byte* at, int64_t last, Lanes (&value)[vectors]) {
  for (int v = 0; v < vectors; ++v)
    value[v] = whole || v + 1 < vectors ? Element::load(at + v * 16 * Element::bytes)
                                        : Element::load(at + v * 16 * Element::bytes, last);
}

/// Columns [column, column + 16 * vectors), the last vector `last` wide.
template <class Element, int count, int vectors, bool whole>
inline void value_columns(const ValueTile& t, int64_t column, int64_t last) {
  int64_t shared = t.visible[0];
  for (int c = 1; c < count; ++c) shared = t.visible[c] < shared ? t.visible[c] : shared;
  Lanes acc[count][vectors];
  for (int c = 0; c < count; ++c)
    for (int v = 0; v < vectors; ++v) acc[c][v] = Lanes::zero();
  const std::byte* values = t.values + column * Element::bytes;
  for (int64_t i = 0; i < shared; ++i) {
    Lanes value[vectors];
    load_values<Element, vectors, whole>(values + i * t.row_bytes, last, value);
    for (int c = 0; c < count; ++c) {
      const Lanes weight = Lanes::all(t.weights[c * t.query_step + i * t.position_step]);
      for (int v = 0; v < vectors; ++v) acc[c][v] = fma(weight, value[v], acc[c][v]);
    }
  }
  for (int c = 0; c < count; ++c)
    for (int64_t i = shared; i < t.visible[c]; ++i) {
      Lanes value[vectors];
      load_values<Element, vectors, whole>(values + i * t.row_bytes, last, value);
      const Lanes weight = Lanes::all(t.weights[c * t.query_step + i * t.position_step]);
      for (int v = 0; v < vectors; ++v) acc[c][v] = fma(weight, value[v], acc[c][v]);
    }
  for (int c = 0; c < count; ++c) {
    const Lanes keep = Lanes::all(t.keep[c]), take = Lanes::all(t.take[c]);
    for (int v = 0; v < vectors; ++v) {
      float* out = t.out[c] + column + v * 16;
      const bool full = whole || v + 1 < vectors;
      Lanes merged = acc[c][v];
      if (!t.first[c])
        merged = fma(acc[c][v], take, (full ? Lanes::load(out) : Lanes::load(out, last)) * keep);
      if (full)
        merged.store(out);
      else
        merged.store(out, last);
    }
  }
}

template <class Element, int count>
inline void value_tile(const ValueTile& t) {
  int64_t column = 0;
  for (; column + 16 * tile_vectors <= t.dim; column += 16 * tile_vectors)
    value_columns<Element, count, tile_vectors, true>(t, column, 16);
  for (; column + 16 <= t.dim; column += 16) value_columns<Element, count, 1, true>(t, column, 16);
  if (column < t.dim) value_columns<Element, count, 1, false>(t, column, t.dim - column);
}

/// Calls body.template run<n>(first) for tiles of at most tile_queries out of `count`.
template <class Body>
inline void for_query_tiles(int64_t count, const Body& body) {
  static_assert(tile_queries == 6);
  int64_t c = 0;
  for (; c + 6 <= count; c += 6) body.template run<6>(c);
  switch (count - c) {
    case 5:
      return body.template run<5>(c);
    case 4:
      return body.template run<4>(c);
    case 3:
      return body.template run<3>(c);
    case 2:
      return body.template run<2>(c);
    case 1:
      return body.template run<1>(c);
    default:
      return;
  }
}

/// How earlier pages and this one weigh together; see AttentionMergeArgs. Updates max and sum of
/// `count` <= 16 queries.
inline void merge_sums(int64_t count, PagePart& part, int64_t at, float* const* max,
                       float* const* sum) {
  float keep[16] = {}, take[16] = {};
  for (int64_t c = 0; c < count; ++c) {
    part.first[at + c] = *sum[c] == 0;
    const float before = part.first[at + c] ? part.max[at + c] : *max[c];
    const float both = before > part.max[at + c] ? before : part.max[at + c];
    keep[c] = before - both;
    take[c] = part.max[at + c] - both;
    *max[c] = both;
  }
  exp(Lanes::load(keep)).store(keep);
  exp(Lanes::load(take)).store(take);
  for (int64_t c = 0; c < count; ++c) {
    part.keep[at + c] = keep[c];
    part.take[at + c] = take[c];
    *sum[c] = part.first[at + c] ? part.sum[at + c]
                                 : __builtin_fmaf(part.sum[at + c], take[c], *sum[c] * keep[c]);
  }
}

/// Turns the scores of one query into exp(score - max), zero past what it sees. Without branches,
/// so that the four vectors, and neighbouring queries, overlap.
inline void page_softmax(float* weights, int64_t visible, float& max, float& total) {
  Lanes score[page_vectors];
  int64_t seen[page_vectors];
  Lanes most = Lanes::all(lowest_score);
  for (int v = 0; v < page_vectors; ++v) {
    const int64_t left = visible - 16 * v;
    seen[v] = left < 0 ? 0 : left > 16 ? 16 : left;
    score[v] = Lanes::load(weights + 16 * v).keep(seen[v], Lanes::all(lowest_score));
    most = larger(most, score[v]);
  }
  max = largest(most);
  for (int v = 0; v < page_vectors; ++v) score[v] = exp(score[v] - Lanes::all(max));
  Lanes sums = Lanes::zero();
  for (int v = 0; v < page_vectors; ++v) {
    score[v] = score[v].keep(seen[v], Lanes::zero());
    score[v].store(weights + 16 * v);
    sums = sums + score[v];
  }
  total = sum(sums);
}

template <class Element>
struct ScoreTiles {
  const float* const* q;
  const std::byte* keys;
  int64_t key_dim;
  float* weights;

  template <int count>
  inline void run(int64_t c) const {
    score_tile<Element, count>(q + c, keys, key_dim, weights + c * page_tokens);
  }
};

template <class Element>
struct ValueTiles {
  ValueTile whole;

  template <int count>
  inline void run(int64_t c) const {
    ValueTile t = whole;
    t.weights += c * t.query_step;
    t.visible += c;
    t.first += c;
    t.keep += c;
    t.take += c;
    t.out += c;
    value_tile<Element, count>(t);
  }
};

/// Queries [begin, begin + count) of the tile over all pages; `scaled` holds them times scale.
template <class Element>
void attend_queries(const PagedAttentionArgs& a, int64_t begin, int64_t count, const float* scaled,
                    float* weights) {
  for (int64_t c = begin; c < begin + count; ++c) {
    a.max[c] = 0;
    a.sum[c] = 0;
  }
  for (int64_t page = a.page_begin; page < a.page_end; ++page) {
    Active active;
    const float* q[paged_queries];
    float *out[paged_queries], *max[paged_queries], *total[paged_queries];
    for (int64_t c = begin; c < begin + count; ++c) {
      const int64_t left = a.positions[c / a.heads] + 1 - page * page_tokens;
      if (left <= 0) continue;
      const int64_t n = active.count++;
      active.visible[n] = left < page_tokens ? left : page_tokens;
      q[n] = scaled + (c - begin) * a.key_dim;
      out[n] = a.out + c * a.value_dim;
      max[n] = a.max + c;
      total[n] = a.sum + c;
    }
    if (active.count == 0) continue;
    for_query_tiles(active.count,
                    ScoreTiles<Element>{q, a.pages[page] + a.key_offset, a.key_dim, weights});
    PagePart part;
    for (int64_t n = 0; n < active.count; ++n)
      page_softmax(weights + n * page_tokens, active.visible[n], part.max[n], part.sum[n]);
    for (int64_t n = 0; n < active.count; n += 16)
      merge_sums(active.count - n < 16 ? active.count - n : 16, part, n, max + n, total + n);
    for_query_tiles(active.count,
                    ValueTiles<Element>{{weights, page_tokens, 1, a.pages[page] + a.value_offset,
                                         a.value_dim * Element::bytes, a.value_dim, active.visible,
                                         part.first, part.keep, part.take, out}});
  }
}

/// Scores of sixteen heads at `count` positions from `keys`, width floats apart.
template <int count>
inline void score_positions(const float* q_lanes, const float* keys, int64_t width,
                            float* weights) {
  Lanes acc[count];
  for (int i = 0; i < count; ++i) acc[i] = Lanes::zero();
  for (int64_t d = 0; d < width; ++d) {
    const Lanes q = Lanes::load(q_lanes + d * latent_head_lanes);
    for (int i = 0; i < count; ++i) acc[i] = fma(q, Lanes::all(keys[i * width + d]), acc[i]);
  }
  for (int i = 0; i < count; ++i) acc[i].store(weights + i * latent_head_lanes);
}

/// One row and up to sixteen heads over one page of f32 latents.
inline void attend_latent_page(const LatentAttentionArgs& a, int64_t row, const float* latent,
                               int64_t visible, float* weights) {
  const float* q = a.q_lanes + row * a.q_stride;
  int64_t i = 0;
  for (; i + tile_positions <= visible; i += tile_positions)
    score_positions<tile_positions>(q, latent + i * a.width, a.width,
                                    weights + i * latent_head_lanes);
  for (; i < visible; ++i)
    score_positions<1>(q, latent + i * a.width, a.width, weights + i * latent_head_lanes);
  Lanes most = Lanes::all(lowest_score), sums = Lanes::zero();
  for (i = 0; i < visible; ++i) most = larger(most, Lanes::load(weights + i * latent_head_lanes));
  for (i = 0; i < visible; ++i) {
    const Lanes weight = exp(Lanes::load(weights + i * latent_head_lanes) - most);
    weight.store(weights + i * latent_head_lanes);
    sums = sums + weight;
  }
  PagePart part;
  most.store(part.max);
  sums.store(part.sum);
  int64_t seen[latent_head_lanes];
  float *out[latent_head_lanes], *max[latent_head_lanes], *total[latent_head_lanes];
  for (int64_t h = 0; h < a.heads; ++h) {
    const int64_t at = row * a.heads + h;
    seen[h] = visible;
    out[h] = a.out + at * a.rank;
    max[h] = a.max + at;
    total[h] = a.sum + at;
  }
  merge_sums(a.heads, part, 0, max, total);
  for_query_tiles(a.heads, ValueTiles<F32>{{weights, 1, latent_head_lanes,
                                            reinterpret_cast<const std::byte*>(latent), a.width * 4,
                                            a.rank, seen, part.first, part.keep, part.take, out}});
}

inline void widen_page(const std::byte* from, int64_t count, float* to) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) Lanes::load_bf16(from + i * 2).store(to + i);
  if (i < count) Lanes::load_bf16(from + i * 2, count - i).store(to + i, count - i);
}

}  // namespace

void paged_attention(const PagedAttentionArgs& a) noexcept {
  const int64_t queries = a.rows * a.heads;
  float* weights = a.scratch;
  float* scaled = weights + paged_queries * page_tokens;
  for (int64_t begin = 0; begin < queries; begin += paged_queries) {
    const int64_t count = queries - begin < paged_queries ? queries - begin : paged_queries;
    for (int64_t c = 0; c < count; ++c) {
      const int64_t at = begin + c;
      const float* q = a.q + at / a.heads * a.q_stride + at % a.heads * a.key_dim;
      for (int64_t d = 0; d < a.key_dim; ++d) scaled[c * a.key_dim + d] = q[d] * a.scale;
    }
    if (a.bf16)
      attend_queries<Bf16>(a, begin, count, scaled, weights);
    else
      attend_queries<F32>(a, begin, count, scaled, weights);
  }
}

void latent_attention(const LatentAttentionArgs& a) noexcept {
  float* weights = a.scratch;
  float* widened = weights + latent_page_tokens * latent_head_lanes;
  int64_t furthest = 0;
  for (int64_t r = 0; r < a.rows; ++r)
    furthest = a.positions[r] > furthest ? a.positions[r] : furthest;
  for (int64_t c = 0; c < a.rows * a.heads; ++c) {
    a.max[c] = 0;
    a.sum[c] = 0;
  }
  for (int64_t page = a.page_begin; page < a.page_end; ++page) {
    const int64_t begin = page * latent_page_tokens;
    if (furthest < begin) break;
    const int64_t used =
        furthest + 1 - begin < latent_page_tokens ? furthest + 1 - begin : latent_page_tokens;
    const float* latent = reinterpret_cast<const float*>(a.pages[page]);
    if (a.bf16) {
      widen_page(a.pages[page], used * a.width, widened);
      latent = widened;
    }
    for (int64_t r = 0; r < a.rows; ++r) {
      const int64_t left = a.positions[r] + 1 - begin;
      if (left > 0)
        attend_latent_page(a, r, latent, left < latent_page_tokens ? left : latent_page_tokens,
                           weights);
    }
  }
}

}  // namespace deepseek::kernels::DEEPSEEK_ISA
