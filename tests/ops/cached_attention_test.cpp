// SPDX-License-Identifier: Apache-2.0
#include "ops/cached_attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/thread_pool.h"
#include "ops/attention.h"
#include "tensor/float_convert.h"
#include "tests/support/gradient_check.h"

namespace deepseek {
namespace {

using testing::random_tensor;

/// The pages of one sequence and one layer, filled with NaN where nothing was written.
class Pages {
 public:
  Pages(int64_t tokens, int64_t page_bytes) {
    const int64_t count = (tokens + tokens_per_page - 1) / tokens_per_page;
    memory_.assign(static_cast<size_t>(count * page_bytes), std::byte{0xff});
    for (int64_t i = 0; i < count; ++i) table_.push_back(memory_.data() + i * page_bytes);
  }

  std::vector<PagedRow> rows(int64_t begin, int64_t end) const {
    std::vector<PagedRow> out;
    for (int64_t p = begin; p < end; ++p) out.push_back({p, table_.data()});
    return out;
  }

 private:
  std::vector<std::byte> memory_;
  std::vector<std::byte*> table_;
};

Tensor rounded(const Tensor& x, DType dtype) {
  const Tensor out = x.clone();
  if (dtype == DType::bf16)
    for (float& v : out.values()) v = bf16_to_f32(f32_to_bf16(v));
  return out;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() &&
         std::memcmp(a.data(), b.data(), static_cast<size_t>(a.size_bytes())) == 0;
}

class Threads {
 public:
  explicit Threads(int threads) : before_(compute_pool().threads()) {
    set_compute_threads(threads);
  }
  ~Threads() { set_compute_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

struct KvCase {
  int64_t heads, kv_heads, key_dim, value_dim;
};

class CachedKv : public ::testing::TestWithParam<std::tuple<KvCase, DType>> {
 protected:
  static constexpr int64_t tokens = 200;
  static constexpr float factor = 0.3f;

  KvCase dims_ = std::get<0>(GetParam());
  KvPageLayout layout_{dims_.kv_heads, dims_.key_dim, dims_.value_dim, std::get<1>(GetParam())};
  Tensor q_ = random_tensor({tokens, dims_.heads, dims_.key_dim}, 1);
  Tensor k_ = random_tensor({tokens, dims_.kv_heads, dims_.key_dim}, 2);
  Tensor v_ = random_tensor({tokens, dims_.kv_heads, dims_.value_dim}, 3);

  /// All tokens in chunks that end at `borders`.
  Tensor in_chunks(const std::vector<int64_t>& borders) const {
    const Pages pages(tokens, layout_.size_bytes());
    const Tensor out = Tensor::empty({tokens, dims_.heads, dims_.value_dim});
    int64_t begin = 0;
    for (const int64_t end : borders) {
      const auto rows = pages.rows(begin, end);
      append_kv(rows, layout_, k_.slice(begin, end), v_.slice(begin, end));
      const Tensor part = attend_paged(q_.slice(begin, end), rows, layout_, factor);
      std::ranges::copy(part.values(), out.slice(begin, end).data());
      begin = end;
    }
    return out;
  }
};

TEST_P(CachedKv, EqualsAttentionOverTheRoundedKeys) {
  const DType dtype = layout_.dtype;
  const std::vector<Span> spans{{0, tokens}};
  const Tensor want = attend(q_, rounded(k_, dtype), rounded(v_, dtype), spans, factor);
  EXPECT_TRUE(same_bits(in_chunks({tokens}), want));
}

TEST_P(CachedKv, BitsDependNeitherOnChunksNorOnThreads) {
  const Tensor whole = in_chunks({tokens});
  std::vector<int64_t> one_by_one;
  for (int64_t i = 1; i <= tokens; ++i) one_by_one.push_back(i);
  for (const int threads : {1, 2, 5}) {
    const Threads scope(threads);
    EXPECT_TRUE(same_bits(in_chunks({tokens}), whole)) << threads << " threads";
    EXPECT_TRUE(same_bits(in_chunks({1, 33, 63, 64, 65, 128, 199, tokens}), whole));
    if (threads == 2) {
      EXPECT_TRUE(same_bits(in_chunks(one_by_one), whole));
    }
  }
}

TEST_P(CachedKv, BitsDoNotDependOnNeighbours) {
  const Tensor whole = in_chunks({tokens});
  const Pages first(tokens, layout_.size_bytes()), second(tokens, layout_.size_bytes());
  append_kv(first.rows(0, tokens), layout_, k_, v_);
  append_kv(second.rows(0, 77), layout_, k_.slice(100, 177), v_.slice(100, 177));
  std::vector<PagedRow> rows;
  std::vector<float> queries;
  const std::vector<int64_t> places{150, 3, 64, 63, 199, 0};
  const auto add_query = [&](int64_t r) {
    const Tensor q = q_.slice(r, r + 1);
    queries.insert(queries.end(), q.values().begin(), q.values().end());
  };
  for (const int64_t p : places) {
    rows.push_back(first.rows(p, p + 1)[0]);
    add_query(p);
    rows.push_back(second.rows(p % 77, p % 77 + 1)[0]);
    add_query(p);
  }
  const Tensor q =
      Tensor::from({static_cast<int64_t>(rows.size()), dims_.heads, dims_.key_dim}, queries);
  const Tensor out = attend_paged(q, rows, layout_, factor);
  for (size_t i = 0; i < places.size(); ++i) {
    const int64_t at = 2 * static_cast<int64_t>(i);
    EXPECT_TRUE(same_bits(out.slice(at, at + 1), whole.slice(places[i], places[i] + 1))) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, CachedKv,
    ::testing::Combine(::testing::Values(KvCase{9, 3, 64, 64}, KvCase{4, 4, 20, 12},
                                         KvCase{6, 1, 7, 33}, KvCase{64, 1, 8, 8},
                                         KvCase{12, 2, 128, 128}),
                       ::testing::Values(DType::f32, DType::bf16)));

struct LatentCase {
  int64_t heads, rank, width;
};

class CachedLatent : public ::testing::TestWithParam<std::tuple<LatentCase, DType>> {
 protected:
  static constexpr int64_t tokens = 150;
  static constexpr float factor = 0.2f;

  LatentCase dims_ = std::get<0>(GetParam());
  LatentPageLayout layout_{dims_.rank, dims_.width, std::get<1>(GetParam())};
  Tensor q_ = random_tensor({tokens, dims_.heads, dims_.width}, 1);
  Tensor latent_ = random_tensor({tokens, dims_.width}, 2);

  Tensor in_chunks(const std::vector<int64_t>& borders) const {
    const Pages pages(tokens, layout_.size_bytes());
    const Tensor out = Tensor::empty({tokens, dims_.heads, dims_.rank});
    int64_t begin = 0;
    for (const int64_t end : borders) {
      const auto rows = pages.rows(begin, end);
      append_latent(rows, layout_, latent_.slice(begin, end));
      const Tensor part = attend_latent(q_.slice(begin, end), rows, layout_, factor);
      std::ranges::copy(part.values(), out.slice(begin, end).data());
      begin = end;
    }
    return out;
  }
};

TEST_P(CachedLatent, EqualsOneKeyHeadWhoseValuesAreItsFirstColumns) {
  const Tensor latent = rounded(latent_, layout_.dtype);
  const Tensor got = in_chunks({tokens});
  double worst = 0;
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t h = 0; h < dims_.heads; ++h) {
      std::vector<double> p, out(static_cast<size_t>(dims_.rank));
      double sum = 0;
      for (int64_t j = 0; j <= t; ++j) {
        double score = 0;
        for (int64_t d = 0; d < dims_.width; ++d)
          score += double{q_.data()[(t * dims_.heads + h) * dims_.width + d]} *
                   latent.data()[j * dims_.width + d];
        p.push_back(std::exp(score * factor));
        sum += p.back();
      }
      for (int64_t j = 0; j <= t; ++j)
        for (int64_t d = 0; d < dims_.rank; ++d)
          out[static_cast<size_t>(d)] +=
              p[static_cast<size_t>(j)] / sum * latent.data()[j * dims_.width + d];
      for (int64_t d = 0; d < dims_.rank; ++d)
        worst = std::max(worst, std::abs(out[static_cast<size_t>(d)] -
                                         got.data()[(t * dims_.heads + h) * dims_.rank + d]));
    }
  EXPECT_LT(worst, 5e-6);
}

TEST_P(CachedLatent, BitsDependNeitherOnChunksNorOnThreads) {
  const Tensor whole = in_chunks({tokens});
  std::vector<int64_t> one_by_one;
  for (int64_t i = 1; i <= tokens; ++i) one_by_one.push_back(i);
  for (const int threads : {1, 2, 5}) {
    const Threads scope(threads);
    EXPECT_TRUE(same_bits(in_chunks({1, 63, 64, 65, 128, tokens}), whole)) << threads;
    if (threads == 2) {
      EXPECT_TRUE(same_bits(in_chunks(one_by_one), whole));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, CachedLatent,
                         ::testing::Combine(::testing::Values(LatentCase{4, 32, 40},
                                                              LatentCase{16, 48, 64},
                                                              LatentCase{21, 17, 23}),
                                            ::testing::Values(DType::f32, DType::bf16)));

/// One row, three rows of one sequence, and the middle one alone, over a context so long that its
/// pages are shared out: always the same bits.
template <class Attend>
void expect_long_context_exact(const Tensor& q, const std::vector<PagedRow>& rows,
                               const Attend& attend_rows) {
  const Threads scope(1);
  const Tensor want = attend_rows(q, rows);
  for (const int threads : {1, 2, 5}) {
    set_compute_threads(threads);
    EXPECT_TRUE(same_bits(attend_rows(q, rows), want)) << threads << " threads";
    const Tensor middle = attend_rows(q.slice(1, 2), std::vector<PagedRow>{rows[1]});
    EXPECT_TRUE(same_bits(middle, want.slice(1, 2))) << threads << " threads";
  }
}

TEST(CachedAttention, LongContextsHaveTheSameBitsOnAnyThreads) {
  constexpr int64_t tokens = 3000;
  const KvPageLayout layout{3, 64, 64, DType::bf16};
  const Pages pages(tokens, layout.size_bytes());
  append_kv(pages.rows(0, tokens), layout, random_tensor({tokens, 3, 64}, 1),
            random_tensor({tokens, 3, 64}, 2));
  expect_long_context_exact(
      random_tensor({3, 9, 64}, 3), pages.rows(tokens - 3, tokens),
      [&](const Tensor& q, const auto& rows) { return attend_paged(q, rows, layout, 0.2f); });
}

TEST(CachedAttention, PartialsThatDoNotFitAtOnceAreMergedInOrderToo) {
  constexpr int64_t tokens = 1700;
  const KvPageLayout layout{1, 4, 1024, DType::bf16};
  const Pages pages(tokens, layout.size_bytes());
  append_kv(pages.rows(0, tokens), layout, random_tensor({tokens, 1, 4}, 1),
            random_tensor({tokens, 1, 1024}, 2));
  expect_long_context_exact(
      random_tensor({3, 64, 4}, 3), pages.rows(tokens - 3, tokens),
      [&](const Tensor& q, const auto& rows) { return attend_paged(q, rows, layout, 0.2f); });
}

TEST(CachedAttention, LongLatentContextsHaveTheSameBitsOnAnyThreads) {
  constexpr int64_t tokens = 1500;
  const LatentPageLayout layout{128, 160, DType::bf16};
  const Pages pages(tokens, layout.size_bytes());
  append_latent(pages.rows(0, tokens), layout, random_tensor({tokens, 160}, 1));
  expect_long_context_exact(
      random_tensor({3, 20, 160}, 3), pages.rows(tokens - 3, tokens),
      [&](const Tensor& q, const auto& rows) { return attend_latent(q, rows, layout, 0.1f); });
}

TEST(CachedAttention, RefusesWhatDoesNotFit) {
  const KvPageLayout layout{2, 4, 4, DType::f32};
  const Pages pages(10, layout.size_bytes());
  const auto rows = pages.rows(0, 3);
  const Tensor k = random_tensor({3, 2, 4}, 1);
  append_kv(rows, layout, k, k);
  EXPECT_NO_THROW(attend_paged(random_tensor({3, 4, 4}, 1), rows, layout, 1));
  EXPECT_THROW(attend_paged(random_tensor({2, 4, 4}, 1), rows, layout, 1), Error);
  EXPECT_THROW(attend_paged(random_tensor({3, 3, 4}, 1), rows, layout, 1), Error);
  EXPECT_THROW(attend_paged(random_tensor({3, 4, 5}, 1), rows, layout, 1), Error);
  EXPECT_THROW(append_kv(rows, layout, k, random_tensor({3, 2, 5}, 1)), Error);
  EXPECT_THROW(append_kv(rows, {2, 4, 4, DType::f16}, k, k), Error);
  const LatentPageLayout latent{6, 4, DType::f32};
  EXPECT_THROW(attend_latent(random_tensor({3, 4, 4}, 1), rows, latent, 1), Error);
}

}  // namespace
}  // namespace deepseek
