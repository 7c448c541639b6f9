// SPDX-License-Identifier: Apache-2.0
// run, generate, perplexity, bench, convert and show on a tiny model of random weights.
#include <gtest/gtest.h>

#include <fstream>

#include "cli/reasoning.h"
#include "core/json.h"
#include "tests/cli/run_deepseek.h"
#include "tests/cli/tiny_model.h"
#include "tests/support/temporary_folder.h"

namespace deepseek::cli {
namespace {

using namespace deepseek::testing;
using nlohmann::json;

class TinyModel : public ::testing::Test {
 protected:
  TinyModel() : model((folder.path() / "model").string()) {
    write_small_model(model, folder_config());
  }
  static json folder_config() { return small_config(); }

  Outcome run(std::vector<std::string> arguments, const std::string& input = "") {
    return run_deepseek({std::move(arguments), input});
  }

  TemporaryFolder folder;
  std::string model;
};

TEST_F(TinyModel, APipedQuestionGetsTheAnswerAlone) {
  const std::vector<std::string> call{"run", model,          "--max-tokens",
                                      "12",  "--logit-bias", "99=-1000"};
  const Outcome first = run(call, "hello\n");
  ASSERT_EQ(first.exit_code, 0) << first.error;
  EXPECT_EQ(first.error, "");
  EXPECT_TRUE(first.out.ends_with('\n'));
  EXPECT_GT(first.out.size(), 1u);
  EXPECT_EQ(run(call, "hello").out, first.out) << "the last line feed is not part of the question";
  std::vector<std::string> as_json = call;
  as_json.push_back("--json");
  const json page = json::parse(run(as_json, "hello").out);
  EXPECT_EQ(page.at("answer").get<std::string>() + "\n", first.out);
  EXPECT_EQ(page.at("completion_tokens"), 12);
  EXPECT_EQ(page.at("finish_reason"), "length");
}

TEST_F(TinyModel, SamplingFromAPipeHasAFixedSeed) {
  const std::vector<std::string> sampled{"run",           model, "--max-tokens", "20",
                                         "--temperature", "1.5", "--json"};
  const json first = json::parse(run(sampled, "x").out);
  EXPECT_EQ(first.at("answer"), json::parse(run(sampled, "x").out).at("answer"));
  std::vector<std::string> other = sampled;
  other.insert(other.end(), {"--seed", "7"});
  EXPECT_NE(first.at("answer"), json::parse(run(other, "x").out).at("answer"));
  std::vector<std::string> greedy = sampled;
  greedy[5] = "0";
  EXPECT_EQ(json::parse(run(greedy, "x").out).at("answer"),
            json::parse(run({"run", model, "--max-tokens", "20", "--json"}, "x").out).at("answer"));
}

TEST_F(TinyModel, WhatThePublisherRecommendsIsSampled) {
  const std::vector<std::string> call{"run", model, "--max-tokens", "20", "--seed", "3", "--json"};
  const json greedy = json::parse(run(call, "x").out);
  folder.write("model/generation_config.json", R"({"do_sample": true, "temperature": 2.0})");
  EXPECT_NE(greedy.at("answer"), json::parse(run(call, "x").out).at("answer"));
}

TEST_F(TinyModel, AnEmptyQuestionAndOneTooLongAreRefused) {
  EXPECT_EQ(run({"run", model}, "").exit_code, 2);
  EXPECT_EQ(run({"run", model}, "\n").exit_code, 2);
  const Outcome outcome = run({"run", model, "--ctx", "64"}, std::string(500, 'x'));
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.error.find("the context holds 64"), std::string::npos) << outcome.error;
}

TEST_F(TinyModel, APromptTooLongNamesWhatLimitsTheContext) {
  const auto refusal = [&](size_t tokens, std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"generate", model, "--prompt", std::string(tokens, 'x')});
    const Outcome outcome = run(flags);
    EXPECT_EQ(outcome.exit_code, 2);
    return outcome.error;
  };
  const std::string cut = refusal(100, {"--ctx", "256", "--cache-bytes", "16KiB"});
  EXPECT_NE(cut.find("deepseek: --ctx 256 is cut to 64 tokens, which the cache of 16.0 KiB holds; "
                     "--cache-bytes 1MiB holds them all\n"),
            std::string::npos)
      << cut;
  EXPECT_NE(cut.find("holds 64; shorten it or raise --cache-bytes"), std::string::npos) << cut;
  EXPECT_EQ(refusal(100, {"--cache-bytes", "16KiB"}).find("is cut"), std::string::npos);
  EXPECT_NE(refusal(100, {"--ctx", "64"}).find("holds 64; shorten it or raise --ctx"),
            std::string::npos);
  EXPECT_NE(refusal(300, {}).find("holds 256; shorten it; the model was made for no more"),
            std::string::npos);
  const Outcome chat = run({"run", model, "--cache-bytes", "16KiB"}, std::string(100, 'x'));
  EXPECT_NE(chat.error.find("or raise --cache-bytes"), std::string::npos) << chat.error;
}

