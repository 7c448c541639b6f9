// SPDX-License-Identifier: Apache-2.0
#include "formats/gguf_writer.h"

#include "core/error.h"
#include "kernels/dequantize.h"

namespace deepseek {
namespace {

constexpr uint64_t alignment = 32;

uint64_t aligned(uint64_t offset) { return (offset + alignment - 1) / alignment * alignment; }

template <class T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void check_spec(const GgufTensorSpec& tensor, const std::string& path) {
  const auto refuse = [&](const auto&... parts) {
    fail(ErrorKind::invalid_input, path, ": tensor ", printable(tensor.name), ": ", parts...);
  };
  const FormatInfo& info = format_info(tensor.format);
  if (info.ggml_type < 0)
    refuse("expected a type that GGUF has, got ", info.name, "; choose F16, BF16 or Q8_0");
  if (tensor.shape.empty() || tensor.shape.size() > 4)
    refuse("expected 1 to 4 dimensions, got ", shape_text(tensor.shape));
  int64_t elements = 8;
  for (const int64_t size : tensor.shape)
    if (size < 1 || __builtin_mul_overflow(elements, size, &elements))
      refuse("expected dimensions of at least 1 that fit 60 bits, got ", shape_text(tensor.shape));
  if (tensor.shape.back() % info.block_size != 0)
    refuse("expected rows of a multiple of ", info.block_size, " elements for ", info.name,
           ", got ", tensor.shape.back(), "; choose another type for it");
}

}  // namespace

void GgufFields::begin(std::string_view key, GgufType type) {
  if (!keys_.emplace(key).second)
    fail(ErrorKind::invalid_input, "metadata ", printable(key),
         ": expected every key once, got it twice");
  append_string(key);
  append(type);
}

void GgufFields::append_string(std::string_view text) {
  append(uint64_t{text.size()});
  bytes_ += text;
}

template <class T>
void GgufFields::add_array(std::string_view key, GgufType type, std::span<const T> values) {
  begin(key, GgufType::array);
  append(type);
  append(uint64_t{values.size()});
  for (const T value : values) append(value);
}

void GgufFields::add_string(std::string_view key, std::string_view text) {
  begin(key, GgufType::string);
  append_string(text);
}

void GgufFields::add_u32(std::string_view key, uint32_t value) {
  begin(key, GgufType::u32);
  append(value);
}

void GgufFields::add_i32(std::string_view key, int32_t value) {
  begin(key, GgufType::i32);
  append(value);
}

void GgufFields::add_u64(std::string_view key, uint64_t value) {
  begin(key, GgufType::u64);
  append(value);
}

void GgufFields::add_f32(std::string_view key, float value) {
  begin(key, GgufType::f32);
  append(value);
}

void GgufFields::add_bool(std::string_view key, bool value) {
  begin(key, GgufType::boolean);
  append(static_cast<uint8_t>(value));
}

void GgufFields::add_strings(std::string_view key, std::span<const std::string> texts) {
  begin(key, GgufType::array);
  append(GgufType::string);
  append(uint64_t{texts.size()});
  for (const std::string& text : texts) append_string(text);
}

void GgufFields::add_i32s(std::string_view key, std::span<const int32_t> values) {
  add_array(key, GgufType::i32, values);
}

void GgufFields::add_f32s(std::string_view key, std::span<const float> values) {
  add_array(key, GgufType::f32, values);
}

void GgufFields::add(std::string_view key, const GgufValue& value) {
  begin(key, value.type);
  if (value.type == GgufType::array) {
    append(value.element_type);
    append(static_cast<uint64_t>(value.count));
  }
  if (value.type == GgufType::string) append(uint64_t{value.bytes.size()});
  bytes_.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
}

int64_t GgufTensorSpec::size_bytes() const {
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows * format_info(format).row_bytes(shape.back());
}

GgufWriter::GgufWriter(const std::filesystem::path& path, const GgufFields& fields,
                       const std::vector<GgufTensorSpec>& tensors)
    : path_(path.string()), file_(path) {
  std::string table;
  uint64_t offset = 0;
  for (const GgufTensorSpec& tensor : tensors) {
    check_spec(tensor, path_);
    append(table, uint64_t{tensor.name.size()});
    table += tensor.name;
    append(table, static_cast<uint32_t>(tensor.shape.size()));
    for (size_t i = tensor.shape.size(); i-- > 0;)
      append(table, static_cast<uint64_t>(tensor.shape[i]));
    append(table, static_cast<uint32_t>(format_info(tensor.format).ggml_type));
    append(table, offset);
    if (!slots_.emplace(tensor.name, Slot{tensor.format, offset, tensor.size_bytes()}).second)
      fail(ErrorKind::invalid_input, path_, ": tensor ", printable(tensor.name),
           ": expected every name once, got it twice");
    offset = aligned(offset + static_cast<uint64_t>(tensor.size_bytes()));
  }
  std::string head = "GGUF";
  append(head, uint32_t{3});
  append(head, uint64_t{tensors.size()});
  append(head, fields.count());
  head += fields.bytes();
  head += table;
  head.resize(aligned(head.size()), '\0');
  file_.write(head);
  for (auto& [name, slot] : slots_) slot.offset_bytes += head.size();
}

void GgufWriter::write(std::string_view name, std::span<const std::byte> blocks) {
  const auto found = slots_.find(std::string(name));
  if (found == slots_.end()) fail(ErrorKind::internal, path_, ": tensor ", name, ": not declared");
  Slot& slot = found->second;
  const auto size = static_cast<int64_t>(blocks.size());
  if (size > slot.size_bytes - slot.written_bytes)
    fail(ErrorKind::internal, path_, ": tensor ", name, ": declared with ", slot.size_bytes,
         " bytes, given ", size, " after ", slot.written_bytes);
  file_.write_at(slot.offset_bytes + static_cast<uint64_t>(slot.written_bytes), blocks);
  slot.written_bytes += size;
  if (slot.written_bytes < slot.size_bytes) return;
  // The padding after it, so that the last tensor's is there too.
  const uint64_t end = slot.offset_bytes + static_cast<uint64_t>(slot.size_bytes);
  const std::string padding(aligned(end) - end, '\0');
  file_.write_at(end, std::as_bytes(std::span(padding)));
}

void GgufWriter::write_values(std::string_view name, std::span<const float> values) {
  const auto slot = slots_.find(std::string(name));
  if (slot == slots_.end() || !kernels::can_quantize(slot->second.format))
    fail(ErrorKind::internal, path_, ": tensor ", name,
         ": not declared, or of a format that is only read");
  const FormatInfo& info = format_info(slot->second.format);
  const auto count = static_cast<int64_t>(values.size());
  if (count % info.block_size != 0)
    fail(ErrorKind::internal, path_, ": tensor ", name, ": given ", count,
         " values, which are not whole blocks of ", info.name);
  std::vector<std::byte> blocks(static_cast<size_t>(info.row_bytes(count)));
  kernels::quantize_row(slot->second.format, values.data(), blocks.data(), count);
  write(name, blocks);
}

void GgufWriter::commit() {
  for (const auto& [name, slot] : slots_)
    if (slot.written_bytes < slot.size_bytes)
      fail(ErrorKind::internal, path_, ": tensor ", name, ": declared with ", slot.size_bytes,
           " bytes, given ", slot.written_bytes);
  file_.commit();
}

}  // namespace deepseek
