// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tests/serve/api/accounted_server.h"

namespace deepseek::testing {

/// The server of a tiny model that thinks when it is asked to, and what tests of dialects ask it.
class DialectServer : public AccountedServer {
 protected:
  DialectServer();

  /// The JSON of a reply that must be 200.
  nlohmann::json answer(const std::string& path, const nlohmann::json& body,
                        const std::string& more = "");
  /// The `data:` of each event of a stream, in order. Checks that `event:` repeats their type.
  std::vector<nlohmann::json> events(const std::string& path, nlohmann::json body);
  /// Each line of an ndjson stream.
  std::vector<nlohmann::json> lines(const std::string& path, const nlohmann::json& body);
  /// Checks the status, and that the body holds each of these.
  void expect_refused(const std::string& path, const nlohmann::json& body, int status,
                      const std::vector<std::string>& texts);

  /// The JSON schema {"depth": integer}.
  static nlohmann::json depth_schema();
};

}  // namespace deepseek::testing
