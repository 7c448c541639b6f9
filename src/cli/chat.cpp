// SPDX-License-Identifier: Apache-2.0
#include "cli/chat.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <type_traits>

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
  std::string (*get)(const GenerateOptions& options);
};

template <auto member>
constexpr Knob sample_knob(const char* name) {
  return {name,
          [](GenerateOptions& options, const std::string& text) {
            auto& value = options.sample.*member;
            using Value = std::remove_reference_t<decltype(value)>;
            if constexpr (std::is_floating_point_v<Value>)
              value = parse_number(text, "/set");
            else if constexpr (std::is_unsigned_v<Value>)
              value = parse_seed(text, "/set");
            else
              value = parse_integer(text, "/set");
          },
          [](const GenerateOptions& options) { return concat(options.sample.*member); }};
}

constexpr Knob knobs[] = {
    sample_knob<&SampleOptions::temperature>("temperature"),
    sample_knob<&SampleOptions::top_k>("top-k"),
    sample_knob<&SampleOptions::top_p>("top-p"),
    sample_knob<&SampleOptions::min_p>("min-p"),
    sample_knob<&SampleOptions::repetition_penalty>("repetition-penalty"),
    sample_knob<&SampleOptions::frequency_penalty>("frequency-penalty"),
    sample_knob<&SampleOptions::presence_penalty>("presence-penalty"),
    sample_knob<&SampleOptions::seed>("seed"),
    {"max-tokens",
     [](GenerateOptions& options, const std::string& text) {
       options.max_tokens = parse_integer(text, "/set");
     },
     [](const GenerateOptions& options) {
       return options.max_tokens < 0 ? std::string("-") : concat(options.max_tokens);
     }},
};

constexpr std::string_view blanks = " \t\n";

std::vector<std::string> command_names() {
  return {"system", "set", "think", "clear", "save", "load", "stats", "help", "bye"};
}

/// "clear" of "/clear x", "" of "//".
std::string command_name(std::string_view line) {
  const size_t end = line.find_first_of(blanks);
  return std::string(line.substr(1, end == std::string_view::npos ? end : end - 1));
}

std::string trimmed(std::string text) {
  const size_t end = text.find_last_not_of(blanks);
  text.resize(end == std::string::npos ? 0 : end + 1);
  return text.substr(std::min(text.size(), text.find_first_not_of(blanks)));
}

/// A file that a person names; ~/ is the home folder, as in a shell.
std::string file_argument(const std::string& text, const char* command) {
  if (text.empty()) fail(ErrorKind::invalid_input, command, ": expected a file name");
  const char* home = std::getenv("HOME");
  if (text.starts_with("~/") && home != nullptr) return home + text.substr(1);
  return text;
}

/// The content of a file that should be a saved conversation.
nlohmann::json read_page(const std::string& path) {
  constexpr size_t longest_bytes = size_t{256} << 20;
  const std::string text = read_text_file(path, longest_bytes);
  try {
    return parse_json_object(text, path);
  } catch (const Error&) {
    fail(ErrorKind::bad_file, path, ": expected a conversation as /save writes it, got ",
         text.empty() ? "an empty file" : "something that is not JSON, or only a part of it");
  }
}

/// The messages of a file that /save wrote.
Json read_messages(const nlohmann::json& page, const std::string& path) {
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
  return messages;
}

/// /save writes over what it wrote, but over nothing else.
void check_replaceable(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error) || std::filesystem::is_directory(path, error)) return;
  try {
    read_messages(read_page(path), path);
  } catch (const Error&) {
    fail(ErrorKind::invalid_input, "/save: ", path,
         " is there already and is no saved conversation; choose another name");
  }
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

void Chat::forget_last_message() { messages_.erase(messages_.size() - 1); }

Generated Chat::answer(const std::string& message) {
  messages_.push_back({{"role", "user"}, {"content", message}});
  ReasoningStyle style(false, false);
  try {
    const RenderedPrompt prompt = model_.render(context());
    const std::vector<int32_t> tokens = model_.encode(prompt);
    if (int64_t(tokens.size()) >= model_.context_length())
      fail(ErrorKind::invalid_input, "the conversation with this message takes ", tokens.size(),
           " tokens, but the context holds ", model_.context_length(), ", an answer included; ",
           model_.context_remedy());
    style = ReasoningStyle(console_.output_has_style(), ends_in_reasoning(prompt.text));
    GenerateOptions options = options_;
    options.progress = console_.progress();
    const bool for_eyes = console_.output_is_terminal();
    const Generated generated = conversation_.generate(
        tokens, options,
        [&](std::string_view piece) { show(style.feed(for_eyes ? terminal_text(piece) : piece)); });
    show(style.finish());
    if (generated.finish == FinishReason::cancelled && generated.text.empty())
      forget_last_message();
    else
      messages_.push_back({{"role", "assistant"}, {"content", generated.text}});
    last_ = generated;
    return generated;
  } catch (...) {
    show(style.finish());
    forget_last_message();
    throw;
  }
}

