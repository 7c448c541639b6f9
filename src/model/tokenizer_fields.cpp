// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/text.h"
#include "core/utf8.h"
#include "formats/gguf_pre_tables.h"
#include "formats/gguf_vocabulary.h"
#include "formats/json.h"
#include "formats/tokenizer_components.h"
#include "model/json_fields.h"
#include "model/tokenizer_files.h"

namespace deepseek {
namespace {

using nlohmann::json;

constexpr size_t template_limit_bytes = 16 << 20;

/// A pattern in the spelling of the table of pre-tokenizers: line ends as \r and \n, characters
/// outside ASCII as \x{HEX}.
std::string canonical_pattern(std::string_view pattern) {
  std::string out;
  while (!pattern.empty()) {
    const Utf8Step step = read_utf8(pattern);
    if (step.code_point == U'\r') {
      out += "\\r";
    } else if (step.code_point == U'\n') {
      out += "\\n";
    } else if (step.code_point < 0x80) {
      out += static_cast<char>(step.code_point);
    } else {
      std::ostringstream hex;
      hex << "\\x{" << std::hex << std::uppercase << static_cast<uint32_t>(step.code_point) << "}";
      out += hex.str();
    }
    pattern.remove_prefix(static_cast<size_t>(step.size_bytes));
  }
  return out;
}

/// The tokenizer.json of a folder, read as far as a GGUF file can say it.
class TokenizerJson {
 public:
  explicit TokenizerJson(const std::filesystem::path& path)
      : where_(path.string()), root_(read_json_object(path)) {
    const JsonFields model(object(root_, "model"), where_, "model.");
    if (const auto type = model.text("type"); type && *type != "BPE")
      refuse("model.type", *type, "only byte-level BPE is carried over");
    if (model.boolean("byte_fallback").value_or(false))
      refuse("model.byte_fallback", "true", "only byte-level BPE is carried over");
  }

  /// Texts and types by id, `count` of them.
  void tokens(int64_t count, std::vector<std::string>& texts, std::vector<int32_t>& types) const {
    texts.clear();
    for (int64_t id = 0; id < count; ++id) texts.push_back(concat("[PAD", id, "]"));
    types.assign(static_cast<size_t>(count), static_cast<int32_t>(GgufTokenType::unused));
    const auto put = [&](const std::string& text, const json& id, GgufTokenType type) {
      if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= count)
        fail(ErrorKind::bad_file, where_, ": token \"", printable(text),
             "\": expected an id below the model's vocab_size ", count, ", got ", json_excerpt(id));
      const auto at = static_cast<size_t>(id.get<int64_t>());
      texts[at] = text;
      types[at] = static_cast<int32_t>(type);
    };
    for (const auto& [text, id] : object(root_["model"], "vocab").items())
      put(text, id, GgufTokenType::normal);
    for (const json& token : list(root_, "added_tokens")) {
      if (!token.is_object()) refuse("added_tokens", json_excerpt(token), "expected objects");
      const JsonFields fields(token, where_, "added_tokens.");
      put(fields.required_text("content"), fields.raw("id"),
          fields.boolean("special").value_or(false) ? GgufTokenType::control
                                                    : GgufTokenType::user_defined);
    }
  }

  std::vector<std::string> merges() const {
    std::vector<std::string> all;
    for (const json& merge : list(root_["model"], "merges")) {
      if (merge.is_string())
        all.push_back(merge.get<std::string>());
      else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string())
        all.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
      else
        refuse("model.merges", json_excerpt(merge), "expected strings or pairs of strings");
    }
    return all;
  }

  /// The `pre` name that stands for the normaliser and the pre-tokenizer.
  std::string pre() const {
    std::vector<std::string> splits;
    bool byte_level = false;
    add_splits(root_.value("pre_tokenizer", json()), splits, byte_level);
    std::string best;
    for (const GgufPre& pre : known_gguf_pres()) {
      std::vector<std::string> known;
      for (const char* split : pre.splits)
        if (split != nullptr) known.push_back(canonical_pattern(split));
      if (known != splits) continue;
      best = pre.name;
      // The two Qwen tokenizers cut alike; DeepSeek's distilled one has its own tokens.
      if (best == "deepseek-r1-qwen" && find_added("<｜User｜>")) break;
    }
    if (best.empty()) {
      std::string patterns;
      for (const std::string& split : splits) patterns += concat(" \"", printable(split, 80), "\"");
      fail(ErrorKind::unsupported, where_,
           ": pre_tokenizer: no GGUF name is known for these patterns:", patterns);
    }
    check_normalizer(best);
    return best;
  }

  /// The id of a token by its text.
  std::optional<int64_t> find(const std::string& text) const {
    if (const auto added = find_added(text)) return added;
    const json& vocab = root_["model"]["vocab"];
    const auto found = vocab.find(text);
    if (found == vocab.end() || !found->is_number_integer()) return std::nullopt;
    return found->get<int64_t>();
  }

