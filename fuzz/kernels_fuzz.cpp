// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cmath>
#include <cstdio>
#include <vector>

#include "core/random.h"
#include "core/text.h"
#include "fuzz/exact_buffer.h"
#include "fuzz/refusal.h"
#include "kernels/dequantize.h"
#include "kernels/exp_rows.h"
#include "kernels/latent_attention.h"
#include "kernels/linear.h"
#include "kernels/log_sum_exp.h"
#include "kernels/paged_attention.h"
#include "kernels/rms_norm.h"
#include "kernels/rope.h"
#include "kernels/swiglu.h"
#include "ops/pack.h"

// Every variant against the scalar definition: the same bits, but for the payload of NaN.

namespace {

using namespace deepseek;
using fuzz::require;
using kernels::ActivationBlock;

/// Takes the input apart; what is missing at its end is made up, the same for the same input.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  uint8_t byte() { return at_ < size_ ? data_[at_++] : uint8_t{0}; }
  /// A number from 1 to `most`.
  int64_t size(int64_t most) { return 1 + byte() % most; }

  /// Random bytes, the first of them replaced by half of what is left.
  void fill(std::span<std::byte> out) {
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<std::byte>(random_.block(position_ + i)[0]);
    position_ += out.size();
    overlay(out.data(), out.size());
  }

  /// Floats around one, the first of them replaced alike.
  std::vector<float> floats(int64_t count) {
    std::vector<float> out(static_cast<size_t>(count));
    for (float& value : out) value = static_cast<float>(random_.normal(position_++));
    overlay(out.data(), out.size() * sizeof(float));
    return out;
  }

 private:
  void overlay(void* out, size_t size_bytes) {
    const size_t size = std::min((size_ - at_ + 1) / 2, size_bytes);
    if (size > 0) std::memcpy(out, data_ + at_, size);
    at_ += size;
  }

  const uint8_t* data_;
  size_t size_, at_ = 0;
  CounterRandom random_{7, 7};
  uint64_t position_ = 0;
};

bool same_bits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

void require_same(std::span<const float> got, std::span<const float> want, const char* what) {
  require(got.size() == want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    if (same_bits(got[i], want[i])) continue;
    std::fprintf(stderr, "%s: element %zu of %zu: got %a, want %a\n", what, i, want.size(),
                 double{got[i]}, double{want[i]});
    std::abort();
  }
}

/// Floats that start `shift` floats off any alignment and end where nothing more may be touched.
class Floats {
 public:
  Floats(std::span<const float> values, int64_t shift)
      : shift_(shift), memory_(static_cast<size_t>(shift) + values.size()) {
    std::copy(values.begin(), values.end(), memory_.begin() + shift);
  }
  Floats(int64_t count, int64_t shift)
      : shift_(shift), memory_(static_cast<size_t>(shift + count), 12345.0f) {}

  float* data() { return memory_.data() + shift_; }
  std::span<const float> values() const {
    return std::span(memory_).subspan(static_cast<size_t>(shift_));
  }

 private:
  int64_t shift_;
  std::vector<float> memory_;
};

/// `body(variant)` answers what a variant computed.
template <class Family, class Body>
void require_agreement(const Family& family, const Body& body) {
  const std::vector<float> want = body(family.variants[0]);
  for (const auto& variant : family.variants)
    if (variant.supported())
      require_same(body(variant), want, concat(family.name, ' ', variant.name).c_str());
}

