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

std::string hash_file(const std::filesystem::path& path, const EVP_MD* kind,
                      std::string_view prefix, const HashProgress& progress) {
  const std::unique_ptr<EVP_MD_CTX, ContextDeleter> context(EVP_MD_CTX_new());
  if (!context || EVP_DigestInit_ex(context.get(), kind, nullptr) != 1) throw std::bad_alloc();
  EVP_DigestUpdate(context.get(), prefix.data(), prefix.size());
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(ErrorKind::bad_file, path.string(), ": cannot open");
  std::vector<char> chunk(size_t{1} << 20);
  uint64_t done = 0;
  while (file) {
    file.read(chunk.data(), std::streamsize(chunk.size()));
    const size_t got = size_t(file.gcount());
    EVP_DigestUpdate(context.get(), chunk.data(), got);
    done += got;
    if (progress) progress(done);
  }
  if (file.bad()) fail(ErrorKind::bad_file, path.string(), ": cannot read");
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(context.get(), digest, &size);
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += "0123456789abcdef"[digest[i] >> 4];
    text += "0123456789abcdef"[digest[i] & 15];
  }
  return text;
}

}  // namespace

std::string file_sha256(const std::filesystem::path& path, const HashProgress& progress) {
  return hash_file(path, EVP_sha256(), "", progress);
}

std::string file_git_id(const std::filesystem::path& path, const HashProgress& progress) {
  std::string prefix = concat("blob ", std::filesystem::file_size(path));
  prefix += '\0';
  return hash_file(path, EVP_sha1(), prefix, progress);
}

}  // namespace deepseek
