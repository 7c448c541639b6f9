// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/file.h"
#include "serve/api/accounts.h"
#include "serve/store/digest.h"

namespace deepseek::serve {
namespace {

constexpr size_t secret_bytes = 32;

[[noreturn]] void refuse_file(const std::filesystem::path& path, const char* what) {
  fail(ErrorKind::bad_file, path.string(), ": ", what, ": ", std::strerror(errno));
}

/// Complete under its name, or not there.
void write_new(const std::filesystem::path& path, const std::string& text) {
  const std::filesystem::path draft = path.string() + "." + store::random_letters(12);
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) refuse_file(draft, "cannot be made");
  const bool written = ::write(file, text.data(), text.size()) == ssize_t(text.size());
  const bool closed = ::close(file) == 0;
  // A link, unlike a rename, leaves the secret of a process that was quicker.
  const bool named =
      written && closed && (::link(draft.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const int why = errno;
  ::unlink(draft.c_str());
  errno = why;
  if (!named) refuse_file(path, "cannot be written");
}

}  // namespace

std::string secret_in(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const std::filesystem::path path = folder / "secret";
  if (!std::filesystem::exists(path))
    write_new(path, store::to_hex(store::random_bytes(secret_bytes)) + "\n");
  std::string text = read_text_file(path, 1 << 10);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const auto secret = store::from_hex(text);
  if (!secret || secret->size() != secret_bytes)
    fail(ErrorKind::bad_file, path.string(), ": expected ", 2 * secret_bytes,
         " hexadecimal digits; delete the file for a new secret");
  return *secret;
}

}  // namespace deepseek::serve
