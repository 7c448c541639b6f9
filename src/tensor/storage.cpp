// SPDX-License-Identifier: Apache-2.0
#include "tensor/storage.h"

#include <cstdlib>

#include "core/error.h"

namespace deepseek {

std::shared_ptr<Storage> Storage::allocate(int64_t size_bytes) {
  if (size_bytes < 0) fail(ErrorKind::internal, "Storage: negative size ", size_bytes);
  const size_t rounded = (static_cast<size_t>(size_bytes) + 63) / 64 * 64;
  void* data = std::aligned_alloc(64, rounded == 0 ? 64 : rounded);
  if (data == nullptr)
    fail(ErrorKind::out_of_memory, "cannot allocate ", size_text(uint64_t(size_bytes)),
         " of memory; use a smaller model, context or cache");
  return std::shared_ptr<Storage>(new Storage(static_cast<std::byte*>(data), size_bytes, nullptr));
}

std::shared_ptr<Storage> Storage::borrow(std::span<const std::byte> bytes,
                                         std::shared_ptr<const void> owner) {
  if (!owner) fail(ErrorKind::internal, "Storage: borrowed bytes need an owner");
  return std::shared_ptr<Storage>(new Storage(
      const_cast<std::byte*>(bytes.data()), static_cast<int64_t>(bytes.size()), std::move(owner)));
}

Storage::~Storage() {
  if (!owner_) std::free(data_);
}

}  // namespace deepseek