  /// Whether the post-processor puts this token before a text, or after it.
  bool surrounds(const std::optional<int64_t>& id, bool after) const {
    return id && surrounds(root_.value("post_processor", json()), *id, after);
  }

 private:
  [[noreturn]] void refuse(const char* field, const std::string& got, const char* expected) const {
    fail(ErrorKind::unsupported, where_, ": ", field, ": ", expected, ", got ", printable(got));
  }
  const json& object(const json& parent, const char* name) const {
    const auto found = parent.find(name);
    if (found == parent.end() || !found->is_object())
      fail(ErrorKind::bad_file, where_, ": ", name, ": expected an object");
    return *found;
  }
  const json& list(const json& parent, const char* name) const {
    static const json none = json::array();
    const auto found = parent.find(name);
    if (found == parent.end() || found->is_null()) return none;
    if (!found->is_array()) fail(ErrorKind::bad_file, where_, ": ", name, ": expected a list");
    return *found;
  }

  std::optional<int64_t> find_added(const std::string& text) const {
    for (const json& token : list(root_, "added_tokens"))
      if (token.is_object() && token.value("content", json()) == text &&
          token.value("id", json()).is_number_integer())
        return token["id"].get<int64_t>();
    return std::nullopt;
  }

  void add_splits(const json& stage, std::vector<std::string>& splits, bool& byte_level) const {
    const std::string type = stage.is_object() ? stage.value("type", std::string()) : "none";
    if (type == "Sequence") {
      for (const json& one : list(stage, "pretokenizers")) add_splits(one, splits, byte_level);
      if (!byte_level) refuse("pre_tokenizer", "none", "expected a ByteLevel stage");
      return;
    }
    if (type == "Split" && stage.value("behavior", json()) == "Isolated" &&
        !stage.value("invert", false) && stage.contains("pattern") &&
        stage["pattern"].is_object() && stage["pattern"].value("Regex", json()).is_string()) {
      splits.push_back(canonical_pattern(stage["pattern"]["Regex"].get<std::string>()));
    } else if (type == "Digits" && stage.value("individual_digits", false)) {
      splits.emplace_back("\\p{N}");
    } else if (type == "ByteLevel" && !stage.value("add_prefix_space", true)) {
      if (stage.value("use_regex", true)) splits.push_back(canonical_pattern(gpt2_split));
      byte_level = true;
    } else {
      refuse("pre_tokenizer", stage.is_object() ? type : json_excerpt(stage),
             "expected isolated splits, single digits and ByteLevel without prefix space");
    }
  }

  void check_normalizer(const std::string& pre) const {
    json normalizer = root_.value("normalizer", json());
    while (normalizer.is_object() && normalizer.value("type", json()) == "Sequence") {
      const json inner = list(normalizer, "normalizers");
      if (inner.empty()) return;
      if (inner.size() > 1) refuse("normalizer", "a sequence", "expected none or NFC");
      normalizer = inner[0];
    }
    if (normalizer.is_null()) return;
    const bool qwen = pre == "qwen2" || pre == "deepseek-r1-qwen";
    if (!qwen || !normalizer.is_object() || normalizer.value("type", json()) != "NFC")
      refuse("normalizer",
             json_excerpt(normalizer.is_object() ? normalizer.value("type", json()) : normalizer),
             qwen ? "expected none or NFC" : "expected none");
  }

  bool surrounds(const json& processor, int64_t id, bool after) const {
    if (!processor.is_object()) return false;
    if (processor.value("type", json()) == "Sequence") {
      for (const json& one : list(processor, "processors"))
        if (surrounds(one, id, after)) return true;
      return false;
    }
    if (processor.value("type", json()) != "TemplateProcessing") return false;
    bool past_text = false;
    for (const json& item : list(processor, "single")) {
      if (!item.is_object()) continue;
      if (item.contains("Sequence")) past_text = true;
      const json token = item.value("SpecialToken", json());
      if (token.is_object() && past_text == after && token.value("id", json()).is_string() &&
          find(token["id"].get<std::string>()) == id)
        return true;
    }
    return false;
  }

  std::string where_;
  json root_;
};

/// A token of tokenizer_config.json: its text, or an object that holds it.
std::optional<std::string> token_text(const JsonFields& config, const char* name) {
  const json& value = config.raw(name);
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object() && value.value("content", json()).is_string())
    return value["content"].get<std::string>();
  return std::nullopt;
}

