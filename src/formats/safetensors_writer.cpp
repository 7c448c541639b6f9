// SPDX-License-Identifier: Apache-2.0
#include "formats/safetensors_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iomanip>
#include <sstream>

#include "core/error.h"
#include "formats/json.h"

namespace deepseek {
namespace {

/// The reference writer's order of types, narrow to wide; files hold the widest first.
int type_rank(DType type) {
  static constexpr std::array order{
      DType::boolean, DType::u8,   DType::i8,  DType::e5m2, DType::e4m3, DType::e8m0, DType::i16,
      DType::f16,     DType::bf16, DType::i32, DType::f32,  DType::f64,  DType::i64};
  return static_cast<int>(std::ranges::find(order, type) - order.begin());
}

std::string header_text(std::span<const TensorSpec> tensors, const SafetensorsMetadata& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::string text = "{";
  const auto append = [&](std::string_view name, const nlohmann::ordered_json& value) {
    if (text.size() > 1) text += ',';
    text += nlohmann::ordered_json(name).dump() + ':' + value.dump();
  };
  if (!metadata.empty()) append("__metadata__", metadata);
  int64_t offset = 0;
  for (const TensorSpec& tensor : tensors) {
    const int64_t end = offset + tensor.size_bytes();
    append(tensor.name, {{"dtype", safetensors_name(tensor.dtype)},
                         {"shape", tensor.shape},
                         {"data_offsets", {offset, end}}});
    offset = end;
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace

int64_t TensorSpec::size_bytes() const {
  int64_t size = dtype_size(dtype);
  for (const int64_t n : shape)
    if (n < 0 || __builtin_mul_overflow(size, n, &size))
      fail(ErrorKind::invalid_input, "tensor ", printable(name),
           ": expected a shape that fits 63 bits, got ", shape_text(shape));
  return size;
}

SafetensorsWriter::SafetensorsWriter(AtomicFile file, std::vector<TensorSpec> tensors,
                                     const SafetensorsMetadata& metadata)
    : path_(file.path().string()), file_(std::move(file)) {
  std::ranges::sort(tensors, [](const TensorSpec& a, const TensorSpec& b) {
    return std::pair(-type_rank(a.dtype), a.name) < std::pair(-type_rank(b.dtype), b.name);
  });
  const std::string header = header_text(tensors, metadata);
  const uint64_t header_bytes = header.size();
  file_.write(std::as_bytes(std::span(&header_bytes, 1)));
  file_.write(header);
  auto offset = static_cast<int64_t>(file_.size_bytes());
  for (const TensorSpec& tensor : tensors) {
    const int64_t size = tensor.size_bytes();
    if (!slots_.emplace(tensor.name, Slot{offset, size}).second)
      fail(ErrorKind::invalid_input, path_, ": tensor ", printable(tensor.name),
           ": expected every name once, got it twice");
    offset += size;
  }
}

void SafetensorsWriter::write(std::string_view name, std::span<const std::byte> bytes) {
  const auto slot = slots_.find(std::string(name));
  if (slot == slots_.end() || slot->second.written ||
      slot->second.size_bytes != static_cast<int64_t>(bytes.size()))
    fail(ErrorKind::internal, path_, ": tensor ", name, ": ",
         slot == slots_.end() ? "not declared"
         : slot->second.written
             ? "written twice"
             : concat("declared with ", slot->second.size_bytes, " bytes, given ", bytes.size()));
  file_.write_at(static_cast<uint64_t>(slot->second.offset_bytes), bytes);
  slot->second.written = true;
}

void SafetensorsWriter::write(std::string_view name, const Tensor& tensor) {
  write(name, {tensor.bytes(), static_cast<size_t>(tensor.size_bytes())});
}

void SafetensorsWriter::commit() {
  for (const auto& [name, slot] : slots_)
    if (!slot.written) fail(ErrorKind::internal, path_, ": tensor ", name, " was never written");
  file_.commit();
}

CheckpointWriter::CheckpointWriter(std::filesystem::path folder, std::vector<TensorSpec> tensors,
                                   int64_t shard_bytes)
    : folder_(std::move(folder)) {
  std::vector<std::vector<TensorSpec>> shards(1);
  int64_t in_shard = 0;
  for (TensorSpec& tensor : tensors) {
    const int64_t size = tensor.size_bytes();
    if (!shards.back().empty() && in_shard + size > shard_bytes) {
      shards.emplace_back();
      in_shard = 0;
    }
    in_shard += size;
    total_bytes_ += size;
    total_elements_ += size / dtype_size(tensor.dtype);
    if (!shard_of_.emplace(tensor.name, shards.size() - 1).second)
      fail(ErrorKind::invalid_input, folder_.string(), ": tensor ", printable(tensor.name),
           ": expected every name once, got it twice");
    shards.back().push_back(std::move(tensor));
  }
  const auto five_digits = [](size_t n) {
    std::ostringstream out;
    out << std::setw(5) << std::setfill('0') << n;
    return std::move(out).str();
  };
  for (size_t i = 0; i < shards.size(); ++i) {
    shard_names_.push_back(shards.size() == 1 ? "model.safetensors"
                                              : concat("model-", five_digits(i + 1), "-of-",
                                                       five_digits(shards.size()), ".safetensors"));
    shards_.push_back(
        std::make_unique<SafetensorsWriter>(folder_ / shard_names_[i], std::move(shards[i])));
  }
}

void CheckpointWriter::write(std::string_view name, std::span<const std::byte> bytes) {
  const auto at = shard_of_.find(std::string(name));
  if (at == shard_of_.end())
    fail(ErrorKind::internal, folder_.string(), ": tensor ", name, ": not declared");
  shards_[at->second]->write(name, bytes);
}

void CheckpointWriter::write(std::string_view name, const Tensor& tensor) {
  write(name, {tensor.bytes(), static_cast<size_t>(tensor.size_bytes())});
}

void CheckpointWriter::commit() {
  for (const auto& shard : shards_) shard->commit();
  if (shards_.size() == 1) return;
  nlohmann::json index;
  index["metadata"] = {{"total_parameters", total_elements_}, {"total_size", total_bytes_}};
  for (const auto& [name, shard] : shard_of_) index["weight_map"][name] = shard_names_[shard];
  AtomicFile file(folder_ / "model.safetensors.index.json");
  file.write(index.dump(2) + "\n");
  file.commit();
}

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, Tensor>& tensors,
                       const SafetensorsMetadata& metadata) {
  write_safetensors(AtomicFile(path), tensors, metadata);
}

void write_safetensors(AtomicFile file, const std::map<std::string, Tensor>& tensors,
                       const SafetensorsMetadata& metadata) {
  std::vector<TensorSpec> specs;
  specs.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors)
    specs.push_back({name, tensor.dtype(), tensor.shape()});
  SafetensorsWriter writer(std::move(file), std::move(specs), metadata);
  for (const auto& [name, tensor] : tensors) writer.write(name, tensor);
  writer.commit();
}

}  // namespace deepseek
