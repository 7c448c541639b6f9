// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "formats/gguf_metadata.h"
#include "tensor/format.h"
#include "tensor/tensor.h"

namespace deepseek {

/// One tensor of a GGUF file. `shape` is slowest axis first, as everywhere in this program (a GGUF
/// file lists the fastest first); rows are whole blocks of `format`.
struct GgufTensor {
  std::string_view name;
  Format format = Format::f32;
  Shape shape;
  int64_t offset_bytes = 0;  // from the start of the part's file
  int64_t size_bytes = 0;
  uint32_t part = 0;

  /// Elements of a row, and how many rows there are.
  int64_t cols() const { return shape.back(); }
  int64_t rows() const;
};

/// What one GGUF file says, verified against its size; views point into its bytes.
struct GgufContents {
  uint32_t version = 0;
  int64_t alignment = 0;
  GgufMetadata metadata;
  std::vector<GgufTensor> tensors;  // in the order of the file
};

/// Reads and verifies versions 2 and 3. Allocates no more than a small multiple of the file's size.
/// Throws bad_file naming file, tensor or key, expected and got.
GgufContents parse_gguf(std::span<const std::byte> bytes, const std::filesystem::path& path);

}  // namespace deepseek
