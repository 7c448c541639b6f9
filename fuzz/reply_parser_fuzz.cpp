// SPDX-License-Identifier: Apache-2.0
// First byte: the family and whether the reply begins in reasoning. The rest: the reply.
#include <array>
#include <cstdlib>
#include <string>

#include "core/utf8.h"
#include "formats/reply/json_extent.h"
#include "formats/reply/reply_parser.h"

namespace {

using namespace deepseek;

constexpr std::array families{
    "", "deepseek-v3", "deepseek-v3.1", "deepseek-v3.2", "deepseek-v4", "qwen", "llama"};

std::vector<ReplyPart> joined(const std::vector<ReplyPart>& parts) {
  std::vector<ReplyPart> out;
  for (const ReplyPart& part : parts)
    if (!out.empty() && out.back().kind == part.kind && out.back().call == part.call &&
        part.kind != ReplyPart::Kind::call_begin)
      out.back().text += part.text;
    else
      out.push_back(part);
  return out;
}

/// The parts of `text` that comes in pieces of whole characters.
std::vector<ReplyPart> parse(const ReplyForm& form, const ReplyParser::Options& options,
                             std::string_view text, size_t piece, bool cut_off) {
  ReplyParser parser(form, options);
  std::vector<ReplyPart> parts;
  const auto add = [&](std::vector<ReplyPart> more) {
    parts.insert(parts.end(), more.begin(), more.end());
  };
  while (!text.empty()) {
    size_t size = std::min(piece, text.size());
    while (size < text.size() && (text[size] & 0xC0) == 0x80) ++size;
    add(parser.feed(text.substr(0, size)));
    text.remove_prefix(size);
  }
  add(parser.finish(cut_off));
  return joined(parts);
}

/// However the text is cut into pieces the parts are the same, and a call that ended has arguments
/// that are one JSON value.
void check(const ReplyForm& form, const ReplyParser::Options& options, std::string_view text,
           bool cut_off) {
  const auto whole = parse(form, options, text, text.size() + 1, cut_off);
  if (parse(form, options, text, 1, cut_off) != whole ||
      parse(form, options, text, 7, cut_off) != whole)
    std::abort();
  std::string arguments;
  for (const ReplyPart& part : whole) {
    if (part.kind == ReplyPart::Kind::call_begin) arguments.clear();
    if (part.kind == ReplyPart::Kind::call_arguments) arguments += part.text;
    if (part.kind != ReplyPart::Kind::call_end) continue;
    JsonExtent extent;
    if (extent.feed(arguments) != arguments.size()) std::abort();
    extent.end();
    if (extent.state() != JsonExtent::State::complete) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  ReplyForm form;
  form.tools = find_tool_form(families[data[0] % families.size()]);
  form.thinks = (data[0] & 0x40) != 0;
  const ReplyParser::Options options{.inside_reasoning = (data[0] & 0x80) != 0,
                                     .read_calls = true,
                                     .calls_first = (data[0] & 0x20) != 0};
  const std::string text =
      replace_invalid_utf8(std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
  check(form, options, text, false);
  check(form, options, text, true);
  return 0;
}
