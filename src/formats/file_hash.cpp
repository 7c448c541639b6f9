// SPDX-License-Identifier: Apache-2.0
#include "formats/file_hash.h"

#include <openssl/evp.h>

#include <fstream>
#include <memory>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/text.h"

namespace deepseek {
namespace {

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

/// A digest as it is being made.
class Digest {
 public:
  explicit Digest(const EVP_MD* kind) : context_(EVP_MD_CTX_new()) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), kind, nullptr) != 1) throw std::bad_alloc();
  }

  void add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }

  std::string text() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_.get(), digest, &size);
    std::string text;
    for (unsigned int i = 0; i < size; ++i) {
      text += "0123456789abcdef"[digest[i] >> 4];
      text += "0123456789abcdef"[digest[i] & 15];
    }
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, ContextDeleter> context_;
};

std::string hash_file(const std::filesystem::path& path, const EVP_MD* kind,
                      std::string_view prefix, const HashProgress& progress) {
  Digest digest(kind);
  digest.add(prefix);
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(ErrorKind::bad_file, path.string(), ": cannot open");
  std::vector<char> chunk(size_t{1} << 20);
  uint64_t done = 0;
  while (file) {
    file.read(chunk.data(), std::streamsize(chunk.size()));
    const size_t got = size_t(file.gcount());
    digest.add({chunk.data(), got});
    done += got;
    if (progress) progress(done);
  }
  if (file.bad()) fail(ErrorKind::bad_file, path.string(), ": cannot read");
  return digest.text();
}

}  // namespace

std::string text_sha256(std::string_view text) {
  Digest digest(EVP_sha256());
  digest.add(text);
  return digest.text();
}

std::string file_sha256(const std::filesystem::path& path, const HashProgress& progress) {
  return hash_file(path, EVP_sha256(), "", progress);
}

std::string file_git_id(const std::filesystem::path& path, const HashProgress& progress) {
  std::string prefix = concat("blob ", std::filesystem::file_size(path));
  prefix += '\0';
  return hash_file(path, EVP_sha1(), prefix, progress);
}

}  // namespace deepseek
