// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "cli/table.h"
#include "cli/verbs/verbs.h"
#include "core/json.h"
#include "core/text.h"
#include "formats/hub_cache.h"

namespace deepseek::cli {
namespace {

/// "safetensors", "GGUF", or both.
std::string format_of(const HubSnapshot& model) {
  std::set<std::string> formats;
  for (const HubFile& file : model.files) {
    if (file.name.ends_with(".safetensors")) formats.insert("safetensors");
    if (file.name.ends_with(".gguf")) formats.insert("GGUF");
  }
  std::string text;
  for (const std::string& format : formats) text += concat(text.empty() ? "" : ", ", format);
  return text.empty() ? "-" : text;
}

}  // namespace

int run_list(const Flags&, Console& console) {
  const HubCache cache = HubCache::from_environment();
  const std::vector<HubSnapshot> models = cache.models();
  if (console.json()) {
    nlohmann::ordered_json page = {{"cache", cache.root().string()},
                                   {"models", nlohmann::ordered_json::array()}};
    for (const HubSnapshot& model : models)
      page["models"].push_back({{"name", model.repo},
                                {"commit", model.commit},
                                {"format", format_of(model)},
                                {"size_bytes", model.size_bytes()},
                                {"unfinished_bytes", model.unfinished_bytes},
                                {"path", model.folder.string()},
                                {"files", model.names()}});
    console.line(page.dump());
    return 0;
  }
  if (models.empty()) {
    console.notice(console.say("list.empty", cache.root().string()));
    return 0;
  }
  std::vector<std::vector<std::string>> rows{{"NAME", "FILES", "SIZE", "FORMAT"}};
  for (const HubSnapshot& model : models)
    rows.push_back(
        {model.repo, concat(model.files.size()), size_text(model.size_bytes()), format_of(model)});
  print_table(rows, console);
  for (const HubSnapshot& model : models)
    if (model.unfinished_bytes > 0)
      console.notice(console.say("list.unfinished", model.repo, size_text(model.unfinished_bytes)));
  return 0;
}

}  // namespace deepseek::cli
