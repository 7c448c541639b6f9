// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iomanip>
#include <sstream>

#include "cli/model_flags.h"
#include "cli/text_files.h"
#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "formats/checkpoint.h"
#include "model/inspect.h"

namespace deepseek::cli {
namespace {

using Json = nlohmann::ordered_json;

/// "134.5 M", "15.7 B".
std::string count_text(int64_t count) {
  const bool billions = count >= 1'000'000'000;
  std::ostringstream out;
  out << std::fixed << std::setprecision(billions ? 2 : 1) << double(count) / (billions ? 1e9 : 1e6)
      << (billions ? " B" : " M");
  return std::move(out).str();
}

std::vector<int64_t> contexts_of(const Flags& flags, int64_t longest) {
  std::vector<int64_t> contexts;
  for (const std::string& text : flags.list("context"))
    contexts.push_back(parse_integer(text, "--context"));
  for (const int64_t context : contexts)
    if (context < 1 || context > longest)
      fail(ErrorKind::invalid_input, "--context: expected 1 to the model's context of ", longest,
           ", got ", context);
  if (!contexts.empty()) return contexts;
  for (const int64_t context : {int64_t{4096}, int64_t{32768}})
    if (context < longest) contexts.push_back(context);
  contexts.push_back(longest);
  return contexts;
}

/// What the chat template is, or that there is none.
Json template_of(const std::string& model) {
  try {
    const TemplateSource source = open_templates(model);
    return source.templates.front().origin;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::internal) throw;
    return nullptr;
  }
}

Json experts_of(const ModelConfig& config) {
  if (config.n_routed_experts == 0) return nullptr;
  return {{"routed", config.n_routed_experts},
          {"chosen", config.num_experts_per_tok},
          {"shared", config.n_shared_experts},
          {"groups", config.n_group},
          {"groups_chosen", config.topk_group}};
}

/// A summary forgives weights that are not there; damaged ones it must not.
void refuse_damage(const ModelSummary& summary) {
  if (summary.missing_weights.empty() || !Checkpoint::is_checkpoint(summary.path)) return;
  try {
    Checkpoint::open(summary.path);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
  }
}

Json page_of(const Flags& flags, const std::string& model, const ModelSummary& summary) {
  const ModelConfig& config = summary.config;
  Json page;
  page["path"] = summary.path.string();
  page["container"] = summary.container;
  page["architecture"] = config.model_type;
  page["attention"] = config.attention == AttentionKind::mla ? "mla" : "gqa";
  page["parameters"] = {{"total", summary.parameters.total},
                        {"active", summary.parameters.active},
                        {"mtp", summary.parameters.mtp}};
  page["layers"] = config.num_hidden_layers;
  page["hidden_size"] = config.hidden_size;
  page["heads"] = config.num_attention_heads;
  page["kv_heads"] = config.num_key_value_heads;
  page["experts"] = experts_of(config);
  page["vocab_size"] = config.vocab_size;
  page["context"] = config.max_position_embeddings;
  page["chat_template"] = template_of(model);
  page["end_token_ids"] = summary.end_token_ids();
  page["tensors"] = summary.tensors.size();
  page["weight_bytes"] = summary.weight_bytes;
  page["formats"] = Json::array();
  for (const FormatSummary& format : summary.formats)
    page["formats"].push_back({{"format", format.format},
                               {"tensors", format.tensors},
                               {"size_bytes", format.size_bytes}});
  page["memory"] = Json::array();
  for (const int64_t context : contexts_of(flags, config.max_position_embeddings)) {
    const MemoryEstimate memory = estimate_memory(summary, context);
    page["memory"].push_back({{"context", context},
                              {"weights_bytes", memory.weights},
                              {"cache_bytes", memory.cache},
                              {"scratch_bytes", memory.scratch},
                              {"total_bytes", memory.total()}});
  }
  if (!flags.on("tensors")) return page;
  page["tensor_list"] = Json::array();
  for (const TensorSummary& tensor : summary.tensors)
    page["tensor_list"].push_back({{"name", tensor.name},
                                   {"format", tensor.format},
                                   {"shape", tensor.shape},
                                   {"size_bytes", tensor.size_bytes}});
  return page;
}

void print(const Json& page, Console& console) {
  const auto row = [&](std::string_view key, const std::string& value) {
    console.line(concat(console.say(concat("show.", key)), ": ", value));
  };
  const auto number = [&](const char* key) { return page[key].dump(); };
  row("architecture",
      concat(page["architecture"].get<std::string>(), ", ", page["attention"].get<std::string>(),
             ", ", page["container"].get<std::string>()));
  const Json& parameters = page["parameters"];
  row("parameters", console.say("show.parameters_value", count_text(parameters["total"]),
                                count_text(parameters["active"])));
  if (parameters["mtp"] > 0) row("mtp", count_text(parameters["mtp"]));
  row("layers", number("layers"));
  row("width", number("hidden_size"));
  row("heads", console.say("show.heads_value", number("heads"), number("kv_heads")));
  if (const Json& experts = page["experts"]; !experts.is_null())
    row("experts", console.say("show.experts_value", experts["routed"].dump(),
                               experts["chosen"].dump(), experts["shared"].dump()));
  row("vocabulary", number("vocab_size"));
  row("context", number("context"));
  row("template", page["chat_template"].is_null() ? console.say("show.none")
                                                  : page["chat_template"].get<std::string>());
  std::string formats;
  for (const Json& format : page["formats"])
    formats += concat(formats.empty() ? "" : ", ", format["format"].get<std::string>(), " ",
                      size_text(format["size_bytes"].get<uint64_t>()));
  row("tensors",
      concat(number("tensors"), formats.empty() ? "" : " (", formats, formats.empty() ? "" : ")"));
  for (const Json& memory : page["memory"])
    console.line(console.say("show.memory", memory["context"].dump(),
                             size_text(memory["total_bytes"].get<uint64_t>()),
                             size_text(memory["cache_bytes"].get<uint64_t>())));
  if (!page.contains("tensor_list")) return;
  for (const Json& tensor : page["tensor_list"])
    console.line(concat("  ", printable(tensor["name"].get<std::string>()), "  ",
                        tensor["format"].get<std::string>(), "  ", tensor["shape"].dump(), "  ",
                        size_text(tensor["size_bytes"].get<uint64_t>())));
}

}  // namespace

int run_show(const Flags& flags, Console& console) {
  const std::string model = flags.required_argument("MODEL");
  const ModelSummary summary = inspect_model(model_path(model));
  refuse_damage(summary);
  if (!summary.missing_weights.empty())
    console.notice(console.say("show.without_weights", summary.missing_weights));
  const Json page = page_of(flags, model, summary);
  if (console.json())
    console.line(page.dump(-1, ' ', false, Json::error_handler_t::replace));
  else
    print(page, console);
  return 0;
}

}  // namespace deepseek::cli
