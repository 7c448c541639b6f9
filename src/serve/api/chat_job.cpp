// SPDX-License-Identifier: Apache-2.0
#include "serve/api/chat_job.h"

#include <algorithm>

#include "serve/api/grammar_constraint.h"
#include "serve/api/request_fields.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;

constexpr size_t longest_function_name = 64;

bool is_function_name(const std::string& name) {
  return !name.empty() && name.size() <= longest_function_name &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

bool may_call(const ChatJob& job) {
  return !job.input.tools.empty() && job.tool_choice.kind != ToolChoice::Kind::none;
}

/// What the reply is bound to, and the field that its cost is told by.
struct ReplyBound {
  grammar::Grammar grammar;
  std::string param;
};

/// The calls that are allowed, the format that was asked for, or either of them.
std::optional<ReplyBound> reply_bound(const ModelHost& host, const ChatJob& job) {
  const bool required = job.tool_choice.kind == ToolChoice::Kind::required;
  if (required && job.input.tools.empty())
    refuse_param(422, "tool_choice", "expected tools where tool_choice demands a call, got none");
  if (!may_call(job)) {
    if (!job.bound) return std::nullopt;
    return ReplyBound{job.bound->compile(), job.bound->param};
  }
  if (required && job.bound) job.bound->compile();  // refused all the same when it is none
  const bool either = job.bound && !required;
  const ToolForm& form = tool_form_of(host);
  if (either && form.at_start)
    refuse_param(422, job.bound->param,
                 "this model's calls are JSON that cannot be told from an answer bound to a form; "
                 "set tool_choice to none or required");
  std::vector<ToolFunction> functions = tool_functions(job.input.tools, job.strict_tools);
  if (!job.tool_choice.name.empty()) {
    std::erase_if(functions,
                  [&](const ToolFunction& one) { return one.name != job.tool_choice.name; });
    if (functions.empty())
      refuse_param(422, "tool_choice", "expected the name of a tool that was declared, got '",
                   printable(job.tool_choice.name, 80), "'");
  }
  return blamed_on("tools", [&] {
    grammar::Builder builder;
    const grammar::Node calls = tool_replies(
        builder, form, functions,
        {.required = required || either, .many = job.tool_choice.parallel}, host.tokenizer());
    if (!either) return ReplyBound{builder.build(calls), "tools"};
    return ReplyBound{builder.build(builder.choice({job.bound->in(builder), calls})),
                      job.bound->param};
  });
}

/// While it thinks, a model must find its reasoning before the calls that it led to.
void check_replay(const ReplyForm& form, const ChatInput& input) {
  if (!form.thinks || input.thinking == false) return;
  for (size_t i = 0; i < input.messages.size(); ++i) {
    const ordered_json& message = input.messages[i];
    if (!message.contains("tool_calls") || message.contains("reasoning_content")) continue;
    const std::string place =
        i < input.places.size() ? input.places[i] : concat("messages[", i, "]");
    refuse_param(400, place + ".reasoning_content",
                 "the reasoning that led to these calls is missing in ", place,
                 "; send it back as it was answered, or turn thinking off");
  }
}

}  // namespace

std::vector<ToolFunction> tool_functions(const ordered_json& tools, bool strict) {
  std::vector<ToolFunction> functions;
  for (size_t i = 0; i < tools.size(); ++i) {
    const std::string where = concat("tools[", i, "].function");
    const ordered_json& function = tools[i]["function"];
    ToolFunction one{function.value("name", ""), function.value("parameters", ordered_json())};
    if (!is_function_name(one.name))
      refuse_param(422, where + ".name", "expected 1 to 64 characters of A-Z a-z 0-9 _ - ., got '",
                   printable(one.name, 80), "'");
    if (one.parameters.is_object() && one.parameters.empty()) one.parameters = ordered_json();
    if (!one.parameters.is_null() && (strict || field<bool>(function, "strict").value_or(false)))
      blamed_on(where + ".parameters", [&] { grammar::check_strict_schema(one.parameters); });
    functions.push_back(std::move(one));
  }
  return functions;
}

std::string deepseek_effort(const std::string& asked) {
  if (asked == "minimal") return "low";
  if (asked == "medium" || asked == "xhigh") return "high";
  if (asked == "ultra") return "max";
  return asked == "none" ? "" : asked;
}

ChatAnswer start_chat(const ApiContext& context, const HttpRequest& http, ModelHost& host,
                      ChatJob job) {
  // Refused before the prompt is worked on.
  limits_of(http, context.time_limits, job.request.request_class);
  check_room(host, job.request.tenant);
  const ReplyForm& form = host.reply_form();
  if (job.strict_replay) check_replay(form, job.input);
  const bool calls = may_call(job);
  const std::optional<ReplyBound> bound = reply_bound(host, job);

  if (!job.input.thinking && job.thinking_budget.value_or(0) > 0) job.input.thinking = true;
  ChatPrompt prompt;
  if (job.prompt) {
    prompt.tokens = std::move(*job.prompt);
  } else {
    if (!calls) job.input.tools = ordered_json::array();
    prompt = chat_prompt(host, std::move(job.input));
  }
  check_context(host, static_cast<int64_t>(prompt.tokens.size()), job.request.max_tokens,
                job.prompt_field);

  GenerateRequest request = std::move(job.request);
  request.prompt = std::move(prompt.tokens);
  if (bound) {
    const grammar::Constraint constraint = constraint_of(host, bound->grammar, bound->param);
    for (ChoiceRequest& choice : request.choices)
      choice.constraint = std::make_shared<GrammarConstraint>(constraint);
  }
  if (form.thinks) {
    ThinkingOptions thinking;
    thinking.open = host.tokenizer().encode(form.think_open);
    thinking.close = host.tokenizer().encode(form.think_close);
    thinking.open_at_start = prompt.inside_reasoning;
    thinking.budget = job.thinking_budget.value_or(-1);
    request.thinking = std::move(thinking);
  }
  ReplyForm as_read = form;
  if (as_read.tools == nullptr) as_read.tools = &tool_form_of(host);
  const size_t choices = request.choices.size();
  const auto prompt_tokens = static_cast<int64_t>(request.prompt.size());
  check_room(host, request.tenant, prompt_tokens);
  std::shared_ptr<Bill> bill = context.accounts->admit(http, host.name(), demand_of(host, request));
  set_deadlines(request, http, context.time_limits);
  const RequestClass work = request.request_class;
  ChatAnswer answer{submit(host, std::move(request)), std::move(bill), work, {},
                    std::move(prompt.warnings),       prompt_tokens};
  answer.parsers.assign(choices, ReplyParser(as_read, {.inside_reasoning = prompt.inside_reasoning,
                                                       .read_calls = calls,
                                                       .calls_first = job.bound.has_value()}));
  return answer;
}

}  // namespace deepseek::serve
