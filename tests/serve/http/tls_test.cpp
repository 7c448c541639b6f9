// SPDX-License-Identifier: Apache-2.0
#include <curl/curl.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/error.h"
#include "tests/serve/http/certificate.h"
#include "tests/serve/http/test_server.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::serve {
namespace {

using namespace deepseek::testing;

size_t keep(char* data, size_t, size_t size, void* to) {
  static_cast<std::string*>(to)->append(data, size);
  return size;
}

struct Answer {
  CURLcode code;
  std::string body;
};

/// What curl gets from https://NAME:PORT with `certificate` as the only one it trusts.
Answer ask(const std::string& name, int port, const std::string& path,
           const std::filesystem::path& certificate) {
  const std::unique_ptr<CURL, void (*)(CURL*)> easy(curl_easy_init(), curl_easy_cleanup);
  Answer answer{};
  const std::string at = ":" + std::to_string(port);
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> resolve(
      curl_slist_append(nullptr, (name + at + ":127.0.0.1").c_str()), curl_slist_free_all);
  curl_easy_setopt(easy.get(), CURLOPT_URL, ("https://" + name + at + path).c_str());
  curl_easy_setopt(easy.get(), CURLOPT_RESOLVE, resolve.get());
  curl_easy_setopt(easy.get(), CURLOPT_CAINFO, certificate.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, keep);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(easy.get(), CURLOPT_TIMEOUT, long(patience.count()));
  answer.code = curl_easy_perform(easy.get());
  return answer;
}

struct TlsFiles {
  TemporaryFolder folder;
  std::filesystem::path certificate = folder.path() / "cert.pem", key = folder.path() / "key.pem";
  explicit TlsFiles(const std::string& name) { write_certificate(certificate, key, name); }
};

ServerConfig tls_config(const TlsFiles& files) {
  ServerConfig config = local_config();
  config.tls_certificate = files.certificate;
  config.tls_key = files.key;
  return config;
}

TEST(Tls, AnswersCurl) {
  const TlsFiles files("localhost");
  Mailbox<bool> secure;
  TestServer server(
      [&](Router& router) {
        router.add({"GET", "/stream", Access::open(), [&](Exchange exchange) {
                      secure.put(exchange.request().secure);
                      EventStream stream = exchange.stream();
                      for (int i = 0; i < 100; ++i) stream.send(std::string(1000, 'x'));
                      stream.done();
                    }});
      },
      tls_config(files));
  const Answer answer = ask("localhost", server.address().port, "/stream", files.certificate);
  EXPECT_EQ(answer.code, CURLE_OK) << curl_easy_strerror(answer.code);
  EXPECT_EQ(answer.body.size(), 100U * 1008 + 14);
  EXPECT_TRUE(secure.take());
}

TEST(Tls, RefusesPlainHttpAndSilence) {
  const TlsFiles files("localhost");
  ServerConfig config = tls_config(files);
  config.header_timeout_ms = 100;
  TestServer server(add_plain_routes, config);
  RawClient plain(server.address()), silent(server.address());
  plain.get("/hello");
  EXPECT_TRUE(plain.closed_by_peer());
  EXPECT_TRUE(silent.closed_by_peer());
  // The handshake, too, must be in time.
  EXPECT_TRUE(eventually([&] {
    return ask("localhost", server.address().port, "/hello", files.certificate).body == "hello";
  }));
}

TEST(Tls, ReadsItsFilesAgain) {
  const TlsFiles files("localhost");
  Mailbox<std::string> notices;
  ServerHooks hooks;
  hooks.notice = [&](const std::string& line) { notices.put(line); };
  TestServer server(add_plain_routes, tls_config(files), hooks);
  const int port = server.address().port;
  const TlsFiles other("chat.localhost");
  std::filesystem::copy_file(other.certificate, files.certificate,
                             std::filesystem::copy_options::overwrite_existing);
  server.server().reload_tls();
  EXPECT_NE(notices.take()->find("the old certificate stays"), std::string::npos)
      << "the key does not match yet";
  std::filesystem::copy_file(other.key, files.key,
                             std::filesystem::copy_options::overwrite_existing);
  server.server().reload_tls();
  // The server may have looked by itself meanwhile, and found them not to match either.
  std::optional<std::string> notice = notices.take();
  while (notice && notice->find("the old certificate stays") != std::string::npos)
    notice = notices.take();
  EXPECT_EQ(notice, "certificate and key read again");
  EXPECT_EQ(ask("chat.localhost", port, "/hello", other.certificate).body, "hello");
}

TEST(Tls, NamesTheFileThatIsWrong) {
  const TlsFiles files("localhost");
  ServerConfig config = tls_config(files);
  std::ofstream(files.key) << "no key";
  try {
    TestServer server(add_plain_routes, config);
    FAIL() << "the key is none";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_file);
    EXPECT_NE(std::string(error.what()).find("key.pem"), std::string::npos);
  }
  config.tls_key.clear();
  EXPECT_THROW(TestServer(add_plain_routes, config), Error);
}

}  // namespace
}  // namespace deepseek::serve