std::vector<ActivationBlock> quantize(const float* x, int64_t cols, bool one_plane) {
  std::vector<ActivationBlock> want(static_cast<size_t>(cols / kernels::activation_block));
  const auto& family = kernels::quantize_activations;
  family.variants[0].run({x, cols, want.data(), one_plane});
  for (const auto& variant : family.variants) {
    if (!variant.supported()) continue;
    std::vector<ActivationBlock> got(want.size());
    variant.run({x, cols, got.data(), one_plane});
    for (size_t b = 0; b < want.size(); ++b) {
      require(std::memcmp(got[b].upper, want[b].upper, sizeof got[b].upper) == 0 &&
              std::memcmp(got[b].lower, want[b].lower, sizeof got[b].lower) == 0 &&
              got[b].minus_sum == want[b].minus_sum &&
              got[b].minus_half[0] == want[b].minus_half[0] &&
              got[b].minus_half[1] == want[b].minus_half[1]);
      const auto floats = [](const ActivationBlock& block) {
        return std::array{block.d, block.sum, block.half[0], block.half[1]};
      };
      require_same(floats(got[b]), floats(want[b]), variant.name);
    }
  }
  return want;
}

/// Rows of activations as the kernels of a format read them.
struct Activations {
  Activations(Format format, int64_t rows, int64_t cols, Floats& x, bool one_plane)
      : one_plane(one_plane) {
    const bool quantized = kernels::block_layout(format) != nullptr;
    for (int64_t r = 0; r < rows; ++r)
      if (quantized) blocks.push_back(quantize(x.data() + r * cols, cols, one_plane));
    for (int64_t r = 0; r < rows; ++r)
      pointers.push_back(quantized ? static_cast<const void*>(blocks[size_t(r)].data())
                                   : x.data() + r * cols);
  }
  std::vector<std::vector<ActivationBlock>> blocks;
  std::vector<const void*> pointers;
  bool one_plane;
};

/// Rows first … first + rows of the product, from a start that is not aligned.
std::vector<float> multiply(void (*kernel)(const kernels::LinearArgs&) noexcept,
                            const Weight& panels, const Activations& x, int64_t first,
                            int64_t rows) {
  std::vector<float> out(static_cast<size_t>(rows * panels.rows() + 1), 12345.0f);
  std::vector<float*> pointers;
  for (int64_t r = 0; r < rows; ++r) pointers.push_back(out.data() + r * panels.rows());
  kernel({.panels = reinterpret_cast<const unsigned char*>(panels.data()),
          .panel_bytes = packed_panel_bytes(panels),
          .outputs = panels.rows(),
          .cols = panels.cols(),
          .block_cols = panels.scales() ? panels.scales()->block_cols : 0,
          .x = x.pointers.data() + first,
          .out = pointers.data(),
          .out_offset = 1,
          .rows = rows,
          .accumulate = false,
          .one_plane = x.one_plane});
  require(out[0] == 12345.0f);
  return out;
}

Weight random_weight(Input& input, Format format) {
  const FormatInfo& info = format_info(format);
  const int64_t cols = info.block_size == 1 ? input.size(200) : info.block_size * input.size(3);
  const int64_t rows = input.size(40);
  const auto storage = Storage::allocate(rows * info.row_bytes(cols));
  input.fill({storage->data(), static_cast<size_t>(storage->size_bytes())});
  if (format != Format::fp8) return Weight::from_rows(format, rows, cols, storage, 0);
  const int64_t block_rows = input.size(20), block_cols = input.size(220);
  const int64_t down = (rows + block_rows - 1) / block_rows;
  const int64_t across = (cols + block_cols - 1) / block_cols;
  return Weight::from_rows(format, rows, cols, storage, 0,
                           BlockScales{Tensor::from({down, across}, input.floats(down * across)),
                                       block_rows, block_cols});
}

