// SPDX-License-Identifier: Apache-2.0
#include "formats/reply/tool_grammar.h"

#include "core/error.h"

namespace deepseek {
namespace {

using grammar::Builder;
using grammar::Node;
using nlohmann::ordered_json;

/// `text` as the model writes it: what its vocabulary has special tokens for, by those.
Node marked(Builder& b, const Tokenizer& tokenizer, std::string_view text) {
  std::vector<Node> parts;
  std::string plain;
  for (const int32_t id : tokenizer.encode(text)) {
    if (!tokenizer.is_special(id)) {
      plain += tokenizer.token_text(id);
      continue;
    }
    if (!plain.empty()) parts.push_back(b.literal(std::exchange(plain, {})));
    parts.push_back(b.special_token(id));
  }
  if (!plain.empty()) parts.push_back(b.literal(plain));
  return parts.empty() ? b.empty() : b.sequence(parts);
}

/// Whether any token of a text's spelling is a special one.
bool has_special(const Tokenizer& tokenizer, std::string_view text) {
  for (const int32_t id : tokenizer.encode(text))
    if (tokenizer.is_special(id)) return true;
  return false;
}

bool takes_text(const ordered_json& schema) {
  return schema.is_object() && schema.value("type", ordered_json()) == "string";
}

/// One DSML parameter, tags included. `schema` is that of the parameter, within `root`.
Node parameter(Builder& b, const Tokenizer& tokenizer, const std::string& name,
               const ordered_json& root, const ordered_json& schema) {
  const bool text = takes_text(schema);
  const Node open = marked(
      b, tokenizer, concat(parameter_open, name, "\" string=\"", text ? "true" : "false", "\">"));
  const Node close = marked(b, tokenizer, concat(parameter_close, "\n"));
  if (!text) return b.sequence({open, b.json_schema_part(root, schema), close});
  const std::vector<std::string> never{std::string(parameter_close)};
  const bool by_token = has_special(tokenizer, parameter_close);
  if (const std::optional<Node> texts = b.schema_texts(root, schema))
    return b.sequence(
        {open, by_token ? *texts : b.intersection(*texts, b.text_without(never)), close});
  if (by_token) return b.sequence({open, b.any_text(), close});
  return b.sequence({open, b.text_until(parameter_close), b.literal("\n")});
}

Node arguments(Builder& b, const ToolForm& form, const ToolFunction& function,
               const Tokenizer& tokenizer) {
  if (!form.parameters)
    return function.parameters.is_null() ? b.json_object() : b.json_schema(function.parameters);
  const ordered_json properties =
      function.parameters.is_object()
          ? function.parameters.value("properties", ordered_json::object())
          : ordered_json::object();
  const ordered_json required = function.parameters.is_object()
                                    ? function.parameters.value("required", ordered_json::array())
                                    : ordered_json::array();
  std::vector<Node> parts;
  for (const auto& [name, schema] : properties.items()) {
    const Node one = parameter(b, tokenizer, name, function.parameters, schema);
    const bool needed = std::find(required.begin(), required.end(), name) != required.end();
    parts.push_back(needed ? one : b.optional(one));
  }
  return parts.empty() ? b.empty() : b.sequence(parts);
}

}  // namespace

Node tool_replies(Builder& b, const ToolForm& form, const std::vector<ToolFunction>& functions,
                  const ToolRules& rules, const Tokenizer& tokenizer) {
  // What tells that calls begin: a special token if the vocabulary has one there.
  const std::vector<int32_t> trigger = tokenizer.encode(form.trigger());
  size_t first = 0;
  while (first < trigger.size() && !tokenizer.is_special(trigger[first])) ++first;
  const bool by_token = first < trigger.size();
  std::vector<Node> opening;
  if (by_token) {
    std::string rest;
    for (size_t i = first + 1; i < trigger.size(); ++i) rest += tokenizer.token_text(trigger[i]);
    if (!rest.empty()) opening.push_back(marked(b, tokenizer, rest));
  }

  const bool block = !form.block_open.empty();
  std::vector<Node> whole_calls, opened_calls;  // with call_open; without it, after the trigger
  for (const ToolFunction& function : functions) {
    try {
      const Node rest =
          b.shared("call of " + function.name,
                   b.sequence({b.literal(function.name), marked(b, tokenizer, form.name_close),
                               arguments(b, form, function, tokenizer),
                               marked(b, tokenizer, form.call_close)}));
      whole_calls.push_back(b.sequence({marked(b, tokenizer, form.call_open), rest}));
      opened_calls.push_back(rest);
    } catch (const Error& error) {
      fail(error.kind(), "function ", function.name, ": ", error.what());
    }
  }
  if (functions.empty()) fail(ErrorKind::invalid_input, "tools: expected a function to call");
  const Node whole = b.choice(whole_calls), opened = b.choice(opened_calls);
  const bool many = rules.many && form.many;
  const Node more = b.repeat(b.sequence({marked(b, tokenizer, form.between_calls), whole}), 0,
                             many ? grammar::unlimited : 0);
  if (form.at_start) {
    const Node call = b.sequence({marked(b, tokenizer, form.call_open), opened});
    if (rules.required) return call;
    const std::vector<std::string> none{std::string(form.call_open)};
    return b.choice({call, b.text_without(none)});
  }
  if (block) {
    opening.push_back(whole);
    opening.push_back(more);
    opening.push_back(marked(b, tokenizer, form.block_close));
  } else {
    opening.push_back(opened);
    opening.push_back(more);
  }
  const Node body = b.sequence(opening);
  const grammar::Section section = by_token
                                       ? grammar::Section{b.special_token(trigger[first]), "", body}
                                       : b.section(form.trigger(), body);
  if (rules.required) return b.sequence({section.trigger, body});
  return b.free_text({&section, 1}, 0, 1, true, false);
}

}  // namespace deepseek
