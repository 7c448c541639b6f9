// SPDX-License-Identifier: Apache-2.0
#include "model/generation_config.h"

#include "core/error.h"
#include "core/file.h"
#include "formats/json.h"
#include "model/json_fields.h"

namespace deepseek {
namespace {

constexpr size_t file_limit_bytes = 16 << 20;

std::optional<double> number_in(const JsonFields& fields, const char* name, double low, double high,
                                const char* expected) {
  const std::optional<double> value = fields.number(name);
  if (value && !(*value >= low && *value <= high)) fields.refuse(name, expected);
  return value;
}

std::optional<int64_t> integer_from(const JsonFields& fields, const char* name, int64_t low) {
  const std::optional<int64_t> value = fields.integer(name);
  if (value && *value < low) fields.refuse(name, concat("an integer of at least ", low));
  return value;
}

}  // namespace

GenerationConfig generation_config_from_json(std::string_view text, const std::string& where) {
  const nlohmann::json object = parse_json_object(text, where);
  const JsonFields fields(object, where);
  GenerationConfig config;
  config.bos_token_id = integer_from(fields, "bos_token_id", 0);
  config.eos_token_ids = fields.integers("eos_token_id");
  for (int64_t id : config.eos_token_ids)
    if (id < 0) fields.refuse("eos_token_id", "token ids of at least 0");
  config.pad_token_id = fields.integer("pad_token_id");
  config.do_sample = fields.boolean("do_sample");
  config.temperature = number_in(fields, "temperature", 0, 1e6, "a number of at least 0");
  config.top_p = number_in(fields, "top_p", 0, 1, "a number from 0 to 1");
  config.min_p = number_in(fields, "min_p", 0, 1, "a number from 0 to 1");
  config.repetition_penalty =
      number_in(fields, "repetition_penalty", 1e-6, 1e6, "a positive number");
  config.top_k = integer_from(fields, "top_k", 0);
  config.max_new_tokens = integer_from(fields, "max_new_tokens", 1);
  return config;
}

GenerationConfig read_generation_config(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "generation_config.json";
  if (!std::filesystem::exists(path)) return {};
  return generation_config_from_json(read_text_file(path, file_limit_bytes), path.string());
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
