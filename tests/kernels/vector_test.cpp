// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/attention_merge.h"
#include "kernels/exp_rows.h"
#include "kernels/expert_combine.h"
#include "kernels/families.h"
#include "kernels/latent_attention.h"
#include "kernels/log_sum_exp.h"
#include "kernels/paged_attention.h"
#include "kernels/rms_norm.h"
#include "kernels/rope.h"
#include "kernels/swiglu.h"
#include "tensor/float_convert.h"
#include "tests/support/random_weight.h"

// Every variant gives the bits of the scalar definition: on lengths around the width of vectors, on
// unaligned memory, without touching what lies past the end, and on values that are not finite.

namespace deepseek::kernels {
namespace {

using test::random_values;

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

/// Floats that start four bytes past any vector's alignment, with a guard behind them.
class Unaligned {
 public:
  explicit Unaligned(const std::vector<float>& values) : values_(values) {
    values_.insert(values_.begin(), guard);
    values_.push_back(guard);
  }
  explicit Unaligned(int64_t count)
      : Unaligned(std::vector<float>(static_cast<size_t>(count), -1.0f)) {}

  float* data() { return values_.data() + 1; }
  std::vector<float> values() const {
    EXPECT_EQ(values_.front(), guard);
    EXPECT_EQ(values_.back(), guard);
    return {values_.begin() + 1, values_.end() - 1};
  }

