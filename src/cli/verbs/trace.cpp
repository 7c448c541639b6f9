// SPDX-License-Identifier: Apache-2.0
#include "engine/trace.h"

#include <map>
#include <nlohmann/json.hpp>

#include "cli/id_lists.h"
#include "cli/model_flags.h"
#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/text.h"
#include "formats/safetensors_writer.h"
#include "model/open.h"

namespace deepseek::cli {
namespace {

constexpr int64_t whole_list = int64_t{1} << 40;

TraceOptions options_of(const Flags& flags, bool native) {
  TraceOptions options;
  const std::string logits = *flags.text("logits");
  options.logits = logits == "all"    ? TraceOptions::Logits::all
                   : logits == "last" ? TraceOptions::Logits::last
                                      : TraceOptions::Logits::none;
  options.hidden = flags.on("hidden");
  options.loss = flags.on("loss");
  options.grad = flags.on("grad");
  if (const auto mtp = flags.text("mtp"))
    options.mtp =
        *mtp == "normed" ? TraceOptions::MtpInput::normed : TraceOptions::MtpInput::residual;
  options.mtp_lambda = float(*flags.number("mtp-lambda"));
  options.cache_prefill = flags.integer("cache");
  options.generate = flags.integer("generate").value_or(0);
  if (const auto bytes = flags.size_bytes("cache-bytes")) options.cache_bytes = *bytes;
  if (const auto labels = flags.text("labels-file")) options.labels = read_id_lists(*labels);
  if (!native) return options;
  if (options.grad)
    fail(ErrorKind::invalid_input, "trace: --grad needs --precision f32, got native");
  options.cache_dtype = DType::bf16;
  // What run and serve use always computes through the cache.
  if (!options.mtp && !options.cache_prefill) options.cache_prefill = whole_list;
  return options;
}

void require_context(const std::vector<std::vector<int32_t>>& lists, int64_t generate,
                     int64_t context) {
  for (size_t i = 0; i < lists.size(); ++i)
    if (int64_t(lists[i].size()) + generate > context)
      fail(ErrorKind::invalid_input, "trace: list ", i, ": ", lists[i].size(), " tokens",
           generate > 0 ? concat(" and ", generate, " to generate") : "",
           " do not fit the context of ", context);
}

}  // namespace

int run_trace(const Flags& flags, Console& console) {
  apply_threads(flags);
  const auto tokens_file = flags.text("tokens-file"), out = flags.text("out");
  if (!tokens_file) fail(ErrorKind::invalid_input, "trace: --tokens-file FILE is missing");
  if (!out) fail(ErrorKind::invalid_input, "trace: --out FILE is missing");
  const bool native = flags.text("precision").value_or("f32") == "native";
  const TraceOptions options = options_of(flags, native);
  const auto lists = as_token_ids(read_id_lists(*tokens_file), *tokens_file);

  OpenOptions open;
  open.placement = options.grad ? Placement::trainable
                   : native     ? Placement::native
                                : Placement::reference;
  open.passes = {.expanded = true, .absorbed = true};
  if (const auto adapter = flags.text("adapter")) open.adapter = *adapter;
  open.notice = console.notices();
  const CheckpointFiles files = CheckpointFiles::open(model_path(flags.required_argument("MODEL")));
  const int64_t trained = files.read_config().max_position_embeddings;
  require_context(lists, options.generate,
                  std::min(trained, flags.integer("ctx").value_or(trained)));
  const OpenedModel model = open_model(files, open);
  const std::vector<NamedTensor> traced =
      trace(model.transformer, lists, options, model.parameters);

  std::map<std::string, Tensor> tensors;
  for (const NamedTensor& tensor : traced) tensors.emplace(tensor.name, tensor.value);
  write_safetensors(*out, tensors);
  if (console.json()) {
    nlohmann::ordered_json page = {{"out", *out}, {"tensors", nlohmann::ordered_json::array()}};
    for (const auto& [name, tensor] : tensors) {
      page["tensors"].push_back(
          {{"name", name}, {"dtype", dtype_name(tensor.dtype())}, {"shape", tensor.shape()}});
    }
    console.line(page.dump());
  } else {
    console.line(console.say("trace.done", tensors.size(), *out));
  }
  return 0;
}

}  // namespace deepseek::cli
