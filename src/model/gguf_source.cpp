// SPDX-License-Identifier: Apache-2.0
#include "model/gguf_source.h"

#include <algorithm>

#include "core/error.h"
#include "model/gguf_names.h"

namespace deepseek {

const GgufTensor& GgufSource::take(const GgufTensor& tensor) {
  used_.emplace(tensor.name);
  return tensor;  // NOLINT(bugprone-return-const-ref-from-parameter): one of file_
}

std::vector<std::string> GgufSource::unused() const {
  std::vector<std::string> names;
  for (const GgufTensor& tensor : file_.tensors())
    if (!used_.contains(std::string(tensor.name))) names.emplace_back(tensor.name);
  return names;
}

const GgufTensor& GgufSource::find(const std::string& name) {
  const std::optional<GgufPlace> place = gguf_place(name);
  if (!place)
    fail(ErrorKind::bad_file, file_.path().string(), ": tensor ", name,
         ": expected it in the file, got a GGUF file, which has no place for it");
  return take(file_.get(place->name));
}

void GgufSource::require_shape(const GgufTensor& tensor, const Shape& expected) const {
  if (tensor.shape != expected)
    fail(ErrorKind::bad_file, file_.path().string(), ": tensor ", printable(tensor.name),
         ": expected shape ", shape_text(expected), ", got ", shape_text(tensor.shape),
         "; the file is damaged or its metadata is another model's");
}

Weight GgufSource::slice(const GgufTensor& tensor, int64_t index, int64_t rows, int64_t cols) {
  GgufTensor part = tensor;
  part.size_bytes = rows * format_info(tensor.format).row_bytes(cols);
  part.offset_bytes += index * part.size_bytes;
  const std::shared_ptr<Storage>& storage = file_.storage(tensor);
  return Weight::from_rows(tensor.format, rows, cols, storage, part.offset_bytes);
}

Weight GgufSource::weight(const std::string& name, int64_t rows, int64_t cols, Use /*use*/) {
  const GgufTensor& tensor = find(name);
  const std::optional<int64_t> expert = gguf_place(name)->expert;
  if (!expert) {
    require_shape(tensor, {rows, cols});
    return slice(tensor, 0, rows, cols);
  }
  const int64_t experts = std::max(tensor.shape[0], *expert + 1);
  require_shape(tensor, {experts, rows, cols});
  return slice(tensor, *expert, rows, cols);
}

Tensor GgufSource::vector(const std::string& name, int64_t size) {
  const GgufTensor& tensor = find(name);
  require_shape(tensor, {size});
  return file_.to_f32(tensor);
}

LatentUpWeights GgufSource::latent_up(const std::string& prefix, int64_t heads, int64_t nope,
                                      int64_t v, int64_t rank) {
  LatentUpWeights up;
  const std::string fused = gguf_place(prefix + ".kv_b_proj.weight").value().name;
  if (const GgufTensor* tensor = file_.find(fused)) {
    require_shape(*tensor, {heads * (nope + v), rank});
    up.fused = slice(take(*tensor), 0, heads * (nope + v), rank);
    return up;
  }
  const std::string block = fused.substr(0, fused.rfind("attn_kv_b"));
  const GgufTensor& k = take(file_.get(block + "attn_k_b.weight"));
  const GgufTensor& value = take(file_.get(block + "attn_v_b.weight"));
  require_shape(k, {heads, rank, nope});
  require_shape(value, {heads, v, rank});
  for (int64_t head = 0; head < heads; ++head) {
    up.k_heads.push_back(slice(k, head, rank, nope));
    up.v_heads.push_back(slice(value, head, v, rank));
  }
  return up;
}

bool GgufSource::has(const std::string& name) const {
  const std::optional<GgufPlace> place = gguf_place(name);
  if (!place) return false;
  const GgufTensor* tensor = file_.find(place->name);
  return tensor != nullptr &&
         (!place->expert || (tensor->shape.size() == 3 && *place->expert < tensor->shape[0]));
}

std::string GgufSource::described(const std::string& name) const {
  const std::optional<GgufPlace> place = gguf_place(name);
  return concat(file_.path().string(), ": tensor ", place ? place->name : name);
}

void GgufSource::release(const Weight& raw) { file_.release(raw.row_bytes()); }

}  // namespace deepseek