/// Panels hold the values of the rows, every variant computes the same from them, and a row does
/// not depend on its neighbours.
void test_linear(Input& input, Format format) {
  const Weight weight = random_weight(input, format);
  const int64_t rows = input.size(20), shift = input.byte() % 4;
  const bool one_plane = multiplies_integers(format) && input.byte() % 2 == 1;
  Floats x(input.floats(rows * weight.cols()), shift);
  const Weight panels = weight.packed();
  for (int64_t n = 0; n < weight.rows(); ++n) {
    Floats got(weight.cols(), 1), want(weight.cols(), 2);
    panels.row(n, got.data());
    weight.row(n, want.data());
    require_same(got.values(), want.values(), "a row of panels");
  }
  const kernels::LinearFamily& family = *kernels::linear_family(panels.format());
  const Activations activations(panels.format(), rows, weight.cols(), x, one_plane);
  require_agreement(family, [&](const auto& variant) {
    return multiply(variant.run, panels, activations, 0, rows);
  });
  const int64_t alone = input.byte() % rows;
  const auto all = multiply(family.best().run, panels, activations, 0, rows);
  const auto one = multiply(family.best().run, panels, activations, alone, 1);
  require_same(std::span(one).subspan(1),
               std::span(all).subspan(size_t(alone * weight.rows() + 1), size_t(weight.rows())),
               "a row alone");
}

/// Blocks of any bytes have values; what is packed again from them has the right size.
void test_blocks(Input& input, Format format) {
  const FormatInfo& info = format_info(format);
  const int64_t count = info.block_size * input.size(info.block_size == 1 ? 100 : 3);
  std::vector<std::byte> blocks(static_cast<size_t>(info.row_bytes(count)));
  input.fill(blocks);
  std::vector<float> values(static_cast<size_t>(count));
  kernels::dequantize_row(format, blocks.data(), values.data(), count);
  if (!kernels::can_quantize(format)) return;
  kernels::quantize_row(format, values.data(), blocks.data(), count);
  const std::vector<float> any = input.floats(count);
  kernels::quantize_row(format, any.data(), blocks.data(), count);
}

/// A maximum and what the sum of exponentials is relative to it. Once a score is not a number, the
/// sum is not either and the maximum is any of the others; of two zeros the maximum is either. What
/// is computed from them is the same.
void append_softmax(float max, double sum, std::vector<float>& out) {
  out.push_back(std::isnan(sum) ? NAN : max + 0.0f);
  out.push_back(static_cast<float>(sum));
  out.push_back(static_cast<float>(sum - static_cast<float>(sum)));
}

void test_vectors(Input& input) {
  const int64_t rows = input.size(3), dim = 2 * input.size(60), shift = input.byte() % 4;
  const float scale = input.floats(1)[0];
  const auto first = input.floats(rows * dim), second = input.floats(rows * dim);
  Floats a(first, shift), b(second, shift);
  const auto result = [](const Floats& out) {
    return std::vector<float>(out.values().begin(), out.values().end());
  };
  require_agreement(kernels::rms_norm_f32, [&](const auto& variant) {
    Floats out(rows * dim, shift);
    variant.run({a.data(), b.data(), out.data(), rows, dim, std::fabs(scale)});
    return result(out);
  });
  require_agreement(kernels::swiglu_f32, [&](const auto& variant) {
    Floats out(rows * dim, shift);
    variant.run({a.data(), b.data(), out.data(), rows * dim});
    return result(out);
  });
  for (const bool interleaved : {false, true})
    require_agreement(kernels::rope_f32, [&](const auto& variant) {
      Floats out(rows * dim, shift);
      variant.run(
          {a.data(), b.data(), b.data() + rows * dim / 2, out.data(), rows, 1, dim, interleaved});
      return result(out);
    });
  require_agreement(kernels::exp_rows_f32, [&](const auto& variant) {
    Floats out(rows * dim, shift);
    variant.run({a.data(), b.data(), b.data() + rows, out.data(), rows, dim});
    return result(out);
  });
  require_agreement(kernels::log_sum_exp_f32, [&](const auto& variant) {
    std::vector<float> max(size_t(rows), 0.0f);
    std::vector<double> sum(size_t(rows), 0.0);
    variant.run({a.data(), max.data(), sum.data(), rows, dim});
    std::vector<float> all;
    for (size_t r = 0; r < sum.size(); ++r) append_softmax(max[r], sum[r], all);
    return all;
  });
}

