// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "core/json.h"

/// Words that the schemas of replies are written in.
namespace deepseek::serve::reply_terms {

nlohmann::json text();
nlohmann::json whole();  // an integer
nlohmann::json number();
nlohmann::json truth();
/// An object of whatever names.
nlohmann::json object();
nlohmann::json list(nlohmann::json items);
nlohmann::json word(const std::vector<std::string>& words);
nlohmann::json only(nlohmann::json value);
nlohmann::json or_null(nlohmann::json schema);
nlohmann::json any_of(const std::vector<nlohmann::json>& schemas);
/// Another schema of the set.
nlohmann::json ref(const std::string& name);
/// An object with these fields, each of them always there but for the optional ones.
nlohmann::json record(nlohmann::json fields,
                      const nlohmann::json& optional = nlohmann::json::object());
/// A page of a longer list: {"object","data","first_id","last_id","has_more"}.
nlohmann::json list_page(nlohmann::json items);

}  // namespace deepseek::serve::reply_terms
