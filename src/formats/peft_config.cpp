// SPDX-License-Identifier: Apache-2.0
#include "formats/peft_config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "core/file.h"
#include "formats/json.h"

namespace deepseek {
namespace {

using nlohmann::json;

constexpr int64_t max_rank = 65536;

/// Fields that change nothing about a finished adapter.
constexpr std::array<std::string_view, 19> harmless{
    "auto_mapping",    "base_model_name_or_path", "corda_config",   "ensure_weight_tying",
    "eva_config",      "exclude_modules",         "inference_mode", "init_lora_weights",
    "layers_pattern",  "layers_to_transform",     "loftq_config",   "lora_dropout",
    "megatron_config", "megatron_core",           "peft_version",   "qalora_group_size",
    "revision",        "runtime_config",          "task_type"};

/// Fields that are read.
constexpr std::array<std::string_view, 8> understood{"alpha_pattern",  "bias",      "lora_alpha",
                                                     "peft_type",      "r",         "rank_pattern",
                                                     "target_modules", "use_rslora"};

class ConfigReader {
 public:
  ConfigReader(std::string_view text, const std::filesystem::path& path)
      : config_(parse_json_object(text, path)),
        ordered_(parse_json<nlohmann::ordered_json>(text, ErrorKind::bad_file, path.string())),
        path_(path) {}

  PeftConfig read() {
    refuse_what_is_not_understood();
    PeftConfig out;
    if (const json* base = find("base_model_name_or_path"); base && base->is_string())
      out.base_model_name_or_path = base->get<std::string>();
    out.r = rank("r", required("r"));
    out.lora_alpha = alpha("lora_alpha", required("lora_alpha"));
    if (const json* rslora = find("use_rslora")) {
      if (!rslora->is_boolean()) refuse("use_rslora", "true or false", *rslora);
      out.use_rslora = rslora->get<bool>();
    }
    for_each_pattern("rank_pattern", [&](const std::string& module, const json& value) {
      out.rank_pattern.emplace_back(module, rank("rank_pattern", value));
    });
    for_each_pattern("alpha_pattern", [&](const std::string& module, const json& value) {
      out.alpha_pattern.emplace_back(module, alpha("alpha_pattern", value));
    });
    if (const json* targets = find("target_modules"); targets && targets->is_string())
      out.target_modules.push_back(targets->get<std::string>());
    else if (targets && targets->is_array())
      for (const json& target : *targets) {
        if (!target.is_string()) refuse("target_modules", "names of modules", target);
        out.target_modules.push_back(target.get<std::string>());
      }
    else if (targets)
      refuse("target_modules", "a list of names", *targets);
    return out;
  }

 private:
  /// Null when the field is absent or null.
  const json* find(const char* name) const {
    const auto at = config_.find(name);
    return at == config_.end() || at->is_null() ? nullptr : &*at;
  }

  const json& required(const char* name) const {
    const json* value = find(name);
    if (value == nullptr)
      fail(ErrorKind::bad_file, path_.string(), ": ", name,
           ": expected this field, got none; the file is not a LoRA adapter's");
    return *value;
  }

  static std::string excerpt(const json& value) {
    return printable(value.dump(-1, ' ', false, json::error_handler_t::replace), 80);
  }

  [[noreturn]] void refuse(std::string_view field, std::string_view expected,
                           const json& got) const {
    fail(ErrorKind::bad_file, path_.string(), ": ", printable(field), ": expected ", expected,
         ", got ", excerpt(got), "; save the adapter again");
  }

  [[noreturn]] void refuse_kind(std::string_view field, const json& got,
                                std::string_view expected) const {
    fail(ErrorKind::unsupported, path_.string(), ": ", printable(field), ": expected ", expected,
         ", got ", excerpt(got),
         "; only low-rank updates of linear maps are read, merge the adapter into the model first");
  }

  int64_t rank(std::string_view field, const json& value) const {
    if (!value.is_number_integer() || value < 1 || value > max_rank)
      refuse(field, concat("ranks from 1 to ", max_rank), value);
    return value.get<int64_t>();
  }

  double alpha(std::string_view field, const json& value) const {
    if (!value.is_number() || !std::isfinite(value.get<double>())) refuse(field, "a number", value);
    return value.get<double>();
  }

  /// PEFT reads the keys as regular expressions for the ends of module names; only plain names are
  /// taken here.
  template <class Take>
  void for_each_pattern(const char* field, Take take) {
    const json* patterns = find(field);
    if (patterns == nullptr) return;
    if (!patterns->is_object()) refuse(field, "an object", *patterns);
    for (const auto& [module, value] : ordered_[field].items()) {
      const bool plain = !module.empty() && std::ranges::all_of(module, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '_' || c == '.';
      });
      if (!plain) refuse_kind(field, module, "plain names of modules");
      take(module, value);
    }
  }

  void refuse_what_is_not_understood() const {
    if (required("peft_type") != "LORA") refuse_kind("peft_type", config_["peft_type"], "LORA");
    if (const json* bias = find("bias"); bias && *bias != "none")
      refuse_kind("bias", *bias, "none");
    // These replace the base weights by a remainder when training starts.
    if (const json* init = find("init_lora_weights"); init && init->is_string()) {
      const std::string method = init->get<std::string>();
      if (method.starts_with("pissa") || method == "olora" || method == "corda")
        refuse_kind("init_lora_weights", *init, "a method that leaves the base weights alone");
    }
    for (const auto& [field, value] : config_.items()) {
      const bool known = std::ranges::find(harmless, field) != harmless.end() ||
                         std::ranges::find(understood, field) != understood.end();
      const bool off =
          value.is_null() || value == false || (value.is_structured() && value.empty());
      if (!known && !off) refuse_kind(field, value, "it to be off");
    }
  }

  json config_;
  nlohmann::ordered_json ordered_;  // the same; the first pattern that matches counts
  const std::filesystem::path& path_;
};

/// The value of the first pattern that `module` ends with, on a border between names.
template <class T>
T match(const std::vector<std::pair<std::string, T>>& patterns, std::string_view module,
        T otherwise) {
  for (const auto& [end, value] : patterns)
    if (module.ends_with(end) &&
        (module.size() == end.size() || module[module.size() - end.size() - 1] == '.'))
      return value;
  return otherwise;
}

}  // namespace

int64_t PeftConfig::rank_of(std::string_view module) const {
  return match(rank_pattern, module, r);
}

double PeftConfig::alpha_of(std::string_view module) const {
  return match(alpha_pattern, module, lora_alpha);
}

PeftConfig read_peft_config(const std::filesystem::path& path) {
  return ConfigReader(read_text_file(path, size_t{16} << 20), path).read();
}

}  // namespace deepseek