/// Pages that hold any bytes, also where no token has been written yet.
class Pages {
 public:
  Pages(Input& input, int64_t count, int64_t page_values, bool bf16)
      : memory_(static_cast<size_t>(count * page_values * (bf16 ? 2 : 4))) {
    input.fill(memory_);
    for (int64_t page = 0; page < count; ++page)
      table_.push_back(memory_.data() + page * static_cast<int64_t>(memory_.size()) / count);
  }
  const std::byte* const* table() const { return table_.data(); }

 private:
  std::vector<std::byte> memory_;
  std::vector<const std::byte*> table_;
};

/// What an attention kernel writes, in one row of numbers.
struct AttentionOut {
  AttentionOut(int64_t queries, int64_t value_dim, int64_t scratch_floats)
      : max(size_t(queries)),
        sum(size_t(queries)),
        out(size_t(queries * value_dim)),
        scratch(size_t(scratch_floats)) {}
  std::vector<float> joined() const {
    std::vector<float> all = out;
    for (size_t i = 0; i < sum.size(); ++i) append_softmax(max[i], sum[i], all);
    return all;
  }
  std::vector<float> max, sum, out, scratch;
};

void test_attention(Input& input) {
  const bool bf16 = input.byte() % 2 != 0, latent = input.byte() % 2 != 0;
  const int64_t pages = input.size(2), first_page = input.byte() % pages;
  const int64_t rows = input.size(3), heads = input.size(latent ? 16 : 20);
  const int64_t value_dim = input.size(40);
  const int64_t key_dim = latent ? value_dim + input.size(20) : input.size(40);
  std::vector<int64_t> positions;
  for (int64_t r = 0; r < rows; ++r)
    positions.push_back(input.byte() % (pages * kernels::page_tokens));
  const int64_t lanes = latent ? kernels::latent_head_lanes : heads;
  const int64_t stride = lanes * key_dim + input.byte() % 4;
  std::vector<float> q = input.floats(rows * stride);
  if (latent) {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < key_dim * lanes; ++i)
        if (i % lanes >= heads) q[size_t(r * stride + i)] = 0;
    const Pages cache(input, pages, kernels::latent_page_tokens * key_dim, bf16);
    require_agreement(kernels::latent_attention_f32, [&](const auto& variant) {
      AttentionOut to(rows * heads, value_dim, kernels::latent_attention_scratch(key_dim));
      variant.run({q.data(), stride, positions.data(), rows, heads, value_dim, key_dim,
                   cache.table(), first_page, pages, bf16, to.max.data(), to.sum.data(),
                   to.out.data(), to.scratch.data()});
      return to.joined();
    });
    return;
  }
  const Pages cache(input, pages, kernels::page_tokens * (key_dim + value_dim), bf16);
  require_agreement(kernels::paged_attention_f32, [&](const auto& variant) {
    AttentionOut to(rows * heads, value_dim, kernels::paged_attention_scratch(key_dim, value_dim));
    variant.run({q.data(), stride, positions.data(), rows, heads, key_dim, value_dim, cache.table(),
                 first_page, pages, 0, key_dim * kernels::page_tokens * (bf16 ? 2 : 4), bf16, 0.3f,
                 to.max.data(), to.sum.data(), to.out.data(), to.scratch.data()});
    return to.joined();
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const auto formats = all_formats();
  const size_t choice = input.byte() % (2 * formats.size() + 2);
  if (choice == 2 * formats.size() + 1) {
    test_attention(input);
  } else if (choice == 2 * formats.size()) {
    test_vectors(input);
  } else if (choice >= formats.size()) {
    test_blocks(input, formats[choice - formats.size()].format);
  } else if (kernels::linear_family(compute_format(formats[choice].format)) != nullptr) {
    test_linear(input, formats[choice].format);
  }
  return 0;
}
