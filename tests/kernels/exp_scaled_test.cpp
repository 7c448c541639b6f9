// SPDX-License-Identifier: Apache-2.0
#include "kernels/exp_scaled.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace deepseek::kernels {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<double> arguments() {
  std::vector<double> x{0, -0.0, -infinity, -707.99, -708, -708.01, -1e300, -1e-300};
  for (double v = -709; v <= 0; v += 0.0137) x.push_back(v);
  return x;
}

TEST(ExpScaled, EveryVariantHasTheBitsOfTheDefinitionAtEveryLength) {
  const std::vector<double> all = arguments();
  for (const auto& variant : exp_scaled_f64.variants) {
    if (!variant.supported()) continue;
    for (const auto& [shift, divisor] : {std::pair(0.0, 1.0), std::pair(3.5, 0.7)})
      for (size_t count : {size_t{0}, size_t{1}, size_t{7}, size_t{8}, size_t{13}, all.size()}) {
        std::vector<double> want(all.begin(), all.begin() + ptrdiff_t(count)), got = want;
        want.push_back(1);
        got.push_back(1);
        const auto length = static_cast<int64_t>(count);
        scalar::exp_scaled({want.data(), shift, divisor, length});
        variant.run({got.data(), shift, divisor, length});
        EXPECT_EQ(got, want) << variant.name << " " << count;
      }
  }
}

TEST(ExpScaled, IsWithinTwoUnitsInTheLastPlace) {
  const std::vector<double> x = arguments();
  std::vector<double> got = x;
  exp_scaled_f64.best().run({got.data(), 0, 1, static_cast<int64_t>(got.size())});
  for (size_t i = 0; i < x.size(); ++i)
    ASSERT_NEAR(got[i], x[i] < -708 ? 0 : std::exp(x[i]), std::exp(x[i]) * 0x1p-51) << x[i];
}

}  // namespace
}  // namespace deepseek::kernels
