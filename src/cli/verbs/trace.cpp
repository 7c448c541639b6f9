// SPDX-License-Identifier: Apache-2.0
#include "engine/trace.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "cli/generate_flags.h"
#include "cli/id_lists.h"
#include "cli/interrupt.h"
#include "cli/model_flags.h"
#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/json.h"
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
  if (!native) return options;
  if (options.grad)
    fail(ErrorKind::invalid_input, "trace: --grad needs --precision f32, got ",
         flags.text("precision").value_or("native"));
  options.cache_dtype = DType::bf16;
  // What run and serve use always computes through the cache.
  if (!options.mtp && !options.cache_prefill) options.cache_prefill = whole_list;
  return options;
}

/// Flags that have no say in what is computed.
void refuse_idle_flags(const Flags& flags, const TraceOptions& options) {
  flags.refuse_idle("mtp-lambda", options.mtp && options.grad, "--mtp and --grad");
  flags.refuse_idle("cache-bytes", options.cache_prefill || options.generate > 0,
                    "--cache or --generate");
}

/// --labels-file, of the shape of the token lists.
IdLists labels_of(const Flags& flags, const std::vector<std::vector<int32_t>>& lists,
                  int64_t vocab) {
  const auto file = flags.text("labels-file");
  if (!file) return {};
  if (!flags.on("loss"))
    fail(ErrorKind::invalid_input, "--labels-file: does nothing without --loss; add it or leave ",
         "--labels-file out");
  IdLists labels = read_id_lists(*file);
  if (labels.size() != lists.size())
    fail(ErrorKind::bad_file, *file, ": expected ", lists.size(),
         " lists of labels, one for each list of tokens, got ", labels.size());
  for (size_t i = 0; i < lists.size(); ++i)
    if (labels[i].size() != lists[i].size())
      fail(ErrorKind::bad_file, *file, ": [", i, "]: expected ", lists[i].size(),
           " labels, one for each token of the list, got ", labels[i].size());
  check_labels(labels, *file, vocab);
  return labels;
}

/// Whether `path` is where results go: they would end up inside the tensors.
bool is_standard_output(const std::string& path) {
  struct stat there {
  }, output{};
  return ::stat(path.c_str(), &there) == 0 && ::fstat(STDOUT_FILENO, &output) == 0 &&
         there.st_dev == output.st_dev && there.st_ino == output.st_ino && !S_ISCHR(output.st_mode);
}

/// Refuses to write over what the trace is computed from.
void refuse_inputs(const std::string& out, const Flags& flags, const CheckpointFiles& files) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(out, error)) return;
  std::vector<std::filesystem::path> inputs = files.paths();
  for (const char* name : {"tokens-file", "labels-file"})
    if (const auto file = flags.text(name)) inputs.emplace_back(*file);
  if (const auto adapter = flags.text("adapter"))
    for (const char* name : {"adapter_config.json", "adapter_model.safetensors"})
      inputs.push_back(std::filesystem::path(*adapter) / name);
  for (const std::filesystem::path& input : inputs)
    if (std::filesystem::equivalent(input, out, error))
      fail(ErrorKind::invalid_input, out, ": source and destination are the same: --out would ",
           "replace ", input.string(), "; name another file");
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
  const InterruptScope interrupts;
  apply_threads(flags, console);
  const auto tokens_file = flags.text("tokens-file"), out = flags.text("out");
  if (!tokens_file) fail(ErrorKind::invalid_input, "trace: --tokens-file FILE is missing");
  if (!out) fail(ErrorKind::invalid_input, "trace: --out FILE is missing");
  const std::string precision = flags.text("precision").value_or("f32");
  const bool native = precision != "f32";
  TraceOptions options = options_of(flags, native);
  refuse_idle_flags(flags, options);
  const CheckpointFiles files = CheckpointFiles::open(model_path(flags.required_argument("MODEL")));
  const ModelConfig config = files.read_config();
  const auto lists = as_token_ids(read_id_lists(*tokens_file), *tokens_file, config.vocab_size);
  options.labels = labels_of(flags, lists, config.vocab_size);
  options.progress = console.progress();
  require_context(lists, options.generate,
                  checked_context(flags.integer("ctx").value_or(0), config));
  refuse_inputs(*out, flags, files);
  // Before the work, so that a folder that is not there costs no more than a moment.
  AtomicFile file(*out);

  OpenOptions open;
  open.placement = options.grad ? Placement::trainable
                   : native     ? Placement::native
                                : Placement::reference;
  if (precision == "int8") open.activation_bits = 8;
  open.passes = {.expanded = true, .absorbed = true};
  if (const auto adapter = flags.text("adapter")) open.adapter = *adapter;
  open.notice = console.notices();
  open.progress = console.progress();
  const OpenedModel model = open_model(files, open);
  const std::vector<NamedTensor> traced =
      trace(model.transformer, lists, options, model.parameters);

  std::map<std::string, Tensor> tensors;
  for (const NamedTensor& tensor : traced) tensors.emplace(tensor.name, tensor.value);
  write_safetensors(std::move(file), tensors);
  if (is_standard_output(*out)) return 0;
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
