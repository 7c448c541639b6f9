// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>

#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "formats/hub_cache.h"
#include "formats/hub_files.h"
#include "formats/model_location.h"

namespace deepseek::cli {
namespace {

HubSnapshot find_model(const HubCache& cache, const std::string& repo) {
  std::vector<std::string> known;
  for (const HubSnapshot& model : cache.models()) {
    if (model.repo == repo) return model;
    known.push_back(model.repo);
  }
  const std::string_view nearest = nearest_name(repo, known);
  const std::string hint = nearest.empty() ? "'deepseek list' shows what is there"
                                           : concat("did you mean ", nearest, "?");
  fail(ErrorKind::not_found, printable(repo), ": not in the model cache ", cache.root().string(),
       "; ", hint);
}

bool agreed(const std::string& question, Console& console) {
  if (!console.input_is_terminal())
    fail(ErrorKind::invalid_input, "rm: standard input is no terminal to ask at; add --yes");
  std::cerr << question << ' ' << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes" || answer == "是";
}

}  // namespace

int run_rm(const Flags& flags, Console& console) {
  const HubCache cache = HubCache::from_environment();
  HubName name = parse_hub_name(flags.required_argument("MODEL"));
  if (name.repo == "starter") name.repo = starter_repo;
  const HubSnapshot model = find_model(cache, name.repo);
  std::vector<std::string> files;
  if (!name.selector.empty()) files = choose_model_files(model.repo, model.names(), name.selector);
  uint64_t size_bytes = 0;
  for (const HubFile& file : model.files)
    if (files.empty() || std::find(files.begin(), files.end(), file.name) != files.end())
      size_bytes += file.size_bytes;
  if (files.empty()) size_bytes += model.unfinished_bytes;
  const std::string shown =
      files.empty() ? model.repo : concat(model.repo, ":", printable(name.selector));
  const size_t count = files.empty() ? model.files.size() : files.size();
  if (!flags.on("yes") &&
      !agreed(console.say("rm.question", shown, count, size_text(size_bytes)), console)) {
    console.notice(console.say("rm.kept"));
    return 0;
  }
  const uint64_t freed = cache.remove(model.repo, files);
  if (console.json())
    console.line(
        nlohmann::ordered_json{{"name", model.repo}, {"files", count}, {"freed_bytes", freed}}
            .dump());
  else
    console.line(console.say("rm.done", shown, size_text(freed)));
  return 0;
}

}  // namespace deepseek::cli