void add_templates(const std::filesystem::path& folder, const JsonFields& config,
                   GgufFields& fields) {
  const std::string key = "tokenizer.chat_template";
  if (std::filesystem::exists(folder / "chat_template.jinja")) {
    fields.add_string(key, read_text_file(folder / "chat_template.jinja", template_limit_bytes));
    return;
  }
  const json& value = config.raw("chat_template");
  if (value.is_string()) fields.add_string(key, value.get<std::string>());
  if (!value.is_array()) return;
  std::vector<std::string> names;
  for (const json& one : value) {
    if (!one.is_object()) config.refuse("chat_template", "a string or a list of named templates");
    const JsonFields named(one, config.where(), "chat_template.");
    const std::string name = named.required_text("name");
    fields.add_string(name == "default" ? key : concat(key, ".", name),
                      named.required_text("template"));
    if (name != "default") names.push_back(name);
  }
  if (!names.empty()) fields.add_strings("tokenizer.chat_templates", names);
}

void add_id(GgufFields& fields, const char* name, const std::optional<int64_t>& id) {
  if (id && *id >= 0)
    fields.add_u32(concat("tokenizer.ggml.", name, "_token_id"), static_cast<uint32_t>(*id));
}

/// All ends of generation: the first is eos, the next two eot and eom.
void add_ends(GgufFields& fields, std::optional<int64_t> eos, const ModelConfig& config,
              const GenerationConfig& generation) {
  std::vector<int64_t> ends;
  const auto add = [&](int64_t id) {
    if (std::find(ends.begin(), ends.end(), id) == ends.end()) ends.push_back(id);
  };
  if (!config.eos_token_ids.empty())
    add(config.eos_token_ids[0]);
  else if (eos)
    add(*eos);
  for (const int64_t id : generation.eos_token_ids) add(id);
  for (const int64_t id : config.eos_token_ids) add(id);
  if (eos) add(*eos);
  const char* names[] = {"eos", "eot", "eom"};
  for (size_t i = 0; i < std::min<size_t>(ends.size(), 3); ++i) add_id(fields, names[i], ends[i]);
}

void add_fields(const std::filesystem::path& folder, const ModelConfig& config,
                const GenerationConfig& generation, GgufFields& fields) {
  const std::filesystem::path path = folder / "tokenizer.json";
  const std::filesystem::path config_path = folder / "tokenizer_config.json";
  const json root =
      std::filesystem::exists(config_path) ? read_json_object(config_path) : json(json::object());
  const std::string where = config_path.string();
  const JsonFields tokenizer_config(root, where);
  if (!std::filesystem::exists(path)) {
    add_id(fields, "bos", config.bos_token_id);
    add_ends(fields, std::nullopt, config, generation);
    add_templates(folder, tokenizer_config, fields);
    return;
  }
  const TokenizerJson tokenizer(path);
  const auto id_of = [&](const char* name) -> std::optional<int64_t> {
    const auto text = token_text(tokenizer_config, name);
    return text ? tokenizer.find(*text) : std::nullopt;
  };
  std::vector<std::string> texts;
  std::vector<int32_t> types;
  tokenizer.tokens(config.vocab_size, texts, types);
  fields.add_string("tokenizer.ggml.model", "gpt2");
  fields.add_string("tokenizer.ggml.pre", tokenizer.pre());
  fields.add_strings("tokenizer.ggml.tokens", texts);
  fields.add_i32s("tokenizer.ggml.token_type", types);
  fields.add_strings("tokenizer.ggml.merges", tokenizer.merges());
  std::optional<int64_t> bos = id_of("bos_token");
  const std::optional<int64_t> eos = id_of("eos_token");
  // Hugging Face's Llama class builds its own post-processor from two flags.
  const bool llama_class =
      tokenizer_config.text("tokenizer_class").value_or("").starts_with("Llama");
  const bool add_bos = llama_class ? tokenizer_config.boolean("add_bos_token").value_or(true)
                                   : tokenizer.surrounds(bos, false);
  const bool add_eos = llama_class ? tokenizer_config.boolean("add_eos_token").value_or(false)
                                   : tokenizer.surrounds(eos, true);
  if (!bos) bos = config.bos_token_id;
  add_id(fields, "bos", bos);
  add_ends(fields, eos, config, generation);
  add_id(fields, "padding", id_of("pad_token"));
  add_id(fields, "unknown", id_of("unk_token"));
  fields.add_bool("tokenizer.ggml.add_bos_token", add_bos);
  fields.add_bool("tokenizer.ggml.add_eos_token", add_eos);
  add_templates(folder, tokenizer_config, fields);
}

}  // namespace

void add_tokenizer_fields(const std::filesystem::path& folder, const ModelConfig& config,
                          const GenerationConfig& generation, GgufFields& fields) {
  try {
    add_fields(folder, config, generation, fields);
  } catch (const json::exception& error) {  // a field of another type than its name promises
    fail(ErrorKind::bad_file, (folder / "tokenizer.json").string(),
         ": expected the fields of a tokenizer, got ", json_error_text(error));
  }
}

}  // namespace deepseek
