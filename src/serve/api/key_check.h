// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "serve/http/message.h"

namespace deepseek::serve {

/// Keys given when the server starts. Only their hashes are kept; comparing takes the same time
/// whatever is sent and whichever key it is.
class KeyCheck {
 public:
  explicit KeyCheck(const std::vector<std::string>& keys);

  bool needed() const { return !hashes_.empty(); }
  /// Who sends this request: `Authorization: Bearer KEY` or `x-api-key: KEY`. Throws RequestError
  /// 401 when keys are needed and none of them is sent.
  std::shared_ptr<const Principal> check(const HttpRequest& request) const;

 private:
  using Hash = std::array<unsigned char, 32>;
  static Hash hash(std::string_view text);
  std::vector<Hash> hashes_;
};

}  // namespace deepseek::serve
