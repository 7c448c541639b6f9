// SPDX-License-Identifier: Apache-2.0
// Uploads: the first line is the content type, the rest the body.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/utf8.h"
#include "serve/files/form.h"
#include "serve/http/request_error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace deepseek::serve;
  const std::string input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\n'), input.size());
  const std::string_view body = std::string_view(input).substr(std::min(end + 1, input.size()));
  try {
    for (const FormPart& part : parse_form(input.substr(0, end), body)) {
      const bool inside = part.content.data() >= body.data() &&
                          part.content.data() + part.content.size() <= body.data() + body.size();
      if (!inside || !deepseek::is_valid_utf8(part.name)) std::abort();
      if (part.filename && !deepseek::is_valid_utf8(*part.filename)) std::abort();
    }
  } catch (const RequestError& error) {
    if (error.status() != 400 && error.status() != 415) std::abort();
  }
  return 0;
}