TEST_F(TinyModel, APrintedSeedIsAccepted) {
  const auto seed_of = [&](const std::string& seed) {
    return json::parse(run({"generate", model, "--prompt", "x", "--max-tokens", "1", "--seed", seed,
                            "--json"})
                           .out)
        .at("seed")
        .dump();
  };
  const std::string largest = "18446744073709551615";
  EXPECT_EQ(seed_of("-1"), largest);
  EXPECT_EQ(seed_of(largest), largest);
  const Outcome more = run({"generate", model, "--prompt", "x", "--seed", "18446744073709551616"});
  EXPECT_EQ(more.exit_code, 2);
  EXPECT_NE(more.error.find("--seed: expected a whole number from 0 to " + largest),
            std::string::npos)
      << more.error;
}

TEST_F(TinyModel, ATokenizerOfAnotherModelIsRefused) {
  folder.write("model/tokenizer.json", byte_tokenizer());
  for (const char* verb : {"run", "generate"}) {
    const Outcome outcome = run({verb, model}, "x");
    EXPECT_EQ(outcome.exit_code, 3);
    EXPECT_NE(outcome.error.find("model/tokenizer.json: token \"<tool>\": expected an id below the "
                                 "model's vocab_size 100, got 259; the tokenizer is of another"),
              std::string::npos)
        << outcome.error;
  }
}

TEST_F(TinyModel, ASpecialTokenOfTrainingWithoutAnEmbeddingIsNoHindrance) {
  const auto file = folder.path() / "model/tokenizer.json";
  json tokenizer = json::parse(std::ifstream(file));
  json padding = tokenizer["added_tokens"][0];
  padding.update({{"id", 100}, {"content", "[PAD]"}, {"special", true}});
  tokenizer["added_tokens"].push_back(padding);
  folder.write("model/tokenizer.json", tokenizer.dump());
  EXPECT_EQ(run({"generate", model, "--prompt", "he", "--max-tokens", "3"}).exit_code, 0);
}

TEST_F(TinyModel, GenerateContinuesAPromptAndTellsLogprobs) {
  const Outcome raw = run({"generate", model, "--prompt", "he", "--max-tokens", "5"});
  ASSERT_EQ(raw.exit_code, 0) << raw.error;
  const json page = json::parse(
      run({"generate", model, "--prompt", "he", "--max-tokens", "5", "--logprobs", "3", "--json"})
          .out);
  EXPECT_EQ(page.at("text").get<std::string>() + "\n", raw.out);
  ASSERT_EQ(page.at("logprobs").size(), page.at("tokens").size());
  for (size_t i = 0; i < page.at("tokens").size(); ++i) {
    EXPECT_EQ(page.at("logprobs")[i].at("id"), page.at("tokens")[i]);
    ASSERT_EQ(page.at("logprobs")[i].at("top").size(), 3u);
    EXPECT_EQ(page.at("logprobs")[i].at("top")[0].at("id"), page.at("tokens")[i]) << "greedy";
  }
  EXPECT_EQ(page.at("prompt_tokens"), 2) << "<s> and he";
  const json chat = json::parse(
      run({"generate", model, "--chat", "--prompt", "he", "--max-tokens", "1", "--json"}).out);
  EXPECT_GT(chat.at("prompt_tokens"), 2);
  EXPECT_EQ(run({"generate", model, "--max-tokens", "5"}, "he").out, raw.out);
}

