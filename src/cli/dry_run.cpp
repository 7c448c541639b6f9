// SPDX-License-Identifier: Apache-2.0
#include "cli/dry_run.h"

#include <algorithm>
#include <iomanip>
#include <map>
#include <sstream>

#include "cli/machine_speed.h"
#include "core/cpu.h"
#include "core/json.h"
#include "core/machine_memory.h"
#include "core/text.h"
#include "core/thread_pool.h"
#include "kernels/families.h"
#include "model/memory_fit.h"
#include "ops/linear.h"

namespace deepseek::cli {
namespace {

using Json = nlohmann::ordered_json;
using Verdict = Fit::Verdict;

const char* verdict_name(Verdict verdict) {
  if (verdict == Verdict::fits) return "fits";
  return verdict == Verdict::mapped ? "mapped" : "too_large";
}

std::string number_text(double value, int digits = 1) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return std::move(out).str();
}

std::string bytes_text(const Json& bytes) { return size_text(bytes.get<uint64_t>()); }

/// Weights by how they are stored and computed, most bytes of the file first.
Json formats_of(const WeightAccount& account) {
  std::map<std::pair<Format, Format>, WeightUse> sums;
  for (const WeightUse& use : account.uses) {
    WeightUse& sum = sums[{use.stored, use.computed}];
    sum.values += use.values;
    sum.file_bytes += use.file_bytes;
    sum.mapped_bytes += use.mapped_bytes;
    sum.packed_bytes += use.packed_bytes;
  }
  std::vector<Json> rows;
  rows.reserve(sums.size());
  for (const auto& [formats, sum] : sums)
    rows.push_back({{"format", format_info(formats.first).name},
                    {"computed", format_info(formats.second).name},
                    {"values", sum.values},
                    {"file_bytes", sum.file_bytes},
                    {"mapped_bytes", sum.mapped_bytes},
                    {"packed_bytes", sum.packed_bytes}});
  std::ranges::stable_sort(rows, [](const Json& a, const Json& b) {
    return a["file_bytes"].get<int64_t>() > b["file_bytes"].get<int64_t>();
  });
  return rows;
}

/// The kernels that most of the time goes to.
Json kernels_of(const WeightAccount& account, const ModelConfig& config) {
  std::map<std::string, std::string> chosen;
  for (const WeightUse& use : account.uses) {
    if (use.part == WeightUse::Part::vector || use.part == WeightUse::Part::embedding) continue;
    const LinearKernel kernel = linear_kernel(use.computed);
    chosen.emplace(kernel.family, kernel.variant);
  }
  const std::string attention =
      config.attention == AttentionKind::mla ? "latent_attention_f32" : "paged_attention_f32";
  for (const kernels::FamilyInfo& family : kernels::kernel_families())
    if (family.name == attention) chosen.emplace(family.name, family.chosen);
  Json rows = Json::array();
  for (const auto& [family, variant] : chosen)
    rows.push_back({{"family", family}, {"variant", variant}});
  return rows;
}

Json speed_of(const std::optional<PredictedSpeed>& speed, int64_t tokens) {
  if (!speed) return nullptr;
  return {{"tokens", tokens},
          {"tokens_per_s", speed->tokens_per_s},
          {"bound", bound_name(speed->bound)}};
}

Json page_of(const DryRunModel& model, const TextModelOptions& options, MachineSpeed machine,
             const Console& console) {
  const CheckpointFiles files = CheckpointFiles::open(model.path);
  const ModelConfig config = files.read_config();
  const Fit fit = examine_fit(files, config, options, machine_memory());
  if (fit.weights.placement == Placement::mapped && fit.weights_are_there)
    machine.file_bytes_per_s = measured_read_rate(files);
  const auto predicted = [&](SpeedCase::Kind kind, int64_t tokens) {
    tokens = std::min(tokens, fit.cache.context_length);
    return speed_of(predict_speed(config, fit, {kind, 0, tokens}, machine), tokens);
  };
  Json page = {{"name", model.name},
               {"path", model.path.string()},
               {"precision", precision_name(options.precision)},
               {"verdict", verdict_name(fit.verdict)},
               {"remedies", remedies_of(fit, options, console)}};
  page["weights"] = {{"present", fit.weights_are_there},
                     {"file_bytes", fit.weights.file_bytes},
                     {"mapped_bytes", fit.weights.mapped_bytes},
                     {"packed_bytes", fit.weights.packed_bytes},
                     {"native_bytes", fit.native_bytes},
                     {"bytes_per_token", int64_t(bytes_read_per_token(fit.weights, config))},
                     {"formats", formats_of(fit.weights)}};
  page["cache"] = {{"token_bytes", fit.cache.token_bytes},
                   {"context", fit.cache.context_length},
                   {"bytes", fit.cache.bytes},
                   {"longest_context", fit.longest_context}};
  page["scratch_bytes"] = fit.scratch_bytes;
  page["adapter_bytes"] = fit.adapter_bytes;
  page["total_bytes"] = fit.total_bytes();
  page["kernels"] = kernels_of(fit.weights, config);
  page["prefill"] = predicted(SpeedCase::Kind::prefill, prefill_chunk);
  page["decode"] = predicted(SpeedCase::Kind::decode, 64);
  return page;
}

std::string speed_text(const char* key, const Json& speed, const Console& console) {
  if (speed.is_null()) return console.say(concat(key, "_unknown"));
  const double rate = speed["tokens_per_s"];
  return console.say(key, speed["tokens"].dump(), number_text(rate, rate < 10 ? 2 : 0),
                     console.say(concat("bound.", speed["bound"].get<std::string>())));
}

void print(const Json& page, const Json& machine, Console& console) {
  const Json& weights = page["weights"];
  const Json& cache = page["cache"];
  const auto row = [&](const std::string& text) { console.line(concat("  ", text)); };
  console.line(console.say(concat("fit.", page["verdict"].get<std::string>()),
                           printable(page["name"].get<std::string>(), 1000)));
  row(console.say(weights["present"].get<bool>() ? "fit.weights" : "fit.weights_absent",
                  bytes_text(weights["file_bytes"]), bytes_text(weights["mapped_bytes"]),
                  bytes_text(weights["packed_bytes"])));
  row(console.say("fit.cache", bytes_text(cache["token_bytes"]), bytes_text(cache["bytes"]),
                  cache["context"].dump()));
  row(console.say("fit.total", bytes_text(page["total_bytes"]),
                  bytes_text(machine["available_bytes"]), bytes_text(machine["total_bytes"])));
  std::string kernels;
  for (const Json& kernel : page["kernels"])
    kernels += concat(kernels.empty() ? "" : ", ", kernel["family"].get<std::string>(), " ",
                      kernel["variant"].get<std::string>());
  row(console.say("fit.threads", machine["threads"].dump(), kernels));
  row(speed_text("fit.prefill", page["prefill"], console));
  row(speed_text("fit.decode", page["decode"], console));
  row(console.say("fit.per_token", bytes_text(weights["bytes_per_token"])));
  for (const Json& remedy : page["remedies"]) row(remedy.get<std::string>());
}

}  // namespace

