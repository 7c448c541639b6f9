// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "core/utf8.h"
#include "formats/tokenizer.h"
#include "fuzz/refusal.h"

namespace {

using namespace deepseek;

constexpr std::initializer_list<ErrorKind> refusals{ErrorKind::bad_file, ErrorKind::unsupported,
                                                    ErrorKind::invalid_input};

void use(const Tokenizer& tokenizer) {
  for (const char* text : {"", "a", "  The cat's 123 <s></s> 猫が\r\n\t caf\u00e9 e\u0301 \xFF"}) {
    fuzz::accepts(refusals, [&] {
      const std::vector<int32_t> ids = tokenizer.encode(text, {.add_special = true});
      fuzz::require(is_valid_utf8(tokenizer.decode(ids)));
      tokenizer.encode(text, {.parse_special = false});
    });
  }
  for (int32_t id = 0; id < tokenizer.vocab_size() && id < 1000; ++id) tokenizer.token_piece(id);
}

}  // namespace

/// A tokenizer.json, and after a byte 0 a tokenizer_config.json.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\0'), size);
  fuzz::accepts(refusals, [&] {
    use(Tokenizer::from_tokenizer_json(input.substr(0, end), "input",
                                       end < size ? input.substr(end + 1) : ""));
  });
  return 0;
}
