// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "cli/input.h"
#include "cli/text_files.h"
#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "formats/json.h"

namespace deepseek::cli {
namespace {

/// Renders contexts with the templates of one model, each parsed once.
class Renderer {
 public:
  explicit Renderer(const std::string& model) : model_(model), source_(open_templates(model)) {
    if (source_.templates.size() == 1) find(source_.templates.front());
  }

  std::string render(const std::string& text) {
    const auto context = parse_json<nlohmann::ordered_json>(text, ErrorKind::invalid_input, "");
    if (!context.is_object())
      fail(ErrorKind::invalid_input, "expected a JSON object with 'messages', got a JSON ",
           context.type_name());
    const auto tools = context.find("tools");
    const bool has_tools = tools != context.end() && !tools->is_null() && !tools->empty();
    return find(source_.choose(has_tools, model_)).render(source_.with_special_tokens(context));
  }

 private:
  const ChatTemplate& find(const TemplateSource::Named& named) {
    const auto found = parsed_.find(named.name);
    if (found != parsed_.end()) return found->second;
    return parsed_.emplace(named.name, ChatTemplate::parse(named.text, named.origin)).first->second;
  }

  std::string model_;
  TemplateSource source_;
  std::map<std::string, ChatTemplate> parsed_;
};

}  // namespace

int run_template(const Flags& flags, Console& console) {
  if (flags.on("jsonl") && (flags.given("text") || flags.given("file")))
    fail(ErrorKind::invalid_input, "--jsonl: reads standard input; leave out --text and --file");
  Renderer renderer(flags.required_argument("MODEL"));
  if (flags.on("jsonl")) {
    answer_lines(console,
                 [&](const std::string& line) -> nlohmann::json { return renderer.render(line); });
    return 0;
  }
  const std::string prompt = renderer.render(text_input(flags));
  console.line(console.json() ? nlohmann::json{{"prompt", prompt}}.dump() : prompt);
  return 0;
}

}  // namespace deepseek::cli