std::vector<std::string> remedies_of(const Fit& fit, const TextModelOptions& options,
                                     const Console& console) {
  std::vector<std::string> remedies;
  const CachePlan& cache = fit.cache;
  if (options.context > 0 && cache.context_length < cache.wanted_context)
    remedies.push_back(console.say("fit.cut", cache.wanted_context, cache.context_length,
                                   cache.wanted_argument()));
  if (fit.verdict == Verdict::fits) return remedies;
  const int64_t available = fit.memory.available_bytes;
  const bool weights_fit = fit.weights.placement != Placement::mapped &&
                           fit.total_bytes() - fit.cache.bytes <= available;
  if (options.precision == Precision::f32) remedies.push_back(console.say("fit.use_native"));
  if (fit.verdict == Verdict::too_large && fit.longest_context > 0)
    remedies.push_back(fit.longest_context < fit.cache.context_length
                           ? console.say("fit.shorter", fit.longest_context)
                           : console.say("fit.smaller_cache"));
  // Beside weights that leave no room for a page of cache, no context helps.
  if (weights_fit && fit.longest_context > 0) return remedies;
  int64_t values = 0;
  for (const WeightUse& use : fit.weights.uses) values += use.values;
  const int64_t others =
      fit.total_bytes() - fit.weights.packed_bytes -
      (fit.weights.placement == Placement::mapped ? 0 : fit.weights.mapped_bytes);
  const double bits = 8.0 * double(available - others) / double(values);
  if (bits >= 1.5) remedies.push_back(console.say("fit.fewer_bits", number_text(bits)));
  remedies.push_back(
      console.say("fit.more_memory", size_text(uint64_t(fit.native_bytes + others))));
  return remedies;
}

void dry_run(const std::vector<DryRunModel>& models, const TextModelOptions& options,
             std::optional<int64_t> budget_bytes, Console& console) {
  const MachineMemory memory = machine_memory();
  const MachineSpeed speed = measure_machine_speed();
  Json page = {{"machine",
                {{"cpu", cpu_model_name()},
                 {"features", features_text(cpu_features())},
                 {"threads", compute_pool().threads()},
                 {"total_bytes", memory.total_bytes},
                 {"available_bytes", memory.available_bytes},
                 {"read_bytes_per_s", speed.read_bytes_per_s},
                 {"float_ops_per_s", speed.float_ops_per_s},
                 {"byte_ops_per_s", speed.byte_ops_per_s}}},
               {"models", Json::array()}};
  int64_t together = 0;
  for (const DryRunModel& model : models) {
    page["models"].push_back(page_of(model, options, speed, console));
    const Json& row = page["models"].back();
    together +=
        row["weights"]["native_bytes"].get<int64_t>() + row["cache"]["bytes"].get<int64_t>();
  }
  if (budget_bytes) {
    page["together_bytes"] = together;
    page["budget_bytes"] = *budget_bytes;
  }
  if (console.json())
    return console.line(page.dump(-1, ' ', false, Json::error_handler_t::replace));
  for (const Json& model : page["models"]) print(model, page["machine"], console);
  if (models.size() > 1)
    console.line(console.say(together <= *budget_bytes ? "fit.together" : "fit.in_turns",
                             size_text(uint64_t(together)), size_text(uint64_t(*budget_bytes))));
}

}  // namespace deepseek::cli
