// SPDX-License-Identifier: Apache-2.0
#include "model/generation_config.h"

#include <unordered_set>

#include "core/error.h"
#include "core/file.h"
#include "formats/json.h"
#include "model/json_fields.h"

namespace deepseek {
namespace {

template <class T>
void check(const std::string& where, const char* name, const std::optional<T>& value, double low,
           double high, const char* expected) {
  if (value && !(static_cast<double>(*value) >= low && static_cast<double>(*value) <= high))
    fail(ErrorKind::bad_file, where, ": ", name, ": expected ", expected, ", got ", *value);
}

}  // namespace

void GenerationConfig::validate(const std::string& where) const {
  constexpr double many = 1e9;
  check(where, "bos_token_id", bos_token_id, 0, many, "a token id of at least 0");
  for (const int64_t id : eos_token_ids)
    check(where, "eos_token_id", std::optional(id), 0, many, "token ids of at least 0");
  check(where, "temperature", temperature, 0, 1e6, "a number of at least 0");
  check(where, "top_p", top_p, 0, 1, "a number from 0 to 1");
  check(where, "min_p", min_p, 0, 1, "a number from 0 to 1");
  check(where, "repetition_penalty", repetition_penalty, 1e-6, 1e6, "a positive number");
  check(where, "top_k", top_k, 0, many, "an integer of at least 0");
  check(where, "max_new_tokens", max_new_tokens, 1, many, "an integer of at least 1");
}

GenerationConfig generation_config_from_json(std::string_view text, const std::string& where) {
  const nlohmann::json object = parse_json_object(text, where);
  const JsonFields fields(object, where);
  GenerationConfig config;
  config.bos_token_id = fields.integer("bos_token_id");
  config.eos_token_ids = fields.integers("eos_token_id");
  config.pad_token_id = fields.integer("pad_token_id");
  config.do_sample = fields.boolean("do_sample");
  config.temperature = fields.number("temperature");
  config.top_p = fields.number("top_p");
  config.min_p = fields.number("min_p");
  config.repetition_penalty = fields.number("repetition_penalty");
  config.top_k = fields.integer("top_k");
  config.max_new_tokens = fields.integer("max_new_tokens");
  config.validate(where);
  return config;
}

GenerationConfig read_generation_config(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "generation_config.json";
  if (!std::filesystem::exists(path)) return {};
  return generation_config_from_json(read_text_file(path, config_limit_bytes), path.string());
}

void drop_repetitions(std::vector<int64_t>& ids) {
  std::unordered_set<int64_t> seen;
  std::erase_if(ids, [&](int64_t id) { return !seen.insert(id).second; });
}

std::string generation_config_to_json(const GenerationConfig& config) {
  nlohmann::ordered_json out = nlohmann::ordered_json::object();
  const auto put = [&](const char* name, const auto& value) {
    if (value) out[name] = *value;
  };
  put("bos_token_id", config.bos_token_id);
  if (config.eos_token_ids.size() == 1) out["eos_token_id"] = config.eos_token_ids[0];
  if (config.eos_token_ids.size() > 1) out["eos_token_id"] = config.eos_token_ids;
  put("pad_token_id", config.pad_token_id);
  put("do_sample", config.do_sample);
  put("temperature", config.temperature);
  put("top_p", config.top_p);
  put("min_p", config.min_p);
  put("top_k", config.top_k);
  put("repetition_penalty", config.repetition_penalty);
  put("max_new_tokens", config.max_new_tokens);
  return out.dump(2) + "\n";
}

}  // namespace deepseek
