// SPDX-License-Identifier: Apache-2.0
#include "serve/api/key_check.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "serve/http/request_error.h"

namespace deepseek::serve {

KeyCheck::KeyCheck(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    if (key.empty()) fail(ErrorKind::invalid_input, "--api-key: expected a key, got an empty text");
    hashes_.push_back(hash(key));
  }
}

KeyCheck::Hash KeyCheck::hash(std::string_view text) {
  Hash out{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), out.data(), &size, EVP_sha256(), nullptr);
  return out;
}

std::shared_ptr<const Principal> KeyCheck::check(const HttpRequest& request) const {
  auto principal = std::make_shared<Principal>();
  if (!needed()) {
    principal->id = "";
    return principal;
  }
  std::string_view sent = request.header("x-api-key");
  const std::string_view authorization = request.header("authorization");
  constexpr std::string_view bearer = "bearer ";
  if (authorization.size() > bearer.size() &&
      same_name(authorization.substr(0, bearer.size()), bearer)) {
    sent = authorization.substr(bearer.size());
    while (!sent.empty() && sent.front() == ' ') sent.remove_prefix(1);
  }
  const Hash hashed = hash(sent);
  size_t found = hashes_.size();
  for (size_t i = 0; i < hashes_.size(); ++i)
    if (CRYPTO_memcmp(hashed.data(), hashes_[i].data(), hashed.size()) == 0) found = i;
  if (found == hashes_.size())
    throw RequestError(401,
                       sent.empty() ? "no API key was sent; use Authorization: Bearer KEY"
                                    : "this API key is not valid",
                       {.code = "invalid_api_key"});
  principal->id = concat("key-", found);
  return principal;
}

}  // namespace deepseek::serve