 private:
  static constexpr float guard = 12345;
  std::vector<float> values_;
};

Unaligned random(int64_t count, uint64_t seed) { return Unaligned(random_values(count, seed)); }

/// Runs body(variant) for every supported variant and expects the result of the first, bit for bit
/// but for the payload of NaN.
template <class Family, class Body>
void expect_equal_bits(const Family& family, const Body& body) {
  const std::vector<float> want = body(family.variants[0]);
  for (const auto& variant : family.variants) {
    if (!variant.supported()) continue;
    const std::vector<float> got = body(variant);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i)
      ASSERT_TRUE(std::bit_cast<uint32_t>(got[i]) == std::bit_cast<uint32_t>(want[i]) ||
                  (std::isnan(got[i]) && std::isnan(want[i])))
          << family.name << " " << variant.name << " [" << i << "]: got " << got[i] << ", want "
          << want[i];
  }
}

const std::vector<int64_t> lengths{1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 100};

TEST(VectorKernels, RmsNormHasTheBitsOfItsDefinition) {
  for (const int64_t dim : lengths)
    expect_equal_bits(rms_norm_f32, [&](const auto& variant) {
      Unaligned x = random(3 * dim, 1), weight = random(dim, 2), out(3 * dim);
      variant.run({x.data(), weight.data(), out.data(), 3, dim, 1e-5f});
      return out.values();
    });
}

TEST(VectorKernels, SwigluHasTheBitsOfItsDefinition) {
  for (const int64_t count : lengths)
    expect_equal_bits(swiglu_f32, [&](const auto& variant) {
      Unaligned gate = random(count, 1), up = random(count, 2), out(count);
      for (int64_t i = 0; i < count; ++i) gate.data()[i] *= 20;
      variant.run({gate.data(), up.data(), out.data(), count});
      return out.values();
    });
}

TEST(VectorKernels, RopeHasTheBitsOfItsDefinition) {
  for (const int64_t half : lengths)
    for (const bool interleaved : {false, true})
      expect_equal_bits(rope_f32, [&](const auto& variant) {
        Unaligned x = random(2 * 3 * 2 * half, 1), out(2 * 3 * 2 * half);
        Unaligned cos = random(2 * half, 2), sin = random(2 * half, 3);
        variant.run({x.data(), cos.data(), sin.data(), out.data(), 2, 3, 2 * half, interleaved});
        return out.values();
      });
}

TEST(VectorKernels, ExpertCombineHasTheBitsOfItsDefinition) {
  for (const int64_t dim : lengths)
    expect_equal_bits(expert_combine_f32, [&](const auto& variant) {
      Unaligned values = random(6 * dim, 1), weights = random(6, 2), out(2 * dim);
      const std::vector<int64_t> slots{0, 3, 5, 1, 2, 4};
      variant.run({values.data(), slots.data(), weights.data(), out.data(), 2, 3, dim});
      return out.values();
    });
}

TEST(VectorKernels, LogSumExpHasTheBitsOfItsDefinition) {
  for (const int64_t dim : lengths)
    expect_equal_bits(log_sum_exp_f32, [&](const auto& variant) {
      Unaligned x = random(2 * dim, 1);
      for (int64_t i = 0; i < 2 * dim; ++i) x.data()[i] = x.data()[i] * 30 - 200;
      float max[2];
      double sum[2];
      variant.run({x.data(), max, sum, 2, dim});
      return std::vector<float>{max[0], max[1], static_cast<float>(sum[0]),
                                static_cast<float>(sum[0] - static_cast<float>(sum[0])),
                                static_cast<float>(sum[1])};
    });
}

TEST(VectorKernels, ExpHasTheBitsOfItsDefinitionEverywhere) {
  std::vector<float> x{0.0f,  -0.0f,   inf,     -inf,    nan,    88.72f, 88.73f,
                       89.0f, -87.34f, -103.9f, -104.0f, -1e30f, 1e30f,  1e-40f};
  for (float v = -106; v < 91; v += 0.0113f) x.push_back(v);
  const int64_t count = static_cast<int64_t>(x.size());
  expect_equal_bits(exp_rows_f32, [&](const auto& variant) {
    Unaligned in(x), out(count);
    const float shift = 0, factor = 1;
    variant.run({in.data(), &shift, &factor, out.data(), 1, count});
    return out.values();
  });
}

TEST(VectorKernels, ExpIsWithinOneUnitInTheLastPlace) {
  std::vector<float> x;
  for (float v = -87; v < 88; v += 0.00127f) x.push_back(v);
  std::vector<float> got(x.size());
  const float shift = 0, factor = 1;
  exp_rows_f32.best().run(
      {x.data(), &shift, &factor, got.data(), 1, static_cast<int64_t>(x.size())});
  for (size_t i = 0; i < x.size(); ++i) {
    const double want = std::exp(double{x[i]});
    ASSERT_NEAR(got[i], want, want * 0x1p-23) << x[i];
  }
}

TEST(VectorKernels, NonFiniteValuesComeOutAsInTheDefinition) {
  std::vector<float> x = random_values(40, 1);
  for (const float bad : {inf, -inf, nan})
    for (const size_t at : {size_t{0}, size_t{17}, size_t{39}}) {
      std::vector<float> values = x;
      values[at] = bad;
      expect_equal_bits(swiglu_f32, [&](const auto& variant) {
        Unaligned gate(values), up(x), out(40);
        variant.run({gate.data(), up.data(), out.data(), 40});
        return out.values();
      });
      expect_equal_bits(rms_norm_f32, [&](const auto& variant) {
        Unaligned in(values), weight(x), out(40);
        variant.run({in.data(), weight.data(), out.data(), 1, 40, 1e-6f});
        return out.values();
      });
      expect_equal_bits(log_sum_exp_f32, [&](const auto& variant) {
        float max;
        double sum;
        variant.run({values.data(), &max, &sum, 1, 40});
        return std::vector<float>{static_cast<float>(sum)};
      });
    }
}

TEST(VectorKernels, MergingHasTheBitsOfItsDefinition) {
  for (const int64_t dim : lengths)
    expect_equal_bits(attention_merge_f32, [&](const auto& variant) {
      Unaligned out = random(4 * dim, 1), later = random(4 * dim, 2);
      std::vector<float> max{1, 2, 3, -5}, sum{3, 0, 1, 2}, later_max{2, 1, -90, 4},
          later_sum{1, 2, 5, 0};
      variant.run({max.data(), sum.data(), out.data(), later_max.data(), later_sum.data(),
                   later.data(), 4, dim});
      std::vector<float> result = out.values();
      result.insert(result.end(), max.begin(), max.end());
      result.insert(result.end(), sum.begin(), sum.end());
      return result;
    });
}

/// Pages of random bf16 or f32 values, aligned to one element alone.
class PageSet {
 public:
  PageSet(int64_t pages, int64_t page_values, bool bf16, uint64_t seed) {
    const std::vector<float> values = random_values(pages * page_values, seed);
    const size_t element = bf16 ? 2 : 4;
    memory_.resize((values.size() + 1) * element);
    for (size_t i = 0; i < values.size(); ++i) {
      const uint16_t bits = f32_to_bf16(values[i]);
      std::memcpy(memory_.data() + (i + 1) * element,
                  bf16 ? static_cast<const void*>(&bits) : &values[i], element);
    }
    for (int64_t p = 0; p < pages; ++p)
      table_.push_back(memory_.data() + (p * page_values + 1) * static_cast<int64_t>(element));
  }

  const std::byte* const* table() const { return table_.data(); }

