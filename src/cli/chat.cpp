// SPDX-License-Identifier: Apache-2.0
#include "cli/chat.h"

#include "cli/generate_flags.h"
#include "cli/interrupt.h"
#include "cli/reasoning.h"
#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "formats/json.h"

namespace deepseek::cli {
namespace {

using Json = nlohmann::ordered_json;

/// What /set can change, by the name of its flag.
struct Knob {
  const char* name;
  void (*set)(GenerateOptions& options, const std::string& text);
};

constexpr Knob knobs[] = {
    {"temperature", [](auto& o, const auto& t) { o.sample.temperature = parse_number(t, "/set"); }},
    {"top-k", [](auto& o, const auto& t) { o.sample.top_k = parse_integer(t, "/set"); }},
    {"top-p", [](auto& o, const auto& t) { o.sample.top_p = parse_number(t, "/set"); }},
    {"min-p", [](auto& o, const auto& t) { o.sample.min_p = parse_number(t, "/set"); }},
    {"repetition-penalty",
     [](auto& o, const auto& t) { o.sample.repetition_penalty = parse_number(t, "/set"); }},
    {"frequency-penalty",
     [](auto& o, const auto& t) { o.sample.frequency_penalty = parse_number(t, "/set"); }},
    {"presence-penalty",
     [](auto& o, const auto& t) { o.sample.presence_penalty = parse_number(t, "/set"); }},
    {"seed", [](auto& o, const auto& t) { o.sample.seed = uint64_t(parse_integer(t, "/set")); }},
    {"max-tokens", [](auto& o, const auto& t) { o.max_tokens = parse_integer(t, "/set"); }},
};

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text.substr(std::min(text.size(), text.find_first_not_of(' ')));
}

}  // namespace

Chat::Chat(TextModel& model, const Flags& flags, Console& console)
    : model_(model),
      console_(console),
      conversation_(model),
      options_(generate_options(flags, model, default_seed(console))),
      system_(flags.text("system")) {
  if (flags.given("think")) think_ = flags.on("think");
  options_.cancelled = interrupted;
}

Json Chat::context() const {
  Json context = {{"messages", Json::array()}, {"add_generation_prompt", true}};
  if (system_) context["messages"].push_back({{"role", "system"}, {"content", *system_}});
  for (const Json& message : messages_) context["messages"].push_back(message);
  if (think_) context["thinking"] = context["enable_thinking"] = *think_;
  return context;
}

void Chat::show(std::string_view text) {
  if (console_.json()) return;
  console_.write(text);
  console_.flush();
}

Generated Chat::answer(const std::string& message) {
  messages_.push_back({{"role", "user"}, {"content", message}});
  try {
    const RenderedPrompt prompt = model_.render(context());
    ReasoningStyle style(console_.output_has_style(), ends_in_reasoning(prompt.text));
    const Generated generated = conversation_.generate(
        model_.encode(prompt), options_, [&](std::string_view piece) { show(style.feed(piece)); });
    show(style.finish());
    if (generated.finish == FinishReason::cancelled && generated.text.empty())
      messages_.erase(messages_.size() - 1);
    else
      messages_.push_back({{"role", "assistant"}, {"content", generated.text}});
    last_ = generated;
    return generated;
  } catch (...) {
    messages_.erase(messages_.size() - 1);
    throw;
  }
}

void Chat::set(const std::string& words) {
  const std::vector<std::string> parts = split_words(words);
  std::vector<std::string> names;
  for (const Knob& knob : knobs) names.emplace_back(knob.name);
  if (parts.size() != 2)
    fail(ErrorKind::invalid_input,
         "/set: expected a name and a value, such as /set temperature 0.7");
  for (const Knob& knob : knobs) {
    if (knob.name != parts[0]) continue;
    GenerateOptions changed = options_;
    check_value(*find_setting(knob.name), parts[1], concat("/set ", knob.name));
    knob.set(changed, parts[1]);
    changed.sample.validate(model_.config().vocab_size);
    options_ = std::move(changed);
    return;
  }
  const std::string_view nearest = nearest_name(parts[0], names);
  std::string known;
  for (const std::string& name : names) known += concat(known.empty() ? "" : ", ", name);
  fail(ErrorKind::invalid_input, "/set: unknown name '", printable(parts[0]), "'; ",
       nearest.empty() ? concat("expected one of ", known) : concat("did you mean ", nearest, "?"));
}

void Chat::think(const std::string& word) {
  if (word.empty())
    think_ = !think_.value_or(false);
  else
    think_ = parse_boolean(word, "/think");
  console_.notice(console_.say(*think_ ? "chat.think_on" : "chat.think_off"));
}

void Chat::save(const std::string& path) const {
  if (path.empty()) fail(ErrorKind::invalid_input, "/save: expected a file name");
  const Json page = {{"model", model_.path().string()},
                     {"system", system_ ? Json(*system_) : Json(nullptr)},
                     {"messages", messages_}};
  AtomicFile file(path);
  file.write(page.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  file.commit();
}

void Chat::load(const std::string& path) {
  if (path.empty()) fail(ErrorKind::invalid_input, "/load: expected a file name");
  const nlohmann::json page = read_json_object(path);
  const auto found = page.find("messages");
  if (found == page.end() || !found->is_array())
    fail(ErrorKind::bad_file, path, ": expected a list 'messages', as /save writes it");
  Json messages = Json::array();
  for (const nlohmann::json& message : *found) {
    if (!message.is_object() || !message.contains("role") || !message["role"].is_string() ||
        !message.contains("content") || !message["content"].is_string())
      fail(ErrorKind::bad_file, path, ": message ", messages.size(),
           ": expected 'role' and 'content' to be strings");
    messages.push_back({{"role", message["role"]}, {"content", message["content"]}});
  }
  messages_ = std::move(messages);
  const auto system = page.find("system");
  system_.reset();
  if (system != page.end() && system->is_string()) system_ = system->get<std::string>();
}

void Chat::show_stats() {
  const std::string held =
      last_ ? concat(last_->prompt_tokens + int64_t(last_->tokens.size())) : std::string("0");
  console_.notice(console_.say("chat.stats", messages_.size(), held, model_.context_length(),
                               options_.sample.seed));
  if (last_) console_.notice(speed_text(*last_, console_));
}

bool Chat::command(const std::string& line) {
  const size_t blank = line.find(' ');
  const std::string name = line.substr(1, blank == std::string::npos ? blank : blank - 1);
  const std::string rest = blank == std::string::npos ? "" : trimmed(line.substr(blank + 1));
  if (name == "bye" || name == "exit" || name == "quit") return false;
  if (name == "system") {
    system_ = rest.empty() ? std::nullopt : std::optional(rest);
  } else if (name == "set") {
    set(rest);
  } else if (name == "think") {
    think(rest);
  } else if (name == "clear") {
    messages_ = Json::array();
    console_.notice(console_.say("chat.cleared"));
  } else if (name == "save") {
    save(rest);
  } else if (name == "load") {
    load(rest);
    console_.notice(console_.say("chat.loaded", messages_.size()));
  } else if (name == "stats") {
    show_stats();
  } else if (name == "help") {
    console_.error_line(console_.say("chat.help"));
  } else {
    const std::vector<std::string> names{"system", "set",   "think", "clear", "save",
                                         "load",   "stats", "help",  "bye"};
    const std::string_view nearest = nearest_name(name, names);
    fail(ErrorKind::invalid_input, "/", printable(name), ": unknown command; ",
         nearest.empty() ? "/help lists them" : concat("did you mean /", nearest, "?"));
  }
  return true;
}

}  // namespace deepseek::cli
