// SPDX-License-Identifier: Apache-2.0
#include "engine/perplexity.h"

#include <cmath>
#include <iomanip>
#include <sstream>

#include "cli/generate_flags.h"
#include "cli/id_lists.h"
#include "cli/interrupt.h"
#include "cli/model_flags.h"
#include "cli/text_files.h"
#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace deepseek::cli {
namespace {

constexpr int64_t default_window = 1024;

std::vector<std::vector<int32_t>> tokens_of(const Flags& flags, int64_t vocab) {
  const auto file = flags.argument("FILE"), ids = flags.text("ids-file");
  if (file.has_value() == ids.has_value())
    fail(ErrorKind::invalid_input, "perplexity: expected either a text FILE or --ids-file, got ",
         file ? "both" : "neither");
  if (ids) return as_token_ids(read_id_lists_or_list(*ids), *ids, vocab);
  const Tokenizer tokenizer = open_tokenizer(flags.required_argument("MODEL"));
  return {tokenizer.encode(read_input_file(*file))};
}

std::string fixed(double value, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return std::move(out).str();
}

}  // namespace

int run_perplexity(const Flags& flags, Console& console) {
  const InterruptScope interrupts;
  const std::string name = flags.required_argument("MODEL");
  const CheckpointFiles files = CheckpointFiles::open(model_path(name));
  const ModelConfig config = files.read_config();
  const auto lists = tokens_of(flags, config.vocab_size);
  const OpenedEngine model = open_engine(files, config, model_options(flags, console));
  PerplexityOptions options;
  options.window = flags.integer("window").value_or(std::min(default_window, model.context_length));
  if (options.window > model.context_length)
    fail(ErrorKind::invalid_input, "--window: ", options.window, " tokens, but the context holds ",
         model.context_length);
  options.stride = flags.integer("stride").value_or(options.window);
  options.progress = console.progress();
  const PerplexityResult result = measure_perplexity(*model.engine, lists, options);
  const double perplexity = std::exp(result.mean_nll);
  const double rate = double(result.scored_tokens) / result.seconds;
  if (console.json()) {
    console.line(nlohmann::ordered_json{
        {"mean_nll", result.mean_nll},
        {"standard_error", result.standard_error},
        {"perplexity", perplexity},
        {"perplexity_error", perplexity * result.standard_error},
        {"scored_tokens", result.scored_tokens},
        {"windows", result.windows},
        {"window", options.window},
        {"stride", options.stride},
        {"tokens_per_s",
         rate}}.dump());
    return 0;
  }
  console.line(console.say("perplexity.value", fixed(perplexity, 4),
                           fixed(perplexity * result.standard_error, 4)));
  console.line(
      console.say("perplexity.nll", fixed(result.mean_nll, 6), fixed(result.standard_error, 6)));
  console.line(console.say("perplexity.windows", result.scored_tokens, result.windows,
                           options.window, options.stride));
  console.line(console.say("perplexity.rate", fixed(rate, 1)));
  return 0;
}

}  // namespace deepseek::cli
