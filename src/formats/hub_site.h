// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/json.h"

namespace deepseek {

/// A file as a hub lists it.
struct HubRemoteFile {
  std::string name;
  uint64_t size_bytes = 0;
  std::string hash;  // 64 digits: sha256; 40: git id; empty when the hub names none
};

struct HubListing {
  std::string commit;  // empty when the hub names none
  std::map<std::string, HubRemoteFile> files;
};

/// What differs between the places that models come from.
struct HubSite {
  std::string_view prefix;  // of its models' names: "" or "modelscope:"
  std::string_view default_revision;
  std::string_view default_endpoint;
  const char* endpoint_variables[2];  // the first that is set counts; null: there is none
  const char* token_variable;
  std::string_view token_cookie;  // that carries the token too; empty: none

  /// `repo` without the prefix.
  std::string (*listing_url)(const std::string& endpoint, const std::string& repo,
                             const std::string& revision);
  std::string (*file_url)(const std::string& endpoint, const std::string& repo,
                          const std::string& revision, const std::string& file);
  /// What `page`, the answer of `url`, lists. Throws network for what is no listing or holds a name
  /// that would leave the cache, not_found when there is no such revision, unsupported when the
  /// hub does not list all files.
  HubListing (*read_listing)(const nlohmann::json& page, const std::string& url);
};

/// The hub of a model that is named "org/name" or "modelscope:org/name".
const HubSite& hub_site_of(std::string_view repo);

}  // namespace deepseek
