// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "formats/builtin_templates.h"

namespace deepseek {
namespace {

// LLM, MoE, Math, V2, Coder-V2, VL: no space after the last "Assistant:".
constexpr std::string_view plain_roles = R"jinja({{ bos_token }}
{%- for message in messages %}
{%- if message['role'] == 'user' %}
{{- 'User: ' + message['content'] + '\n\n' }}
{%- elif message['role'] == 'assistant' %}
{{- 'Assistant: ' + message['content'] + eos_token }}
{%- elif message['role'] == 'system' %}
{{- message['content'] + '\n\n' }}
{%- else %}
{{- raise_exception('the role ' ~ message['role'] ~ ' is not known to this model') }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
{{- 'Assistant:' }}
{%- endif %})jinja";

constexpr std::string_view coder_instruct = R"jinja({{ bos_token }}
{%- if not messages | selectattr('role', 'equalto', 'system') | list %}
{{- 'You are an AI programming assistant, utilizing the Deepseek Coder model, developed by Deepseek Company, and you only answer questions related to computer science. For politically sensitive questions, security and privacy issues, and other non-computer science questions, you will refuse to answer\n' }}
{%- endif %}
{%- for message in messages %}
{%- if message['role'] == 'user' %}
{{- '### Instruction:\n' + message['content'] + '\n' }}
{%- elif message['role'] == 'assistant' %}
{{- '### Response:\n' + message['content'] + '\n<|EOT|>\n' }}
{%- elif message['role'] == 'system' %}
{{- message['content'] + '\n' }}
{%- else %}
{{- raise_exception('the role ' ~ message['role'] ~ ' is not known to this model') }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '### Response:\n' }}
{%- endif %})jinja";

// V2.5 and V3: all system texts first, tool calls and results in their own tokens.
constexpr std::string_view marked_roles = R"jinja({{ bos_token }}
{%- for message in messages if message['role'] == 'system' %}
{{- ('' if loop.first else '\n\n') + message['content'] }}
{%- endfor %}
{%- set state = namespace(in_outputs=false) %}
{%- for message in messages %}
{%- if message['role'] == 'user' %}
{%- set state.in_outputs = false %}
{{- '<｜User｜>' + message['content'] }}
{%- elif message['role'] == 'assistant' %}
{{- '<｜tool▁outputs▁end｜>' if state.in_outputs else '<｜Assistant｜>' }}
{%- set state.in_outputs = false %}
{{- message['content'] or '' }}
{%- if message['tool_calls'] %}
{{- '<｜tool▁calls▁begin｜>' }}
{%- for call in message['tool_calls'] %}
{%- set arguments = call['function']['arguments'] %}
{{- ('' if loop.first else '\n') + '<｜tool▁call▁begin｜>function<｜tool▁sep｜>' + call['function']['name'] + '\n```json\n' }}
{{- arguments if arguments is string else arguments | tojson }}
{{- '\n```<｜tool▁call▁end｜>' }}
{%- endfor %}
{{- '<｜tool▁calls▁end｜>' }}
{%- endif %}
{{- eos_token }}
{%- elif message['role'] == 'tool' %}
{{- '\n' if state.in_outputs else '<｜tool▁outputs▁begin｜>' }}
{{- '<｜tool▁output▁begin｜>' + message['content'] + '<｜tool▁output▁end｜>' }}
{%- set state.in_outputs = true %}
{%- elif message['role'] != 'system' %}
{{- raise_exception('the role ' ~ message['role'] ~ ' is not known to this model') }}
{%- endif %}
{%- endfor %}
{%- if state.in_outputs %}
{{- '<｜tool▁outputs▁end｜>' }}
{%- elif add_generation_prompt %}
{{- '<｜Assistant｜>' }}
{%- endif %})jinja";

struct Row {
  std::string_view family, text;
};
constexpr std::array<Row, 9> rows{{
    {"deepseek-llm", plain_roles},
    {"deepseek-moe", plain_roles},
    {"deepseek-math", plain_roles},
    {"deepseek-v2", plain_roles},
    {"deepseek-coder-v2", plain_roles},
    {"deepseek-vl", plain_roles},
    {"deepseek-coder", coder_instruct},
    {"deepseek-v2.5", marked_roles},
    {"deepseek-v3", marked_roles},
}};

}  // namespace

std::optional<std::string_view> builtin_template(std::string_view family) {
  for (const Row& row : rows)
    if (row.family == family) return row.text;
  return std::nullopt;
}

std::vector<std::string_view> builtin_template_families() {
  std::vector<std::string_view> names;
  names.reserve(rows.size());
  for (const Row& row : rows) names.push_back(row.family);
  return names;
}

}  // namespace deepseek
