// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace deepseek::jinja {

struct Token {
  enum class Kind {
    data,         // text between tags, white space already trimmed
    block_begin,  // {%
    block_end,
    print_begin,  // {{
    print_end,
    name,
    string,  // unescaped
    integer,
    floating,
    symbol,
    end,
  };
  Kind kind;
  int line;
  std::string text;
};

/// What a token is called in a message.
std::string describe(const Token& token);

/// The tokens of a template with trim_blocks and lstrip_blocks, as Hugging Face renders chat
/// templates; one newline at the end of the source is dropped. Ends with Kind::end. Throws bad_file
/// naming `name` and the line.
std::vector<Token> tokenize(std::string_view source, const std::string& name);

}  // namespace deepseek::jinja
