// SPDX-License-Identifier: Apache-2.0

#include "cli/interrupt.h"
#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "formats/hub_pull.h"

namespace deepseek::cli {

int run_pull(const Flags& flags, Console& console) {
  const InterruptScope interrupts;
  const HubCache cache = HubCache::from_environment();
  const std::string name = flags.required_argument("MODEL");
  if (name == "starter")
    fail(ErrorKind::not_found, "starter: the starter model is in no hub; './dev run' fetches it");
  const HubSnapshot snapshot =
      pull_model(cache, HubRemote::from_environment(name), name,
                 flags.text("revision").value_or(""), console.progress(), console.notices());
  if (console.json()) {
    nlohmann::ordered_json page = {{"name", snapshot.repo},
                                   {"commit", snapshot.commit},
                                   {"path", snapshot.folder.string()},
                                   {"size_bytes", snapshot.size_bytes()},
                                   {"files", snapshot.names()}};
    console.line(page.dump());
  } else {
    console.line(snapshot.folder.string());
  }
  return 0;
}

}  // namespace deepseek::cli
