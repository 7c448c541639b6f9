// SPDX-License-Identifier: Apache-2.0
#include "formats/gguf.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "core/error.h"
#include "kernels/dequantize.h"

namespace deepseek {
namespace {

struct Loaded {
  std::shared_ptr<const MappedFile> mapped;
  GgufContents contents;
};

Loaded load(const std::filesystem::path& path) {
  std::shared_ptr<const MappedFile> mapped = MappedFile::open(path);
  GgufContents contents = parse_gguf(mapped->bytes(), path);
  return {std::move(mapped), std::move(contents)};
}

int64_t split_count(const GgufContents& contents) {
  return std::max(int64_t{1}, contents.metadata.find_uint("split.count").value_or(1));
}

/// Part `index` of the same split, its numbers checked against `first_count`.
void check_part(const GgufContents& contents, int64_t index, int64_t count) {
  const GgufMetadata& metadata = contents.metadata;
  const auto check = [&](std::string_view key, int64_t expected) {
    const int64_t got = metadata.get_uint(key);
    if (got != expected)
      fail(ErrorKind::bad_file, metadata.path().string(), ": metadata ", key, ": expected ",
           expected, " as the file's name says, got ", got,
           "; the parts are of different models or renamed, download them again");
  };
  check("split.no", index);
  check("split.count", count);
}

}  // namespace

GgufFile GgufFile::open(const std::filesystem::path& path) {
  Loaded named = load(path);
  GgufFile file;
  const int64_t count = split_count(named.contents);
  if (count == 1) {
    auto storage = Storage::borrow(named.mapped->bytes(), named.mapped);
    file.add_part({path, std::move(storage), named.mapped}, std::move(named.contents));
    file.index_names();
    return file;
  }
  const int64_t declared = named.contents.metadata.get_uint("split.tensors.count");
  for (int64_t i = 0; i < count; ++i) {
    const std::optional<std::filesystem::path> part_path = gguf_part_path(path, i, count);
    if (!part_path)
      fail(ErrorKind::bad_file, path.string(), ": expected one of ", count,
           " parts to be named like model-00001-of-00003.gguf, got another name; give the parts "
           "their names back");
    std::error_code ignored;
    if (!std::filesystem::exists(*part_path, ignored))
      fail(ErrorKind::not_found, part_path->string(), ": expected part ", i + 1, " of ", count,
           " beside the others, got none; download the missing part");
    Loaded part = load(*part_path);
    check_part(part.contents, i, count);
    auto storage = Storage::borrow(part.mapped->bytes(), part.mapped);
    file.add_part({*part_path, std::move(storage), part.mapped}, std::move(part.contents));
  }
  if (declared != static_cast<int64_t>(file.tensors_.size()))
    fail(ErrorKind::bad_file, path.string(), ": metadata split.tensors.count: expected ",
         file.tensors_.size(), ", the tensors of all parts, got ", declared,
         "; the parts are of different models, download them again");
  file.index_names();
  return file;
}

GgufFile GgufFile::parse(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                         const std::filesystem::path& path) {
  GgufContents contents = parse_gguf(bytes, path);
  if (split_count(contents) > 1)
    fail(ErrorKind::bad_file, path.string(), ": expected a whole model, got one part of ",
         split_count(contents), "; open it by its path");
  GgufFile file;
  file.add_part({path, Storage::borrow(bytes, std::move(owner)), nullptr}, std::move(contents));
  file.index_names();
  return file;
}

void GgufFile::add_part(Part part, GgufContents contents) {
  if (parts_.empty()) {
    version_ = contents.version;
    metadata_ = std::move(contents.metadata);
  }
  for (GgufTensor& tensor : contents.tensors) {
    tensor.part = static_cast<uint32_t>(parts_.size());
    tensors_.push_back(std::move(tensor));
  }
  parts_.push_back(std::move(part));
}

void GgufFile::index_names() {
  const auto name = [&](uint32_t i) { return tensors_[i].name; };
  by_name_.resize(tensors_.size());
  std::iota(by_name_.begin(), by_name_.end(), 0u);
  std::ranges::sort(by_name_, {}, name);
  const auto twice = std::ranges::adjacent_find(by_name_, {}, name);
  if (twice != by_name_.end())
    fail(ErrorKind::bad_file, parts_[tensors_[*(twice + 1)].part].path.string(), ": tensor ",
         printable(name(*twice)), ": expected it in one part, got it in ",
         parts_[tensors_[*twice].part].path.filename().string(), " too; download the parts again");
}

int64_t GgufFile::size_bytes() const {
  int64_t size = 0;
  for (const Part& part : parts_) size += part.storage->size_bytes();
  return size;
}

const GgufTensor* GgufFile::find(std::string_view name) const {
  const auto at =
      std::ranges::lower_bound(by_name_, name, {}, [&](uint32_t i) { return tensors_[i].name; });
  return at != by_name_.end() && tensors_[*at].name == name ? &tensors_[*at] : nullptr;
}

const GgufTensor& GgufFile::get(std::string_view name) const {
  const GgufTensor* tensor = find(name);
  if (tensor == nullptr)
    fail(ErrorKind::bad_file, path().string(), ": expected tensor ", printable(name),
         ", got none among its ", tensors_.size(),
         "; the model is of another architecture or incomplete");
  return *tensor;
}

Tensor GgufFile::to_f32(const GgufTensor& tensor) const {
  if (tensor.format == Format::f32)
    return Tensor::over(storage(tensor), tensor.offset_bytes, tensor.shape, DType::f32);
  Tensor out = Tensor::empty(tensor.shape);
  kernels::dequantize_row(tensor.format, bytes(tensor).data(), out.data(), out.numel());
  return out;
}

void GgufFile::release(std::span<const std::byte> bytes) const {
  for (const Part& part : parts_)
    if (part.mapped) part.mapped->release(bytes);
}

std::optional<std::filesystem::path> gguf_part_path(const std::filesystem::path& path,
                                                    int64_t index, int64_t count) {
  const auto suffix = [&](int64_t number) {
    char text[64];
    std::snprintf(text, sizeof text, "-%05lld-of-%05lld.gguf", static_cast<long long>(number),
                  static_cast<long long>(count));
    return std::string(text);
  };
  const std::string name = path.filename().string();
  const size_t length = suffix(1).size();
  if (name.size() < length) return std::nullopt;
  const std::string_view tail = std::string_view(name).substr(name.size() - length);
  int64_t number = 0;
  for (const char digit : tail.substr(1, 5)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + (digit - '0');
  }
  if (number < 1 || number > count || tail != suffix(number)) return std::nullopt;
  return path.parent_path() / (name.substr(0, name.size() - length) + suffix(index + 1));
}

}  // namespace deepseek