TEST_F(TinyModel, LogitBiasAndStopChangeTheText) {
  const json forced = json::parse(run({"generate", model, "--prompt", "he", "--max-tokens", "4",
                                       "--logit-bias", "95=1000", "--json"})
                                      .out);
  EXPECT_EQ(forced.at("text"), "hehehehe");
  const json stopped = json::parse(run({"generate", model, "--prompt", "he", "--max-tokens", "9",
                                        "--logit-bias", "95=1000", "--stop", "heh", "--json"})
                                       .out);
  EXPECT_EQ(stopped.at("text"), "");
  EXPECT_EQ(stopped.at("finish_reason"), "stop");
  EXPECT_EQ(run({"generate", model, "--prompt", "x", "--logit-bias", "95"}).exit_code, 2);
  EXPECT_EQ(run({"generate", model, "--prompt", "x", "--logit-bias", "9999=1"}).exit_code, 2);
}

TEST_F(TinyModel, IdsPastTheLastTokenAreDrawnAndSayNothing) {
  json config = small_config();
  config["vocab_size"] = 128;
  write_small_model(folder.path() / "padded", config);
  const Outcome outcome = run_deepseek(
      {{"generate", (folder.path() / "padded").string(), "--prompt", "x", "--max-tokens", "2",
        "--logit-bias", "120=1000", "--logprobs", "1", "--json"}});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.error;
  const json page = json::parse(outcome.out);
  EXPECT_EQ(page.at("tokens"), json({120, 120}));
  EXPECT_EQ(page.at("text"), "");
  EXPECT_EQ(page.at("logprobs")[0].at("piece"), "");
}

TEST_F(TinyModel, WhatComputesOnIdsNeedsNoTokenizer) {
  std::filesystem::remove(folder.path() / "model/tokenizer.json");
  const std::string path = (folder.path() / "model").string();
  const std::string ids = folder.write("ids.json", "[[1, 2, 3]]").string();
  const Outcome perplexity = run_deepseek({{"perplexity", path, "--ids-file", ids}});
  EXPECT_EQ(perplexity.exit_code, 0) << perplexity.error;
  const Outcome bench =
      run_deepseek({{"bench", path, "--prefill", "8", "--decode-tokens", "2", "--repeat", "1"}});
  EXPECT_EQ(bench.exit_code, 0) << bench.error;
  EXPECT_NE(bench.out.find("% of f32 arithmetic"), std::string::npos) << bench.out;
}

TEST_F(TinyModel, TheSameTemplateIsChosenToRunAndToRender) {
  std::filesystem::remove(folder.path() / "model/tokenizer_config.json");
  const std::string path = (folder.path() / "model").string();
  EXPECT_EQ(run_deepseek({{"template", path}, R"({"messages": []})"}).exit_code, 4);
  EXPECT_EQ(run_deepseek({{"run", path}, "hello"}).exit_code, 2);
  // The token that DeepSeek's tokenizers begin a text with makes it one of theirs.
  json tokenizer = json::parse(small_tokenizer());
  json added = tokenizer["added_tokens"][0];
  added["id"] = 100;
  added["content"] = "<｜begin▁of▁sentence｜>";
  tokenizer["added_tokens"].push_back(added);
  folder.write("model/tokenizer.json", tokenizer.dump());
  const Outcome rendered = run_deepseek(
      {{"template", path},
       R"({"messages": [{"role": "user", "content": "x"}], "add_generation_prompt": true})"});
  EXPECT_EQ(rendered.out, "<｜begin▁of▁sentence｜>User: x\n\nAssistant:\n") << rendered.error;
}

