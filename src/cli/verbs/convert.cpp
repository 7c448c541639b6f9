// SPDX-License-Identifier: Apache-2.0
#include "model/convert.h"

#include "cli/interrupt.h"
#include "cli/model_flags.h"
#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

namespace deepseek::cli {
namespace {

Format format_of(const std::string& name) {
  std::vector<std::string> known;
  for (const FormatInfo& info : all_formats())
    if (info.ggml_type >= 0) known.emplace_back(info.name);
  std::string upper = name;
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = char(c - 'a' + 'A');
  if (const auto format = format_from_name(upper)) return *format;
  const std::string_view nearest = nearest_name(upper, known);
  fail(ErrorKind::invalid_input, "--type: expected a type such as F16, BF16, Q8_0 or Q4_0, got '",
       printable(name), "'", nearest.empty() ? "" : concat("; did you mean ", nearest, "?"));
}

}  // namespace

int run_convert(const Flags& flags, Console& console) {
  const InterruptScope interrupts;
  apply_threads(flags, console);
  ConvertOptions options;
  if (const auto type = flags.text("type")) options.type = format_of(*type);
  options.force = flags.on("force");
  options.progress = console.progress();
  options.notice = console.notices();
  const std::filesystem::path source = model_path(flags.required_argument("MODEL"));
  const std::string destination = flags.required_argument("DST");
  const ConvertResult result = convert(source, destination, options);
  if (console.json())
    console.line(nlohmann::ordered_json{{"source", source.string()},
                                        {"out", destination},
                                        {"tensors", result.tensors},
                                        {"size_bytes", result.size_bytes}}
                     .dump());
  else
    console.line(console.say("convert.done", result.tensors, size_text(uint64_t(result.size_bytes)),
                             destination));
  return 0;
}

}  // namespace deepseek::cli
