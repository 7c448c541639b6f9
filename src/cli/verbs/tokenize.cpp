// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "cli/input.h"
#include "cli/text_files.h"
#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "formats/json.h"

namespace deepseek::cli {
namespace {

std::vector<int32_t> ids_of(const nlohmann::json& value) {
  if (!value.is_array())
    fail(ErrorKind::invalid_input, "expected an array of token ids, got a JSON ",
         value.type_name());
  std::vector<int32_t> ids;
  for (const nlohmann::json& entry : value) {
    const bool fits = entry.is_number_integer() && (!entry.is_number_unsigned() ||
                                                    entry.get<uint64_t>() <= uint64_t{0x7FFFFFFF});
    if (!fits || entry.get<int64_t>() < std::numeric_limits<int32_t>::min())
      fail(ErrorKind::invalid_input, "expected a token id, got a JSON ", entry.type_name(),
           entry.is_number() ? " that is none" : "");
    ids.push_back(entry.get<int32_t>());
  }
  return ids;
}

/// A JSON array, or numbers between blanks and commas.
std::vector<int32_t> ids_of_text(std::string text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos || text[first] != '[') {
    for (char& c : text)
      if (c == ',' || c == '\n' || c == '\t' || c == '\r') c = ' ';
    nlohmann::json list = nlohmann::json::array();
    for (const std::string& word : split_words(text))
      list.push_back(parse_integer(word, "token ids"));
    return ids_of(list);
  }
  return ids_of(parse_json(text, ErrorKind::invalid_input, "token ids"));
}

void print_ids(const Tokenizer& tokenizer, const std::vector<int32_t>& ids, Console& console) {
  if (console.json()) {
    nlohmann::ordered_json page = {{"ids", ids}, {"pieces", nlohmann::json::array()}};
    for (const int32_t id : ids) page["pieces"].push_back(tokenizer.token_piece(id));
    console.line(page.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  for (const int32_t id : ids) console.line(concat(id, "\t", printable(tokenizer.token_piece(id))));
}

}  // namespace

int run_tokenize(const Flags& flags, Console& console) {
  EncodeOptions encode{.parse_special = flags.on("parse-special"),
                       .add_special = flags.on("add-special")};
  const DecodeOptions decode{flags.on("skip-special")};
  const bool decoding = flags.on("decode");
  if (flags.on("skip-special") && !decoding)
    fail(ErrorKind::invalid_input, "--skip-special: goes with --decode");
  for (const char* name : {"add-special", "parse-special"})
    if (decoding && flags.given(name))
      fail(ErrorKind::invalid_input, flags.find(name)->place,
           ": does nothing with --decode; leave one of them out");
  const bool by_line = flags.on("jsonl");
  if (by_line && (flags.given("text") || flags.given("file")))
    fail(ErrorKind::invalid_input, "--jsonl: reads standard input; leave out --text and --file");
  const Tokenizer tokenizer = open_tokenizer(flags.required_argument("MODEL"));
  if (by_line) {
    answer_lines(console, [&](const std::string& line) -> nlohmann::json {
      const nlohmann::json value = parse_json(line, ErrorKind::invalid_input, "");
      if (decoding) return tokenizer.decode(ids_of(value), decode);
      if (!value.is_string())
        fail(ErrorKind::invalid_input, "expected a JSON string, got a JSON ", value.type_name());
      return tokenizer.encode(value.get_ref<const std::string&>(), encode);
    });
    return 0;
  }
  const std::string input = text_input(flags);
  if (!decoding) {
    encode.progress = console.progress();
    print_ids(tokenizer, tokenizer.encode(input, encode), console);
    return 0;
  }
  const std::string text = tokenizer.decode(ids_of_text(input), decode);
  console.line(console.json() ? nlohmann::json{{"text", text}}.dump() : text);
  return 0;
}

}  // namespace deepseek::cli
