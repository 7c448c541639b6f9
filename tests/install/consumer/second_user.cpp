// SPDX-License-Identifier: Apache-2.0
#include <deepseek/deepseek.h>

std::string_view version_seen_by_another_file() { return deepseek::version(); }