bool Chat::is_full() const {
  return last_ && last_->prompt_tokens + int64_t(last_->tokens.size()) >= model_.context_length();
}

void Chat::show_settings() {
  for (const Knob& knob : knobs) console_.error_line(concat(knob.name, " ", knob.get(options_)));
}

void Chat::set(std::string words) {
  if (words.empty()) return show_settings();
  std::ranges::replace(words, '=', ' ');
  const std::vector<std::string> parts = split_words(words);
  std::vector<std::string> names;
  for (const Knob& knob : knobs) {
    names.emplace_back(knob.name);
    if (parts.empty() || knob.name != parts[0]) continue;
    if (parts.size() != 2)
      fail(ErrorKind::invalid_input, "/set ", knob.name, ": expected one value, got ",
           parts.size() - 1);
    GenerateOptions changed = options_;
    check_value(*find_setting(knob.name), parts[1], concat("/set ", knob.name));
    knob.set(changed, parts[1]);
    changed.sample.validate(model_.config().vocab_size);
    options_ = std::move(changed);
    console_.error_line(concat(knob.name, " ", knob.get(options_)));
    return;
  }
  const std::string name = parts.empty() ? "" : parts[0];
  const std::string_view nearest = nearest_name(name, names);
  std::string known;
  for (const std::string& each : names) known += concat(known.empty() ? "" : ", ", each);
  fail(ErrorKind::invalid_input, "/set: unknown name '", printable(name), "'; ",
       nearest.empty() ? concat("expected one of ", known) : concat("did you mean ", nearest, "?"));
}

void Chat::think(const std::string& word) {
  if (word.empty())
    think_ = !think_.value_or(false);
  else
    think_ = parse_boolean(word, "/think");
  console_.error_line(console_.say(*think_ ? "chat.think_on" : "chat.think_off"));
}

void Chat::set_system(const std::string& text) {
  system_ = text.empty() ? std::nullopt : std::optional(text);
  console_.error_line(console_.say(system_ ? "chat.system" : "chat.no_system"));
}

void Chat::save(const std::string& path) {
  check_replaceable(path);
  const Json page = {{"model", model_.path().string()},
                     {"system", system_ ? Json(*system_) : Json(nullptr)},
                     {"messages", messages_}};
  AtomicFile file(path);
  file.write(page.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  file.commit();
  console_.error_line(console_.say("chat.saved", messages_.size(), path));
}

void Chat::load(const std::string& path) {
  const nlohmann::json page = read_page(path);
  messages_ = read_messages(page, path);
  const auto system = page.find("system");
  system_.reset();
  if (system != page.end() && system->is_string()) system_ = system->get<std::string>();
  last_.reset();
  console_.error_line(console_.say("chat.loaded", messages_.size()));
}

void Chat::show_stats() {
  const std::string held =
      last_ ? concat(last_->prompt_tokens + int64_t(last_->tokens.size())) : std::string("0");
  console_.error_line(console_.say("chat.stats", messages_.size(), held, model_.context_length(),
                                   options_.sample.seed));
  if (last_) console_.error_line(speed_text(*last_, console_));
}

bool Chat::is_command(std::string_view message) {
  if (!message.starts_with('/')) return false;
  return message.find('\n') == std::string_view::npos ||
         std::ranges::count(command_names(), command_name(message)) > 0;
}

bool Chat::command(const std::string& line) {
  const std::string name = command_name(line);
  const std::string rest = trimmed(line.substr(1 + name.size()));
  if (name == "bye" || name == "exit" || name == "quit") return false;
  if (name == "system") {
    set_system(rest);
  } else if (name == "set") {
    set(rest);
  } else if (name == "think") {
    think(rest);
  } else if (name == "clear") {
    messages_ = Json::array();
    last_.reset();
    console_.error_line(console_.say("chat.cleared"));
  } else if (name == "save") {
    save(file_argument(rest, "/save"));
  } else if (name == "load") {
    load(file_argument(rest, "/load"));
  } else if (name == "stats") {
    show_stats();
  } else if (name == "help") {
    console_.error_line(console_.say("chat.help"));
  } else {
    const std::vector<std::string> names = command_names();
    const std::string_view nearest = nearest_name(name, names);
    fail(ErrorKind::invalid_input, "/", printable(name), ": unknown command; ",
         nearest.empty() ? "/help lists them; a blank before / makes it a message"
                         : concat("did you mean /", nearest, "?"));
  }
  return true;
}

}  // namespace deepseek::cli
