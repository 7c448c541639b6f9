// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/store/keys.h"

namespace deepseek::store {

/// Keys without a database, for one person or a small team: every scope and model, no limits.
class StaticKeys {
 public:
  /// Throws invalid_input for an empty secret or one with blanks.
  void add(std::string_view secret);
  /// One secret a line; empty lines and lines that begin with # are skipped. Throws not_found, or
  /// bad_file with the line.
  void add_file(const std::filesystem::path& path);

  bool empty() const { return hashes_.empty(); }
  /// Compares with every key in constant time. The key's id is "static-1" for the first, and so on.
  std::optional<Key> find(std::string_view secret) const;

 private:
  std::vector<std::string> hashes_;
};

/// Whom a secret belongs to, as the server asks it for every request: static keys first, then the
/// store, whose answers are kept until any process changes a key. That is noticed within
/// `poll_ms`, at the price of one small read.
class KeyRing {
 public:
  /// `keys` may be null: static keys alone.
  KeyRing(StaticKeys fixed, Keys* keys, Clock clock = system_clock_ms, int64_t poll_ms = 200);

  enum class Verdict { fine, unknown, disabled, expired, revoked };
  struct Answer {
    Verdict verdict = Verdict::unknown;
    Key key;              // empty when unknown
    bool stored = false;  // of the store, not a static one
  };
  Answer look_up(std::string_view secret);
  /// Whether there are keys, so that requests need one: static ones, or the store had any ever.
  bool guards();

 private:
  void forget_if_changed(int64_t now_ms);

  StaticKeys fixed_;
  Keys* keys_;
  Clock clock_;
  int64_t poll_ms_;
  std::mutex mutex_;
  std::map<std::string, Key, std::less<>> known_;  // by SHA-256 of the secret
  int64_t generation_ = -1, polled_at_ms_ = 0;
};

}  // namespace deepseek::store
