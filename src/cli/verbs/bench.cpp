// SPDX-License-Identifier: Apache-2.0
#include <iomanip>
#include <sstream>

#include "bench/kernel_suite.h"
#include "cli/generate_flags.h"
#include "cli/interrupt.h"
#include "cli/machine.h"
#include "cli/model_flags.h"
#include "cli/verbs/verbs.h"
#include "core/cpu.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "core/thread_pool.h"
#include "engine/speed.h"
#include "model/inspect.h"
#include "tensor/format.h"

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

/// Bytes of weights that one decoded token reads: those of the active parameters, at the file's
/// mean size of a parameter. An embedding that is not the head too is looked up, not read.
double bytes_per_token(const ModelSummary& summary) {
  const ModelConfig& config = summary.config;
  const double stored = double(summary.parameters.total + summary.parameters.mtp);
  double read = double(summary.parameters.active);
  if (!config.tie_word_embeddings) read -= double(config.vocab_size) * double(config.hidden_size);
  return double(summary.weight_bytes) * read / stored;
}

std::string fixed(double value) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << value;
  return std::move(out).str();
}

/// What the matrices of a model are multiplied in, and how much of that the machine can do.
struct Peak {
  double ops_per_s;
  const char* name;
};

/// Weights in blocks of integers are multiplied as bytes, all others as f32.
Peak peak_of(const ModelSummary& summary, const bench::Ceilings& ceilings, const Flags& flags) {
  const bool native = flags.text("precision").value_or("native") != "f32";
  const auto format =
      summary.formats.empty() ? std::nullopt : format_from_name(summary.formats.front().format);
  if (native && format && format_info(*format).block_size > 1 && ceilings.byte_gop_s > 0)
    return {ceilings.byte_gop_s * 1e9, "bench.byte_peak"};
  return {ceilings.float_gop_s * 1e9, "bench.float_peak"};
}

Json row_of(const Speed& speed, const ModelSummary& summary, double bandwidth, const Peak& peak) {
  const bool decode = speed.what.kind == SpeedCase::Kind::decode;
  Json row = {{"kind", decode ? "decode" : "prefill"},
              {"depth", speed.what.depth},
              {"tokens", speed.what.tokens},
              {"tokens_per_s", speed.median},
              {"least", speed.least},
              {"most", speed.most}};
  if (decode) {
    row["bytes_per_s"] = speed.median * bytes_per_token(summary);
    row["share_of_bandwidth"] = speed.median * bytes_per_token(summary) / bandwidth;
  } else {
    const double flops = speed.median * 2 * double(summary.parameters.active);
    row["flop_per_s"] = flops;
    row["share_of_peak"] = peak.ops_per_s > 0 ? flops / peak.ops_per_s : 0;
  }
  return row;
}

void print(const Json& row, const Peak& peak, Console& console) {
  const bool decode = row["kind"] == "decode";
  const std::string bound =
      decode ? console.say("bench.bytes", fixed(row["bytes_per_s"].get<double>() / 1e9),
                           fixed(100 * row["share_of_bandwidth"].get<double>()))
             : console.say("bench.flops", fixed(row["flop_per_s"].get<double>() / 1e9),
                           fixed(100 * row["share_of_peak"].get<double>()), console.say(peak.name));
  console.line(console.say(decode ? "bench.decode" : "bench.prefill", row["tokens"].dump(),
                           row["depth"].dump(), fixed(row["tokens_per_s"]), fixed(row["least"]),
                           fixed(row["most"]), bound));
  console.flush();
}

}  // namespace

int run_bench(const Flags& flags, Console& console) {
  const InterruptScope interrupts;
  const std::string name = flags.required_argument("MODEL");
  if (name == "kernels") return run_bench_kernels(flags, console);
  const std::vector<SpeedCase> cases = cases_of(flags);
  flags.refuse_idle("filter", false, "'kernels' in place of a model");
  const OpenedEngine model = open_engine_alone(flags, name, console);
  const std::filesystem::path path = model_path(name);
  for (const SpeedCase& what : cases)
    if (what.depth + what.tokens > model.context_length)
      fail(ErrorKind::invalid_input, "bench: ", what.depth, " + ", what.tokens,
           " tokens do not fit the context of ", model.context_length);
  const ModelSummary summary = inspect_model(path);
  const int threads = compute_pool().threads();
  const double bandwidth = memory_read_bandwidth(threads);
  const bench::Ceilings ceilings = bench::measure_ceilings();
  const Peak peak = peak_of(summary, ceilings, flags);
  Json page = {{"model", path.string()},
               {"cpu", cpu_model_name()},
               {"features", features_text(cpu_features())},
               {"threads", threads},
               {"bandwidth_bytes_per_s", bandwidth},
               {"float_ops_per_s", ceilings.float_gop_s * 1e9},
               {"byte_ops_per_s", ceilings.byte_gop_s * 1e9},
               {"bytes_per_token", bytes_per_token(summary)},
               {"repeat", *flags.integer("repeat")},
               {"cases", Json::array()}};
  if (!console.json())
    console.line(console.say("bench.machine", cpu_model_name(), threads, fixed(bandwidth / 1e9),
                             fixed(ceilings.float_gop_s), fixed(ceilings.byte_gop_s),
                             fixed(bytes_per_token(summary) / 1e6)));
  for (const SpeedCase& what : cases) {
    const Speed speed =
        measure_speed(*model.engine, what, int(*flags.integer("repeat")), console.progress());
    page["cases"].push_back(row_of(speed, summary, bandwidth, peak));
    if (!console.json()) print(page["cases"].back(), peak, console);
  }
  if (console.json()) console.line(page.dump());
  return 0;
}

}  // namespace deepseek::cli