 private:
  std::vector<std::byte> memory_;
  std::vector<const std::byte*> table_;
};

struct TileCase {
  int64_t rows, heads, key_dim, value_dim;
};

TEST(VectorKernels, PagedAttentionHasTheBitsOfItsDefinition) {
  constexpr int64_t pages = 3;
  for (const TileCase& c : {TileCase{1, 1, 1, 1}, TileCase{1, 3, 64, 64}, TileCase{5, 3, 20, 17},
                            TileCase{16, 3, 64, 64}, TileCase{2, 6, 33, 128},
                            TileCase{1, 50, 7, 70}, TileCase{3, 2, 128, 65}})
    for (const bool bf16 : {false, true}) {
      SCOPED_TRACE(::testing::Message() << c.rows << " " << c.heads << " " << c.key_dim);
      // A page starts with another head's keys, so that the offsets matter.
      const int64_t element = bf16 ? 2 : 4;
      const int64_t page_values = 2 * page_tokens * (c.key_dim + c.value_dim);
      const PageSet set(pages, page_values, bf16, 3);
      std::vector<int64_t> positions;
      positions.reserve(size_t(c.rows));
      for (int64_t r = 0; r < c.rows; ++r) positions.push_back((r * 61 + 65) % 192);
      positions[0] = 190;
      for (const int64_t first_page : {0, 1, 2})
        expect_equal_bits(paged_attention_f32, [&](const auto& variant) {
          const int64_t queries = c.rows * c.heads;
          const int64_t stride = c.heads * c.key_dim + 5;
          Unaligned q = random(c.rows * stride, 1);
          Unaligned max(queries), sum(queries), out(queries * c.value_dim);
          Unaligned scratch(paged_attention_scratch(c.key_dim, c.value_dim));
          variant.run({q.data(), stride, positions.data(), c.rows, c.heads, c.key_dim, c.value_dim,
                       set.table(), first_page, pages, c.key_dim * page_tokens * element,
                       (2 * c.key_dim + c.value_dim) * page_tokens * element, bf16, 0.3f,
                       max.data(), sum.data(), out.data(), scratch.data()});
          scratch.values();
          std::vector<float> result = sum.values();
          for (const auto& part : {max.values(), out.values()})
            result.insert(result.end(), part.begin(), part.end());
          return result;
        });
    }
}

TEST(VectorKernels, LatentAttentionHasTheBitsOfItsDefinition) {
  constexpr int64_t pages = 3;
  for (const TileCase& c :
       {TileCase{1, 1, 1, 1}, TileCase{1, 16, 576, 512}, TileCase{4, 16, 40, 32},
        TileCase{3, 5, 23, 17}, TileCase{2, 7, 80, 70}})
    for (const bool bf16 : {false, true}) {
      SCOPED_TRACE(::testing::Message() << c.rows << " " << c.heads << " " << c.key_dim);
      const PageSet set(pages, latent_page_tokens * c.key_dim, bf16, 3);
      std::vector<int64_t> positions;
      positions.reserve(size_t(c.rows));
      for (int64_t r = 0; r < c.rows; ++r) positions.push_back((r * 61 + 65) % 192);
      for (const int64_t first_page : {0, 1})
        expect_equal_bits(latent_attention_f32, [&](const auto& variant) {
          const int64_t queries = c.rows * c.heads, stride = c.key_dim * latent_head_lanes + 3;
          Unaligned q = random(c.rows * stride, 1);
          for (int64_t r = 0; r < c.rows; ++r)
            for (int64_t i = 0; i < c.key_dim * latent_head_lanes; ++i)
              if (i % latent_head_lanes >= c.heads)
                q.data()[r * stride + i] = 0;
              else
                q.data()[r * stride + i] *= 0.1f;
          Unaligned max(queries), sum(queries), out(queries * c.value_dim);
          Unaligned scratch(latent_attention_scratch(c.key_dim));
          variant.run({q.data(), stride, positions.data(), c.rows, c.heads, c.value_dim, c.key_dim,
                       set.table(), first_page, pages, bf16, max.data(), sum.data(), out.data(),
                       scratch.data()});
          scratch.values();
          std::vector<float> result = sum.values();
          for (const auto& part : {max.values(), out.values()})
            result.insert(result.end(), part.begin(), part.end());
          return result;
        });
    }
}

TEST(VectorKernels, TheListNamesEveryFamilyAndWhatRuns) {
  const auto families = kernel_families();
  EXPECT_GT(families.size(), 20u);
  for (const FamilyInfo& family : families) {
    EXPECT_EQ(family.variants.front(), "scalar");
    EXPECT_NE(std::ranges::find(family.variants, family.chosen), family.variants.end());
  }
}

}  // namespace
}  // namespace deepseek::kernels
