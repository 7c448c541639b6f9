// SPDX-License-Identifier: Apache-2.0
#include "serve/store/keys.h"

#include <gtest/gtest.h>

#include <set>

#include "core/file.h"
#include "serve/store/digest.h"
#include "serve/store/key_ring.h"
#include "tests/serve/store/backends.h"

namespace deepseek::store {
namespace {

using namespace deepseek::testing;
using Verdict = KeyRing::Verdict;

using KeysOn = OnBothBackends;
RUN_ON_BOTH_BACKENDS(KeysOn);

TEST_P(KeysOn, ASecretIsShownOnceAndFoundByItself) {
  Keys keys(*database, clock);
  const NewKey made = keys.create({.name = "alice"});
  EXPECT_EQ(made.secret.size(), 46);
  EXPECT_TRUE(made.secret.starts_with("sk-"));
  EXPECT_EQ(made.key.shown, made.secret.substr(0, 7) + "…" + made.secret.substr(42));
  EXPECT_EQ(keys.find_secret(made.secret)->id, made.key.id);
  std::string wrong = made.secret;
  wrong.back() = wrong.back() == 'a' ? 'b' : 'a';
  EXPECT_FALSE(keys.find_secret(wrong));
  EXPECT_FALSE(keys.find_secret(""));
  EXPECT_EQ(made.key.scopes.size(), key_scopes().size() - 1);
  EXPECT_FALSE(made.key.has_scope("admin"));
  EXPECT_TRUE(made.key.allows_model("anything"));
}

TEST_P(KeysOn, SecretsDiffer) {
  Keys keys(*database, clock);
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) seen.insert(keys.create({.name = "same"}).secret);
  EXPECT_EQ(seen.size(), 50);
}

TEST_P(KeysOn, EverythingComesBackAsItWasGiven) {
  Keys keys(*database, clock);
  KeySpec spec;
  spec.name = "bob's key \u4e2d\u6587";
  spec.scopes = {"chat", "admin"};
  spec.models = {"deepseek-chat", "starter"};
  spec.expires_at_ms = *clock.now_ms + 1000;
  spec.limits = {.requests_per_minute = 60, .tokens_per_minute = 100'000, .concurrency = 4};
  spec.currency = "CNY";
  spec.prepaid = true;
  spec.granted_micro = 5'000'000;
  spec.topped_up_micro = 7;
  const Key made = keys.create(spec).key;
  const Key key = keys.find(made.id);
  EXPECT_EQ(key.name, spec.name);
  EXPECT_EQ(key.scopes, spec.scopes);
  EXPECT_EQ(key.models, spec.models);
  EXPECT_FALSE(key.allows_model("other"));
  EXPECT_EQ(key.expires_at_ms, spec.expires_at_ms);
  EXPECT_EQ(key.limits.tokens_per_minute, 100'000);
  EXPECT_EQ(key.limits.concurrency, 4);
  const Balance balance = Balances(*database).get(key.id);
  EXPECT_EQ(balance.currency, "CNY");
  EXPECT_EQ(balance.granted_micro, 5'000'000);
  EXPECT_EQ(balance.topped_up_micro, 7);
  EXPECT_TRUE(balance.prepaid);
  EXPECT_EQ(Ledger(*database).verify().rows, 2);
  EXPECT_EQ(key.state(*clock.now_ms), "active");
  clock.advance(1000);
  EXPECT_EQ(key.state(*clock.now_ms), "expired");
}

TEST_P(KeysOn, WrongValuesAreRefused) {
  Keys keys(*database, clock);
  const auto message = [&](const KeySpec& spec) {
    return refused(ErrorKind::invalid_input, [&] { keys.create(spec); });
  };
  EXPECT_NE(message({.name = "a", .scopes = {"chta"}}).find("did you mean chat?"),
            std::string::npos);
  message({.name = ""});
  message({.name = "two\nlines"});
  message({.name = "bad \xff"});
  message({.name = std::string(101, 'x')});
  message({.name = "a", .limits = {.requests_per_minute = 0}});
  message({.name = "a", .limits = {.tokens_per_minute = -5}});
  message({.name = "a", .currency = "dollars"});
  message({.name = "a", .granted_micro = largest_micro});
  EXPECT_TRUE(keys.list().empty());
}

TEST_P(KeysOn, AreFoundByNameWhenItIsTheirsAlone) {
  Keys keys(*database, clock);
  const Key alice = keys.create({.name = "alice"}).key;
  EXPECT_EQ(keys.find("alice").id, alice.id);
  EXPECT_NE(refused(ErrorKind::not_found, [&] { keys.find("alcie"); }).find("did you mean alice?"),
            std::string::npos);
  const Key second = keys.create({.name = "alice"}).key;
  EXPECT_NE(refused(ErrorKind::invalid_input, [&] { keys.find("alice"); }).find("2 keys"),
            std::string::npos);
  keys.revoke(alice.id);
  EXPECT_EQ(keys.find("alice").id, second.id);
  EXPECT_EQ(refused(ErrorKind::invalid_input, [&] { keys.change(alice.id, {.disabled = false}); }),
            "key 'alice' was revoked; its id is " + alice.id + "; create a new one");
  keys.change(second.id, {.name = "bob"});
  EXPECT_EQ(keys.find("alice").id, alice.id) << "no other key has the name";
  refused(ErrorKind::not_found, [&] { keys.revoke("key_nobody"); });
}

TEST_P(KeysOn, AChangeByAnotherProcessIsNoticedWithoutRestart) {
  Keys keys(*database, clock);
  KeyRing ring({}, &keys, clock, 200);
  const NewKey made = keys.create({.name = "alice"});
  EXPECT_EQ(ring.look_up(made.secret).verdict, Verdict::fine);
  EXPECT_EQ(ring.look_up("sk-other").verdict, Verdict::unknown);

  Database other_process(location);
  Keys others(other_process, clock);
  const auto now_says = [&] {
    clock.advance(200);
    return ring.look_up(made.secret).verdict;
  };
  others.change(made.key.id, {.disabled = true});
  EXPECT_EQ(ring.look_up(made.secret).verdict, Verdict::fine);  // within the polling interval
  EXPECT_EQ(now_says(), Verdict::disabled);
  others.change(made.key.id, {.disabled = false});
  EXPECT_EQ(now_says(), Verdict::fine);
  others.change(made.key.id, {.requests_per_minute = 5});
  clock.advance(200);
  EXPECT_EQ(ring.look_up(made.secret).key.limits.requests_per_minute, 5);
  others.change(made.key.id, {.expires_at_ms = *clock.now_ms + 500});
  EXPECT_EQ(now_says(), Verdict::fine);
  clock.advance(300);
  EXPECT_EQ(ring.look_up(made.secret).verdict, Verdict::expired);
  others.revoke(made.key.id);
  EXPECT_EQ(now_says(), Verdict::revoked);
  const NewKey late = others.create({.name = "late"});
  EXPECT_EQ(ring.look_up(late.secret).verdict, Verdict::fine);
}

TEST(KeysInAFile, NeitherSecretNorItsPlainHashIsInTheStore) {
  const TemporaryFolder folder;
  std::string secret;
  {
    Database database({.data_path = folder.path()});
    secret = Keys(database).create({.name = "alice"}).secret;
  }
  std::string bytes;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    bytes += read_text_file(entry.path());
  EXPECT_EQ(bytes.find(secret), std::string::npos);
  EXPECT_EQ(bytes.find(sha256(secret)), std::string::npos);
  EXPECT_NE(bytes.find("alice"), std::string::npos);
  namespace fs = std::filesystem;
  EXPECT_EQ(fs::status(folder.path() / "store.sqlite3").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST(StaticKeys, NeedNoDatabase) {
  const TemporaryFolder folder;
  StaticKeys fixed;
  fixed.add("sk-one");
  fixed.add_file(folder.write("keys", "# team\nsk-two\r\n\nsk-three\n"));
  KeyRing ring(fixed, nullptr);
  const KeyRing::Answer answer = ring.look_up("sk-two");
  EXPECT_EQ(answer.verdict, Verdict::fine);
  EXPECT_EQ(answer.key.id, "static-2");
  EXPECT_TRUE(answer.key.has_scope("admin"));
  EXPECT_EQ(ring.look_up("sk-three").key.id, "static-3");
  EXPECT_EQ(ring.look_up("sk-").verdict, Verdict::unknown);
  EXPECT_EQ(ring.look_up("# team").verdict, Verdict::unknown);
  EXPECT_EQ(ring.look_up("").verdict, Verdict::unknown);
}

TEST(StaticKeys, AWrongFileIsRefusedWithItsLine) {
  const TemporaryFolder folder;
  StaticKeys fixed;
  EXPECT_NE(
      refused(ErrorKind::bad_file, [&] { fixed.add_file(folder.write("a", "sk-one\nsk two\n")); })
          .find("a:2: API key"),
      std::string::npos);
  StaticKeys none;
  refused(ErrorKind::bad_file, [&] { none.add_file(folder.write("b", "# nothing\n")); });
  refused(ErrorKind::not_found, [&] { none.add_file(folder.path() / "c"); });
}

TEST(Digest, KnownAnswers) {
  EXPECT_EQ(to_hex(sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(from_hex("00fF"), std::string("\x00\xff", 2));
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_FALSE(equal_in_constant_time("a", "ab"));
}

}  // namespace
}  // namespace deepseek::store
