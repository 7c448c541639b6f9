// SPDX-License-Identifier: Apache-2.0
#include "serve/api/key_check.h"

#include "serve/http/request_error.h"
#include "serve/store/digest.h"

namespace deepseek::serve {
namespace {

using Verdict = store::KeyRing::Verdict;

store::StaticKeys static_keys(const std::vector<std::string>& keys) {
  store::StaticKeys fixed;
  for (const std::string& key : keys) fixed.add(key);
  return fixed;
}

std::string_view sent_key(const HttpRequest& request) {
  const std::string_view authorization = request.header("authorization");
  constexpr std::string_view bearer = "bearer ";
  if (authorization.size() <= bearer.size() ||
      !same_name(authorization.substr(0, bearer.size()), bearer))
    return request.header("x-api-key");
  std::string_view sent = authorization.substr(bearer.size());
  while (!sent.empty() && sent.front() == ' ') sent.remove_prefix(1);
  return sent;
}

std::string_view why_refused(Verdict verdict, bool sent) {
  if (!sent) return "no API key was sent; use Authorization: Bearer KEY";
  switch (verdict) {
    case Verdict::disabled:
      return "this API key is disabled for now";
    case Verdict::expired:
      return "this API key has expired";
    case Verdict::revoked:
      return "this API key was revoked";
    default:
      return "this API key is not valid";
  }
}

}  // namespace

const KeyHolder& holder_of(const HttpRequest& request) {
  const auto* holder = dynamic_cast<const KeyHolder*>(request.principal.get());
  if (!holder) fail(ErrorKind::internal, "a request of an open route has no key holder");
  return *holder;
}

void check_scope(const KeyHolder& holder, const std::string& scope) {
  if (scope.empty() || holder.owner.empty() || holder.key.has_scope(scope)) return;
  throw RequestError(403, concat("this API key may not use this: it lacks the scope '", scope, "'"),
                     {.code = "scope_missing"});
}

KeyCheck::KeyCheck(const std::vector<std::string>& keys, store::Keys* stored, std::string secret)
    : ring_(static_keys(keys), stored), stored_(stored), secret_(std::move(secret)) {
  for (size_t i = 0; i < keys.size(); ++i)
    static_owners_.emplace(owner_of_static(keys[i]), concat("static-", i + 1));
}

std::string KeyCheck::owner_of_static(std::string_view key) const {
  return "static_" + store::to_hex(store::hmac_sha256(secret_, key)).substr(0, 32);
}

std::shared_ptr<const KeyHolder> KeyCheck::check(const HttpRequest& request, const Access& access) {
  auto holder = std::make_shared<KeyHolder>();
  const std::string_view sent = sent_key(request);
  store::KeyRing::Answer answer;
  if (!sent.empty()) answer = ring_.look_up(sent);
  // A key that is known counts also where none is needed, such as the first, just made.
  if (answer.verdict == Verdict::unknown && !ring_.guards()) return holder;
  if (answer.verdict != Verdict::fine)
    throw RequestError(401, std::string(why_refused(answer.verdict, !sent.empty())),
                       {.code = "invalid_api_key"});
  holder->id = answer.key.id;
  holder->stored = answer.stored;
  holder->owner = answer.stored ? answer.key.id : owner_of_static(sent);
  holder->key = std::move(answer.key);
  check_scope(*holder, access.scope());
  return holder;
}

std::shared_ptr<const KeyHolder> KeyCheck::holder(const std::string& owner, const Access& access) {
  auto holder = std::make_shared<KeyHolder>();
  holder->owner = owner;
  if (owner.empty()) {
    if (ring_.guards())
      throw RequestError(401, "requests need an API key by now", {.code = "invalid_api_key"});
    return holder;
  }
  if (const auto fixed = static_owners_.find(owner); fixed != static_owners_.end()) {
    holder->id = holder->key.id = fixed->second;
    return holder;
  }
  if (stored_ && owner.starts_with("key_")) {
    holder->key = stored_->find(owner);
    const std::string_view state = holder->key.state(store::system_clock_ms());
    if (state != "active")
      throw RequestError(401, concat("the API key is ", state), {.code = "invalid_api_key"});
    check_scope(*holder, access.scope());
    holder->id = holder->key.id;
    holder->stored = true;
    return holder;
  }
  throw RequestError(401, "the API key is not known any more", {.code = "invalid_api_key"});
}

}  // namespace deepseek::serve