TEST_F(TinyModel, PerplexityDoesNotDependOnHowTokensAreGiven) {
  const std::string text = folder.write("text.txt", std::string(90, 'h')).string();
  json ids = json::array();
  for (int i = 0; i < 90; ++i) ids.push_back('h' - '!');
  const std::string file = folder.write("ids.json", ids.dump()).string();
  const auto measure = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"perplexity", model, "--window", "32", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return json::parse(run(arguments).out);
  };
  const json by_text = measure({text}), by_ids = measure({"--ids-file", file});
  EXPECT_EQ(by_text.at("mean_nll"), by_ids.at("mean_nll"));
  EXPECT_EQ(by_text.at("windows"), 3);
  EXPECT_EQ(by_text.at("scored_tokens"), 31 + 31 + 25);
  const json overlapping = measure({text, "--stride", "16"});
  EXPECT_EQ(overlapping.at("scored_tokens"), 89);
  const json first =
      measure({"--ids-file",
               folder.write("f.json", json{json(ids.begin(), ids.begin() + 32)}.dump()).string()});
  EXPECT_EQ(first.at("windows"), 1);
  EXPECT_EQ(run({"perplexity", model}).exit_code, 2);
  EXPECT_EQ(run({"perplexity", model, text, "--ids-file", file}).exit_code, 2);
  EXPECT_EQ(run({"perplexity", model, text, "--window", "9999"}).exit_code, 2);
}

TEST_F(TinyModel, PerplexityOfNoFiniteNumberIsRefused) {
  damage_last_norm(model);
  const std::string ids = folder.write("ids.json", "[[1, 2, 3]]").string();
  const Outcome outcome = run({"perplexity", model, "--ids-file", ids});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_NE(outcome.error.find("logits: expected finite values"), std::string::npos)
      << outcome.error;
}

TEST_F(TinyModel, ConvertedThereAndBackItIsTheSame) {
  const std::string gguf = (folder.path() / "m.gguf").string();
  const std::string back = (folder.path() / "back").string();
  const Outcome there = run({"convert", model, gguf});
  ASSERT_EQ(there.exit_code, 0) << there.error;
  const Outcome and_back = run({"convert", gguf, back});
  ASSERT_EQ(and_back.exit_code, 0) << and_back.error;
  const std::vector<std::string> call{"generate", "", "--prompt", "he", "--max-tokens", "8"};
  std::vector<std::string> outputs;
  for (const std::string& name : {model, gguf, back}) {
    std::vector<std::string> arguments = call;
    arguments[1] = name;
    outputs.push_back(run(arguments).out);
  }
  EXPECT_EQ(outputs[0], outputs[1]);
  EXPECT_EQ(outputs[0], outputs[2]);
  EXPECT_EQ(run({"convert", model, gguf}).exit_code, 2) << "it is there already";
  EXPECT_EQ(run({"convert", model, gguf, "--force"}).exit_code, 0);
  EXPECT_EQ(run({"convert", model, gguf, "--force", "--type", "Q9_9"}).exit_code, 2);
}

TEST(Reasoning, IsDimmedWhereverThePiecesBreak) {
  const std::string text = "a<think>b</think>c<thi";
  for (size_t size = 1; size <= text.size(); ++size) {
    ReasoningStyle style(true, false);
    std::string shown;
    for (size_t at = 0; at < text.size(); at += size) shown += style.feed(text.substr(at, size));
    EXPECT_EQ(shown + style.finish(), "a\x1b[2m<think>b</think>\x1b[0mc<thi") << size;
  }
  ReasoningStyle inside(true, true);
  EXPECT_EQ(inside.feed("b</think>c"), "\x1b[2mb</think>\x1b[0mc");
  EXPECT_EQ(inside.finish(), "");
  ReasoningStyle unfinished(true, true);
  EXPECT_EQ(unfinished.feed("b"), "\x1b[2mb");
  EXPECT_EQ(unfinished.finish(), "\x1b[0m");
  ReasoningStyle plain(false, true);
  EXPECT_EQ(plain.feed(text), text);
  EXPECT_TRUE(ends_in_reasoning("x<think>\n"));
  EXPECT_FALSE(ends_in_reasoning("x<think></think>"));
}

}  // namespace
}  // namespace deepseek::cli
