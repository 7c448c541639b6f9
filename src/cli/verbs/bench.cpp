// SPDX-License-Identifier: Apache-2.0
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/generate_flags.h"
#include "cli/interrupt.h"
#include "cli/machine.h"
#include "cli/verbs/verbs.h"
#include "core/cpu.h"
#include "core/error.h"
#include "core/text.h"
#include "core/thread_pool.h"
#include "engine/speed.h"
#include "model/inspect.h"

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

Json row_of(const Speed& speed, const ModelSummary& summary, double bandwidth) {
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
    row["flop_per_s"] = speed.median * 2 * double(summary.parameters.active);
  }
  return row;
}

void print(const Json& row, Console& console) {
  const bool decode = row["kind"] == "decode";
  const std::string bound =
      decode ? console.say("bench.bytes", fixed(row["bytes_per_s"].get<double>() / 1e9),
                           fixed(100 * row["share_of_bandwidth"].get<double>()))
             : console.say("bench.flops", fixed(row["flop_per_s"].get<double>() / 1e9));
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
  const auto model = open_text_model(flags, name, console);
  for (const SpeedCase& what : cases)
    if (what.depth + what.tokens > model->context_length())
      fail(ErrorKind::invalid_input, "bench: ", what.depth, " + ", what.tokens,
           " tokens do not fit the context of ", model->context_length());
  const ModelSummary summary = inspect_model(model->path());
  const int threads = compute_pool().threads();
  const double bandwidth = memory_read_bandwidth(threads);
  Json page = {
      {"model", model->path().string()},           {"cpu", cpu_model_name()},
      {"features", features_text(cpu_features())}, {"threads", threads},
      {"bandwidth_bytes_per_s", bandwidth},        {"bytes_per_token", bytes_per_token(summary)},
      {"repeat", *flags.integer("repeat")},        {"cases", Json::array()}};
  if (!console.json())
    console.line(console.say("bench.machine", cpu_model_name(), threads, fixed(bandwidth / 1e9),
                             fixed(bytes_per_token(summary) / 1e6)));
  for (const SpeedCase& what : cases) {
    const Speed speed =
        measure_speed(model->engine(), what, int(*flags.integer("repeat")), console.progress());
    page["cases"].push_back(row_of(speed, summary, bandwidth));
    if (!console.json()) print(page["cases"].back(), console);
  }
  if (console.json()) console.line(page.dump());
  return 0;
}

}  // namespace deepseek::cli
