// SPDX-License-Identifier: Apache-2.0
#include "engine/generate.h"

#include "cli/generate_flags.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/verbs/verbs.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/text.h"

namespace deepseek::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string prompt_of(const Flags& flags) {
  if (flags.given("prompt") && flags.given("prompt-file"))
    fail(ErrorKind::invalid_input, "--prompt and --prompt-file: give one of them");
  if (const auto prompt = flags.text("prompt")) return *prompt;
  if (const auto file = flags.text("prompt-file")) return read_input_file(*file);
  return read_standard_input();
}

std::vector<int32_t> ids_of(const Flags& flags, const TextModel& model) {
  const std::string prompt = prompt_of(flags);
  if (!flags.on("chat")) return model.tokenizer().encode(prompt, {.add_special = true});
  Json context = {{"messages", Json::array()}, {"add_generation_prompt", true}};
  if (const auto system = flags.text("system"))
    context["messages"].push_back({{"role", "system"}, {"content", *system}});
  context["messages"].push_back({{"role", "user"}, {"content", prompt}});
  if (flags.given("think")) context["thinking"] = context["enable_thinking"] = flags.on("think");
  return model.encode(model.render(context));
}

Json scored(const TokenLogprob& token, const Tokenizer& tokenizer) {
  return {{"id", token.token},
          {"piece", tokenizer.token_piece(token.token)},
          {"logprob", token.logprob}};
}

Json logprobs_json(const Generated& generated, const Tokenizer& tokenizer) {
  Json rows = Json::array();
  for (const Logprobs& scores : generated.logprobs) {
    Json row = scored(scores.chosen, tokenizer);
    row["top"] = Json::array();
    for (const TokenLogprob& other : scores.best) row["top"].push_back(scored(other, tokenizer));
    rows.push_back(row);
  }
  return rows;
}

void print_logprobs(const Generated& generated, const Tokenizer& tokenizer, Console& console) {
  for (const Logprobs& scores : generated.logprobs) {
    std::string line =
        concat(scores.chosen.token, "\t", printable(tokenizer.token_piece(scores.chosen.token)),
               "\t", scores.chosen.logprob);
    for (const TokenLogprob& other : scores.best)
      line += concat("\t", printable(tokenizer.token_piece(other.token)), " ", other.logprob);
    console.line(line);
  }
}

}  // namespace

int run_generate(const Flags& flags, Console& console) {
  const InterruptScope interrupts;
  for (const char* name : {"system", "think"}) flags.refuse_idle(name, flags.on("chat"), "--chat");
  const auto model = open_text_model(flags, flags.required_argument("MODEL"), console);
  GenerateOptions options = generate_options(flags, *model, default_seed(console));
  options.cancelled = interrupted;
  options.progress = console.progress();
  const std::vector<int32_t> prompt = ids_of(flags, *model);
  Conversation conversation(*model);
  const Generated generated = conversation.generate(prompt, options, [&](std::string_view piece) {
    if (console.json()) return;
    console.write(piece);
    console.flush();
  });
  if (console.json()) {
    Json page = {{"text", generated.text},
                 {"tokens", generated.tokens},
                 {"finish_reason", finish_reason_name(generated.finish)},
                 {"prompt_tokens", generated.prompt_tokens},
                 {"seed", options.sample.seed},
                 {"prefill_s", generated.prefill_seconds},
                 {"decode_s", generated.decode_seconds}};
    if (options.logprobs) page["logprobs"] = logprobs_json(generated, model->tokenizer());
    console.line(page.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else {
    console.line("");
    print_logprobs(generated, model->tokenizer(), console);
  }
  console.flush();
  throw_if_interrupted();
  return 0;
}

}  // namespace deepseek::cli
