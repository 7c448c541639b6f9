// SPDX-License-Identifier: Apache-2.0
#include <iomanip>
#include <sstream>

#include "cli/generate_flags.h"
#include "cli/interrupt.h"
#include "cli/machine_speed.h"
#include "cli/model_flags.h"
#include "cli/verbs/verbs.h"
#include "core/cpu.h"
#include "core/error.h"
#include "core/json.h"
#include "core/machine_memory.h"
#include "core/text.h"
#include "core/thread_pool.h"
#include "engine/predict_speed.h"
#include "engine/speed.h"
#include "model/memory_fit.h"
#include "ops/linear.h"

namespace deepseek::cli {
namespace {

using Json = nlohmann::ordered_json;

std::vector<int64_t> lengths_of(const Flags& flags, const char* name, int64_t preset) {
  std::vector<int64_t> lengths;
  for (const std::string& text : flags.list(name))
    lengths.push_back(parse_integer(text, concat("--", name)));
  if (lengths.empty()) lengths.push_back(preset);
  return lengths;
}

std::vector<SpeedCase> cases_of(const Flags& flags) {
  std::vector<SpeedCase> cases;
  for (const int64_t depth : lengths_of(flags, "depth", 0)) {
    if (depth < 0) fail(ErrorKind::invalid_input, "--depth: expected at least 0, got ", depth);
    for (const int64_t tokens : lengths_of(flags, "prefill", 512)) {
      if (tokens < 1)
        fail(ErrorKind::invalid_input, "--prefill: expected at least 1, got ", tokens);
      cases.push_back({SpeedCase::Kind::prefill, depth, tokens});
    }
    cases.push_back({SpeedCase::Kind::decode, depth, *flags.integer("decode-tokens")});
  }
  return cases;
}

std::string fixed(double value) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << value;
  return std::move(out).str();
}

/// What a model is measured against.
struct Yardstick {
  ModelConfig config;
  Fit fit;
  MachineSpeed machine;

  double bytes_per_token() const { return bytes_read_per_token(fit.weights, config); }
  /// Most of its weights are multiplied as bytes.
  bool multiplies_bytes() const {
    int64_t bytes = 0, floats = 0;
    for (const WeightUse& use : fit.weights.uses)
      (linear_kernel(use.computed).in_bytes ? bytes : floats) += use.values;
    return bytes > floats;
  }
  double peak() const {
    return multiplies_bytes() ? machine.byte_ops_per_s : machine.float_ops_per_s;
  }
};

Yardstick yardstick_of(const CheckpointFiles& files, const TextModelOptions& options) {
  const ModelConfig config = files.read_config();
  const Fit fit = examine_fit(files, config, options, machine_memory());
  MachineSpeed machine = measure_machine_speed();
  if (fit.weights.placement == Placement::mapped)
    machine.file_bytes_per_s = measured_read_rate(files);
  return {config, fit, machine};
}

Json row_of(const Speed& speed, const Yardstick& yardstick) {
  const bool decode = speed.what.kind == SpeedCase::Kind::decode;
  Json row = {{"kind", decode ? "decode" : "prefill"},
              {"depth", speed.what.depth},
              {"tokens", speed.what.tokens},
              {"tokens_per_s", speed.median},
              {"least", speed.least},
              {"most", speed.most}};
  if (decode) {
    row["bytes_per_s"] = speed.median * yardstick.bytes_per_token();
    row["share_of_bandwidth"] =
        speed.median * yardstick.bytes_per_token() / yardstick.machine.read_bytes_per_s;
  } else {
    const double flops =
        speed.median * 2 * products_per_token(yardstick.fit.weights, yardstick.config);
    row["flop_per_s"] = flops;
    row["share_of_peak"] = yardstick.peak() > 0 ? flops / yardstick.peak() : 0;
  }
  const std::optional<PredictedSpeed> predicted =
      predict_speed(yardstick.config, yardstick.fit, speed.what, yardstick.machine);
  if (!predicted) return row;
  row["predicted_tokens_per_s"] = predicted->tokens_per_s;
  row["predicted_bound"] = bound_name(predicted->bound);
  row["prediction_error"] = predicted->tokens_per_s / speed.median - 1;
  return row;
}

void print(const Json& row, const Yardstick& yardstick, Console& console) {
  const bool decode = row["kind"] == "decode";
  const std::string bound =
      decode
          ? console.say("bench.bytes", fixed(row["bytes_per_s"].get<double>() / 1e9),
                        fixed(100 * row["share_of_bandwidth"].get<double>()))
          : console.say("bench.flops", fixed(row["flop_per_s"].get<double>() / 1e9),
                        fixed(100 * row["share_of_peak"].get<double>()),
                        console.say(yardstick.multiplies_bytes() ? "bound.bytes" : "bound.floats"));
  std::string text = console.say(decode ? "bench.decode" : "bench.prefill", row["tokens"].dump(),
                                 row["depth"].dump(), fixed(row["tokens_per_s"]),
                                 fixed(row["least"]), fixed(row["most"]), bound);
  if (row.contains("prediction_error")) {
    const double error = 100 * row["prediction_error"].get<double>();
    text += console.say("bench.predicted", fixed(row["predicted_tokens_per_s"]),
                        concat(error < 0 ? "" : "+", fixed(error)));
  }
  console.line(text);
  console.flush();
}

}  // namespace

int run_bench(const Flags& flags, Console& console) {
  const InterruptScope interrupts;
  const std::string name = flags.required_argument("MODEL");
  if (name == "kernels") return run_bench_kernels(flags, console);
  const std::vector<SpeedCase> cases = cases_of(flags);
  flags.refuse_idle("filter", false, "'kernels' in place of a model");
  const CheckpointFiles files = CheckpointFiles::open(model_path(name));
  const TextModelOptions options = model_options(flags, console);
  const Yardstick yardstick = yardstick_of(files, options);
  const OpenedEngine model = open_engine(files, yardstick.config, options);
  for (const SpeedCase& what : cases)
    if (what.depth + what.tokens > model.context_length)
      fail(ErrorKind::invalid_input, "bench: ", what.depth, " + ", what.tokens,
           " tokens do not fit the context of ", model.context_length);
  const MachineSpeed& machine = yardstick.machine;
  const int threads = compute_pool().threads();
  Json page = {{"model", files.path.string()},
               {"cpu", cpu_model_name()},
               {"features", features_text(cpu_features())},
               {"threads", threads},
               {"bandwidth_bytes_per_s", machine.read_bytes_per_s},
               {"float_ops_per_s", machine.float_ops_per_s},
               {"byte_ops_per_s", machine.byte_ops_per_s},
               {"bytes_per_token", yardstick.bytes_per_token()},
               {"repeat", *flags.integer("repeat")},
               {"cases", Json::array()}};
  if (!console.json())
    console.line(
        console.say("bench.machine", cpu_model_name(), threads,
                    fixed(machine.read_bytes_per_s / 1e9), fixed(machine.float_ops_per_s / 1e9),
                    fixed(machine.byte_ops_per_s / 1e9), fixed(yardstick.bytes_per_token() / 1e6)));
  for (const SpeedCase& what : cases) {
    const Speed speed =
        measure_speed(*model.engine, what, int(*flags.integer("repeat")), console.progress());
    page["cases"].push_back(row_of(speed, yardstick));
    if (!console.json()) print(page["cases"].back(), yardstick, console);
  }
  if (console.json()) console.line(page.dump());
  return 0;
}

}  // namespace deepseek::cli
