// SPDX-License-Identifier: Apache-2.0
#include "deepseek/deepseek.h"

namespace deepseek {

std::string_view version() noexcept { return DEEPSEEK_VERSION; }

}  // namespace deepseek
