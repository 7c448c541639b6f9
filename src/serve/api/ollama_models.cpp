// SPDX-License-Identifier: Apache-2.0
#include "serve/api/ollama_models.h"

#include <chrono>
#include <filesystem>

#include "serve/api/api.h"
#include "serve/api/fill_middle.h"
#include "serve/store/digest.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;
namespace fs = std::filesystem;

/// Bytes of a checkpoint: a file, or a folder of them. What cannot be read counts as nothing.
int64_t size_of(const fs::path& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error))
    return static_cast<int64_t>(std::max<uintmax_t>(fs::file_size(path, error), 0));
  int64_t bytes = 0;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (!at->is_regular_file(ignored)) continue;
    const uintmax_t size = at->file_size(ignored);
    if (!ignored) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

std::string loaded_at(const ModelHost& host) {
  return time_text(std::chrono::system_clock::time_point(std::chrono::seconds(host.created())));
}

/// "1.5B", "671B", "210K".
std::string count_text(int64_t count) {
  constexpr int64_t thousand = 1000;
  if (count < thousand) return concat(count);
  int64_t unit = thousand;
  const char* letter = "K";
  for (const char* next : {"M", "B"})
    if (count >= unit * thousand) {
      unit *= thousand;
      letter = next;
    }
  const int64_t tenths = count * 10 / unit;
  if (tenths % 10 == 0 || tenths >= thousand) return concat(tenths / 10, letter);
  return concat(tenths / 10, ".", tenths % 10, letter);
}

ordered_json family_details(const ModelHost& host) {
  const ModelConfig& config = host.model().config();
  return {{"parent_model", ""},
          {"format", host.model().path().extension() == ".gguf" ? "gguf" : "safetensors"},
          {"family", config.model_type},
          {"families", ordered_json::array({config.model_type})},
          {"parameter_size", count_text(count_parameters(config).total)},
          {"quantization_level", config.torch_dtype.empty() ? "unknown" : config.torch_dtype}};
}

std::string digest(const ModelHost& host) {
  return store::to_hex(store::sha256(host.model().fingerprint()));
}

}  // namespace

ordered_json ollama_tag(const ModelHost& host) {
  return {{"name", host.name()},
          {"model", host.name()},
          {"modified_at", loaded_at(host)},
          {"size", size_of(host.model().path())},
          {"digest", digest(host)},
          {"details", family_details(host)}};
}

ordered_json ollama_running(const ModelHost& host) {
  // It stays until the server ends.
  return {{"name", host.name()},
          {"model", host.name()},
          {"size", size_of(host.model().path())},
          {"digest", digest(host)},
          {"details", family_details(host)},
          {"expires_at", "9999-12-31T23:59:59Z"},
          {"size_vram", 0},
          {"context_length", host.model().context_length()}};
}

ordered_json ollama_details(const ModelHost& host) {
  const ModelConfig& config = host.model().config();
  const std::string& type = config.model_type;
  ordered_json capabilities = {"completion", "tools", "embedding"};
  if (host.reply_form().thinks) capabilities.push_back("thinking");
  if (can_fill_in_the_middle(host.tokenizer())) capabilities.push_back("insert");
  return {{"license", ""},
          {"modelfile", concat("FROM ", host.name())},
          {"parameters", concat("num_ctx ", host.model().context_length())},
          {"template", host.model().chat_template_text()},
          {"details", family_details(host)},
          {"model_info",
           {{"general.architecture", type},
            {"general.parameter_count", count_parameters(config).total},
            {type + ".context_length", config.max_position_embeddings},
            {type + ".embedding_length", config.hidden_size},
            {type + ".block_count", config.num_hidden_layers},
            {type + ".vocab_size", config.vocab_size}}},
          {"capabilities", std::move(capabilities)},
          {"modified_at", loaded_at(host)}};
}

}  // namespace deepseek::serve
