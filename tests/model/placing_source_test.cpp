// SPDX-License-Identifier: Apache-2.0
#include "model/placing_source.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/error.h"
#include "tests/support/block_source.h"

namespace deepseek {
namespace {

/// Matrices of Q8_0 whose row 37 has a scale that is NaN.
class DamagedSource : public test::BlockSource {
 public:
  DamagedSource() : BlockSource(Format::q8_0, 1) {}
  Weight weight(const std::string& name, int64_t rows, int64_t cols, Use use) override {
    const Weight whole = BlockSource::weight(name, rows, cols, use);
    const std::span<const std::byte> bytes = whole.row_bytes();
    const auto storage = Storage::allocate(static_cast<int64_t>(bytes.size()));
    std::memcpy(storage->data(), bytes.data(), bytes.size());
    const int64_t row_bytes = static_cast<int64_t>(bytes.size()) / rows;
    storage->data()[37 * row_bytes + 35] = std::byte{0x7E};  // the high byte of its second scale
    return Weight::from_rows(Format::q8_0, rows, cols, storage, 0);
  }
};

TEST(PlacingSource, ScalesThatAreNoNumbersAreRefusedWhereverTheWeightGoes) {
  for (const Placement placement : {Placement::native, Placement::reference, Placement::trainable})
    for (const auto use : {ParamSource::Use::linear, ParamSource::Use::gather}) {
      DamagedSource damaged;
      PlacingSource source(damaged, placement);
      try {
        source.weight("model.layers.0.mlp.up_proj.weight", 64, 64, use);
        ADD_FAILURE() << "accepted";
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::bad_file);
        EXPECT_EQ(std::string(error.what()),
                  "tensor model.layers.0.mlp.up_proj.weight: expected finite scales of its Q8_0 "
                  "blocks, got NaN or infinity in row 37; the file is damaged, download it again");
      }
    }
}

}  // namespace
}  // namespace deepseek
