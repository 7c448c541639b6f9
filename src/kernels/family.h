// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>

#include "core/cpu.h"
#include "core/error.h"

namespace deepseek {

enum class Device { cpu, cuda };

/// One implementation of a kernel and the exact features it needs.
template <class Args>
struct Variant {
  const char* name;
  Device device;
  cpu::Features needs;
  void (*run)(const Args&) noexcept;

  bool supported() const { return device == Device::cpu && (needs & ~cpu_features()) == 0; }
};

/// Variants of one kernel, slow to fast; the first is the scalar definition of correct.
template <class Args, size_t N>
struct KernelFamily {
  const char* name;
  std::array<Variant<Args>, N> variants;

  /// The fastest variant this machine may run. Throws unsupported when there is none.
  const Variant<Args>& best() const {
    for (size_t i = N; i-- > 0;)
      if (variants[i].supported()) return variants[i];
    fail(ErrorKind::unsupported, name, ": no kernel for this machine");
  }
};

}  // namespace deepseek
