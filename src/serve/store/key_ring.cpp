// SPDX-License-Identifier: Apache-2.0
#include "serve/store/key_ring.h"

#include <algorithm>

#include "core/error.h"
#include "core/file.h"
#include "serve/store/digest.h"

namespace deepseek::store {
namespace {

constexpr size_t largest_key_file_bytes = size_t{1} << 20;
constexpr size_t most_known_keys = 10'000;

}  // namespace

void StaticKeys::add(std::string_view secret) {
  const bool blank = std::any_of(secret.begin(), secret.end(),
                                 [](unsigned char c) { return c <= ' ' || c == 0x7f; });
  if (secret.empty() || blank)
    fail(ErrorKind::invalid_input, "API key: expected characters without blanks, got ",
         secret.empty() ? "an empty text" : "a text with blanks");
  hashes_.push_back(sha256(secret));
}

void StaticKeys::add_file(const std::filesystem::path& path) {
  const std::string text = read_text_file(path, largest_key_file_bytes);
  std::string_view rest = text;
  for (int line = 1; !rest.empty(); ++line) {
    const size_t end = rest.find('\n');
    std::string_view secret = rest.substr(0, end);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    while (!secret.empty() && (secret.back() == '\r' || secret.back() == ' '))
      secret.remove_suffix(1);
    if (secret.empty() || secret.front() == '#') continue;
    try {
      add(secret);
    } catch (const Error& error) {
      fail(ErrorKind::bad_file, path.string(), ":", line, ": ", error.what());
    }
  }
  if (hashes_.empty())
    fail(ErrorKind::bad_file, path.string(), ": no key in this file; expected one a line");
}

std::optional<Key> StaticKeys::find(std::string_view secret) const {
  const std::string hash = sha256(secret);
  size_t found = 0;
  for (size_t i = 0; i < hashes_.size(); ++i)
    if (equal_in_constant_time(hashes_[i], hash)) found = i + 1;
  if (found == 0) return std::nullopt;
  Key key;
  key.id = concat("static-", found);
  key.name = key.shown = key.id;
  key.scopes.assign(key_scopes().begin(), key_scopes().end());
  return key;
}

KeyRing::KeyRing(StaticKeys fixed, Keys* keys, Clock clock, int64_t poll_ms)
    : fixed_(std::move(fixed)), keys_(keys), clock_(std::move(clock)), poll_ms_(poll_ms) {}

void KeyRing::forget_if_changed(int64_t now_ms) {
  if (generation_ >= 0 && now_ms >= polled_at_ms_ && now_ms < polled_at_ms_ + poll_ms_) return;
  const int64_t generation = keys_->generation();
  if (generation != generation_ || known_.size() > most_known_keys) known_.clear();
  generation_ = generation;
  polled_at_ms_ = now_ms;
}

KeyRing::Answer KeyRing::look_up(std::string_view secret) {
  if (auto key = fixed_.find(secret)) return {Verdict::fine, std::move(*key), false};
  if (keys_ == nullptr) return {};
  const int64_t now_ms = clock_();
  const std::string hash = sha256(secret);
  const std::lock_guard lock(mutex_);
  forget_if_changed(now_ms);
  auto known = known_.find(hash);
  if (known == known_.end()) {
    const auto found = keys_->find_secret(secret);
    if (!found) return {};
    known = known_.emplace(hash, *found).first;
  }
  const Key& key = known->second;
  const std::string_view state = key.state(now_ms);
  if (state == "revoked") return {Verdict::revoked, key, true};
  if (state == "disabled") return {Verdict::disabled, key, true};
  if (state == "expired") return {Verdict::expired, key, true};
  return {Verdict::fine, key, true};
}

bool KeyRing::guards() {
  if (!fixed_.empty()) return true;
  if (keys_ == nullptr) return false;
  const int64_t now_ms = clock_();
  const std::lock_guard lock(mutex_);
  forget_if_changed(now_ms);
  return generation_ > 0;
}

}  // namespace deepseek::store
