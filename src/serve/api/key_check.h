// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "serve/http/router.h"
#include "serve/store/key_ring.h"

namespace deepseek::serve {

/// Whom a request belongs to.
struct KeyHolder : Principal {
  store::Key key;       // of nobody and of static keys: no limits, every scope and model
  bool stored = false;  // a key of the store: its limits and its balance count
  /// The same after every restart and told to nobody: what is kept or cached for this holder alone
  /// goes under it. Empty for those without a key.
  std::string owner;
};

/// The holder of an authorised request.
const KeyHolder& holder_of(const HttpRequest& request);

/// Throws RequestError 403 unless the holder may use what has this scope, empty for none. Who has
/// no key was asked for none.
void check_scope(const KeyHolder& holder, const std::string& scope);

/// Lets requests in by their API key: keys given at the start, and the store's, of which every
/// change holds at once.
class KeyCheck {
 public:
  /// `stored` may be null. `secret`: the server's own, which no client knows.
  KeyCheck(const std::vector<std::string>& keys, store::Keys* stored, std::string secret);

  /// Whether requests need a key.
  bool guards() { return ring_.guards(); }
  /// Who sends `Authorization: Bearer KEY` or `x-api-key: KEY`. Throws RequestError 401 when a key
  /// is needed and none that holds is sent, 403 when it lacks the scope.
  std::shared_ptr<const KeyHolder> check(const HttpRequest& request, const Access& access);
  /// Who `owner` is now: for work that goes on after the request that began it. Throws RequestError
  /// 401 when its key holds no more, 403 when it lacks the scope.
  std::shared_ptr<const KeyHolder> holder(const std::string& owner, const Access& access);

 private:
  std::string owner_of_static(std::string_view key) const;

  store::KeyRing ring_;
  store::Keys* stored_;
  std::string secret_;
  std::map<std::string, std::string> static_owners_;  // to their keys' ids
};

}  // namespace deepseek::serve
