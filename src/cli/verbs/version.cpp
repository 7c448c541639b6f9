// SPDX-License-Identifier: Apache-2.0

#include "cli/verbs/verbs.h"
#include "core/json.h"
#include "core/text.h"

namespace deepseek::cli {
namespace {

constexpr std::string_view compiler =
#if defined(__clang__)
    "Clang " __clang_version__;
#else
    "GCC " __VERSION__;
#endif

}  // namespace

int run_version(const Flags&, Console& console) {
  if (console.json())
    console.line(
        nlohmann::ordered_json{{"version", DEEPSEEK_VERSION}, {"compiler", compiler}}.dump());
  else
    console.line(concat("deepseek ", DEEPSEEK_VERSION, " (", compiler, ")"));
  return 0;
}

}  // namespace deepseek::cli
