// SPDX-License-Identifier: Apache-2.0
#include "formats/template_source.h"

#include <algorithm>

#include "core/error.h"
#include "core/file.h"
#include "formats/builtin_templates.h"
#include "formats/gguf.h"
#include "formats/json.h"
#include "formats/tokenizer.h"

namespace deepseek {
namespace {

namespace fs = std::filesystem;

constexpr size_t template_limit_bytes = size_t{1} << 20;
constexpr size_t config_limit_bytes = size_t{256} << 20;

void add_named(TemplateSource& source, const fs::path& path, const nlohmann::json& entry) {
  if (!entry.is_object() || !entry.contains("name") || !entry["name"].is_string() ||
      !entry.contains("template") || !entry["template"].is_string())
    fail(ErrorKind::bad_file, path.string(),
         ": chat_template: expected a string, or a list of objects with name and template, got ",
         entry.type_name());
  const std::string name = entry["name"];
  source.templates.push_back(
      {name, entry["template"], concat(path.string(), ": chat_template ", name)});
}

void read_config_templates(TemplateSource& source, const fs::path& path,
                           const nlohmann::json& config) {
  const auto found = config.find("chat_template");
  if (found == config.end() || found->is_null()) return;
  if (found->is_string()) {
    source.templates.push_back({"default", *found, concat(path.string(), ": chat_template")});
  } else if (found->is_array()) {
    for (const auto& entry : *found) add_named(source, path, entry);
  } else {
    add_named(source, path, *found);
  }
}

void read_special_tokens(TemplateSource& source, const fs::path& path,
                         const nlohmann::json& config) {
  for (const auto& [key, value] : config.items()) {
    if (!key.ends_with("_token") || source.special_tokens.contains(key)) continue;
    if (value.is_string())
      source.special_tokens[key] = value;
    else if (value.is_object() && value.contains("content") && value["content"].is_string())
      source.special_tokens[key] = value["content"];
    else if (value.is_object())
      fail(ErrorKind::bad_file, path.string(), ": ", key,
           ": expected a string or an object with the string content");
  }
}

std::vector<fs::path> template_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(folder, problem))
    if (entry.path().extension() == ".jinja") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

const TemplateSource::Named& TemplateSource::choose(bool has_tools, std::string_view model) const {
  const auto named = [&](std::string_view name) {
    return std::find_if(templates.begin(), templates.end(),
                        [&](const Named& t) { return t.name == name; });
  };
  if (has_tools && named("tool_use") != templates.end()) return *named("tool_use");
  if (named("default") != templates.end()) return *named("default");
  if (templates.size() == 1) return templates[0];
  std::string known;
  for (const Named& t : templates) known += (known.empty() ? "" : ", ") + t.name;
  if (templates.empty())
    fail(ErrorKind::not_found, model, ": the model has no chat template; give one as a file");
  fail(ErrorKind::not_found, model, ": expected a chat template named default, got ", known);
}

nlohmann::ordered_json TemplateSource::with_special_tokens(nlohmann::ordered_json context) const {
  for (const auto& [key, value] : special_tokens.items())
    if (!context.contains(key)) context[key] = value;
  for (const char* key : {"bos_token", "eos_token"})
    if (!context.contains(key)) context[key] = "";
  return context;
}

void add_tokenizer_config(TemplateSource& source, std::string_view text, const fs::path& path) {
  const nlohmann::json config = parse_json_object(text, path);
  if (!source.has_template()) read_config_templates(source, path, config);
  read_special_tokens(source, path, config);
}

TemplateSource read_template_source(const fs::path& folder) {
  TemplateSource source;
  if (const fs::path path = folder / "chat_template.jinja"; fs::exists(path)) {
    source.templates.push_back(
        {"default", read_text_file(path, template_limit_bytes), path.string()});
    for (const fs::path& more : template_files(folder / "additional_chat_templates"))
      source.templates.push_back(
          {more.stem().string(), read_text_file(more, template_limit_bytes), more.string()});
  }
  if (const fs::path path = folder / "tokenizer_config.json"; fs::exists(path))
    add_tokenizer_config(source, read_text_file(path, config_limit_bytes), path);
  if (const fs::path path = folder / "special_tokens_map.json"; fs::exists(path))
    read_special_tokens(source, path, read_json_object(path));
  return source;
}

namespace {

std::string piece_or_empty(const Tokenizer& tokenizer, std::optional<int32_t> id) {
  return id ? tokenizer.token_piece(*id) : std::string();
}

TemplateSource or_builtin(TemplateSource source, const std::string& model,
                          const Tokenizer& tokenizer) {
  if (source.has_template()) return source;
  const auto family = builtin_template_family(tokenizer);
  if (!family) return source;
  source.templates.push_back({"default", std::string(*builtin_template(*family)),
                              concat(model, ": built-in template ", *family)});
  // These tokenizers are known by the two, whatever their files say of roles.
  const auto give = [&](const char* key, std::optional<int32_t> id, const char* spelling) {
    if (!id) id = tokenizer.find_token(spelling);
    if (source.special_tokens.value(key, "").empty())
      source.special_tokens[key] = piece_or_empty(tokenizer, id);
  };
  give("bos_token", tokenizer.special_tokens().bos, "<｜begin▁of▁sentence｜>");
  give("eos_token", tokenizer.special_tokens().eos, "<｜end▁of▁sentence｜>");
  return source;
}

}  // namespace

TemplateSource find_templates(const GgufFile& file, const Tokenizer& tokenizer) {
  constexpr std::string_view key = "tokenizer.chat_template";
  const GgufMetadata& metadata = file.metadata();
  std::vector<std::pair<std::string, std::string>> templates;
  if (const auto text = metadata.find_string(key)) templates.emplace_back("default", *text);
  for (const GgufEntry& entry : metadata.entries())
    if (entry.key.starts_with(concat(key, ".")))
      templates.emplace_back(entry.key.substr(key.size() + 1), metadata.get_string(entry.key));
  const std::string name = file.path().string();
  return or_builtin(template_source_from(name, std::move(templates),
                                         piece_or_empty(tokenizer, tokenizer.special_tokens().bos),
                                         piece_or_empty(tokenizer, tokenizer.special_tokens().eos)),
                    name, tokenizer);
}

TemplateSource find_templates(const fs::path& folder, const Tokenizer& tokenizer) {
  return or_builtin(read_template_source(folder), folder.string(), tokenizer);
}

TemplateSource template_source_from(std::string_view model,
                                    std::vector<std::pair<std::string, std::string>> templates,
                                    std::string bos_token, std::string eos_token) {
  TemplateSource source;
  for (auto& [name, text] : templates)
    source.templates.push_back(
        {name, std::move(text), concat(model, ": tokenizer.chat_template (", name, ")")});
  source.special_tokens["bos_token"] = std::move(bos_token);
  source.special_tokens["eos_token"] = std::move(eos_token);
  return source;
}

}  // namespace deepseek
