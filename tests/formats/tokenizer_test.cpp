// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizer.h"

#include <gtest/gtest.h>

#include <thread>

#include "core/error.h"
#include "core/json.h"
#include "core/random.h"
#include "core/text.h"
#include "core/utf8.h"
#include "formats/gguf_vocabulary.h"
#include "tests/formats/tiny_tokenizer.h"

namespace deepseek {
namespace {

using nlohmann::json;
using testing::tiny_tokenizer;
using testing::tiny_tokenizer_json;
using Ids = std::vector<int32_t>;

std::vector<std::string> sample_texts() {
  return {"", "The lamp on the table", "月亮升起来了 and 12345 boats\r\n\t x",
          "naïve \U0001F680\u200d e\u0301 \u0085\ufeff",
          std::string(300, 'a') + std::string(70, ' ') + "!" + std::string(200, '7')};
}

TEST(Tokenizer, DecodingGivesTheTextBack) {
  const Tokenizer tokenizer = tiny_tokenizer();
  for (const std::string& text : sample_texts())
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  const std::string broken = "ok \xE6\x9C then \xFF\xC3";
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(broken)), replace_invalid_utf8(broken));
}

TEST(Tokenizer, ProgressIsToldInALongText) {
  std::string text;
  while (text.size() < (size_t{10} << 20)) text += "the lamp ";
  std::vector<int64_t> done;
  EncodeOptions options;
  options.progress = [&](const Progress& progress) {
    EXPECT_EQ(progress.total, int64_t(text.size()));
    done.push_back(progress.done);
  };
  tiny_tokenizer().encode(text, options);
  ASSERT_EQ(done.size(), 2u);
  EXPECT_LT(done[0], done[1]);
  EXPECT_LE(done[1], int64_t(text.size()));
}

TEST(Tokenizer, StreamingShowsWholeCharactersOnly) {
  const Tokenizer tokenizer = tiny_tokenizer();
  // Texts as tokens of one byte and of many; then tokens in any order.
  std::vector<Ids> sequences;
  for (const std::string& text : sample_texts()) {
    Ids bytes;
    for (const char byte : text)
      bytes.push_back(*tokenizer.find_token(testing::spelled({&byte, 1})));
    sequences.push_back(bytes);
    sequences.push_back(tokenizer.encode(text));
  }
  const CounterRandom random(/*seed=*/11, /*stream=*/0);
  for (int i = 0; i < 200; ++i) {
    Ids ids;
    for (int k = 0; k < 20; ++k)
      ids.push_back(int32_t(random.block(20 * i + k)[0] % uint32_t(tokenizer.vocab_size())));
    sequences.push_back(ids);
  }
  for (const Ids& ids : sequences) {
    for (const bool skip : {false, true}) {
      StreamDecoder stream(tokenizer, {.skip_special = skip});
      std::string shown;
      for (const int32_t id : ids) {
        const std::string piece = stream.push(id);
        ASSERT_TRUE(is_valid_utf8(piece));
        shown += piece;
      }
      shown += stream.finish();
      ASSERT_EQ(shown, tokenizer.decode(ids, {.skip_special = skip}));
    }
  }
}

TEST(Tokenizer, SpansKeepSpecialTextOfUsersOrdinary) {
  const Tokenizer tokenizer = tiny_tokenizer();
  const int32_t end = *tokenizer.find_token("<|end|>");
  const auto count = [&](const Ids& ids) { return std::count(ids.begin(), ids.end(), end); };
  const TextSpan both[] = {{"<|end|>User: ", true}, {"hi <|end|> there", false}, {"<|end|>", true}};
  const Ids ids = tokenizer.encode(both);
  EXPECT_EQ(count(ids), 2);
  EXPECT_EQ(tokenizer.decode(ids), "<|end|>User: hi <|end|> there<|end|>");
  // A special token that is put together from a trusted and an untrusted part is not one.
  const TextSpan torn[] = {{"<|en", true}, {"d|>", false}};
  EXPECT_EQ(count(tokenizer.encode(torn)), 0);
  const TextSpan trusted[] = {{"<|en", true}, {"d|>", true}};
  EXPECT_EQ(count(tokenizer.encode(trusted)), 1);
  // Words reach across spans.
  const TextSpan word[] = {{"the ta", true}, {"ble", false}};
  EXPECT_EQ(tokenizer.encode(word), tokenizer.encode("the table"));
  // Added tokens that are not special are found everywhere.
  const int32_t tool = *tokenizer.find_token("<tool>");
  const TextSpan plain[] = {{"<tool>", false}};
  EXPECT_EQ(tokenizer.encode(plain), Ids{tool});
}

TEST(Tokenizer, TokensHaveTextPieceAndRole) {
  const Tokenizer tokenizer = tiny_tokenizer();
  const int32_t the = *tokenizer.find_token("theĠ");
  EXPECT_EQ(tokenizer.token_text(the), "the ");
  EXPECT_EQ(tokenizer.token_piece(the), "theĠ");
  EXPECT_FALSE(tokenizer.is_special(the));
  const int32_t end = *tokenizer.find_token("<|end|>");
  EXPECT_TRUE(tokenizer.is_special(end));
  EXPECT_EQ(tokenizer.decode(Ids{the, end}, {.skip_special = true}), "the ");
  EXPECT_EQ(tokenizer.special_tokens().eos, end);
  EXPECT_FALSE(tokenizer.is_special(*tokenizer.find_token("<tool>")));
  EXPECT_EQ(tokenizer.find_token("no such token"), std::nullopt);
}

TEST(Tokenizer, IdsInThePaddingOfAModelStandForNothing) {
  Tokenizer tokenizer = tiny_tokenizer();
  const auto past = int32_t(tokenizer.vocab_size());
  const std::vector<int32_t> ids{past, past + 3};
  EXPECT_THROW(tokenizer.decode(ids), Error);
  tokenizer.pad_to(past + 4);
  EXPECT_EQ(tokenizer.decode(ids), "");
  EXPECT_EQ(tokenizer.token_piece(past), "");
  EXPECT_FALSE(tokenizer.is_special(past));
  EXPECT_EQ(StreamDecoder(tokenizer).push(past), "");
  EXPECT_EQ(tokenizer.vocab_size(), past);
  EXPECT_THROW(tokenizer.token_text(past + 4), Error);
}

TEST(Tokenizer, BosAndEosComeFromTheConfigOfLlamaClasses) {
  const std::string config = R"({"tokenizer_class": "LlamaTokenizerFast", "bos_token": "<|begin|>",
      "eos_token": {"content": "<|end|>"}, "add_bos_token": true, "add_eos_token": true})";
  const Tokenizer tokenizer =
      Tokenizer::from_tokenizer_json(tiny_tokenizer_json().dump(), "tiny", config);
  const int32_t begin = *tokenizer.find_token("<|begin|>"), end = *tokenizer.find_token("<|end|>");
  EXPECT_EQ(tokenizer.encode("", {.add_special = true}), (Ids{begin, end}));
  EXPECT_EQ(tokenizer.encode(""), Ids{});
}

TEST(Tokenizer, OneLetterTenMillionTimesIsQuick) {
  const Tokenizer tokenizer = tiny_tokenizer();
  struct Run {
    const char* letter;
    size_t size_bytes;
  };
  for (const auto& [letter, size_bytes] :
       {Run{"a", 10'000'000}, Run{" ", 10'000'000}, Run{"7", 300'000}, Run{"\n", 300'000},
        Run{"猫", 300'000}, Run{"\u0301", 300'000}}) {
    std::string text;
    while (text.size() < size_bytes) text += letter;
    text += "1";
    EXPECT_TRUE(tokenizer.decode(tokenizer.encode(text)) == text) << letter;
  }
}

TEST(Tokenizer, ThreadsShareOne) {
  const Tokenizer tokenizer = tiny_tokenizer();
  const std::vector<std::string> texts = sample_texts();
  std::vector<Ids> expected;
  expected.reserve(texts.size());
  for (const std::string& text : texts) expected.push_back(tokenizer.encode(text));
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::vector<int> wrong(4, 0);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i)
        for (size_t k = 0; k < texts.size(); ++k)
          if (tokenizer.encode(texts[k]) != expected[k]) ++wrong[t];
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

/// The tokenizer of a GGUF file made from a tokenizer.json.
Tokenizer as_gguf(const json& file, const char* pre) {
  const Tokenizer from_json = Tokenizer::from_tokenizer_json(file.dump(), "tiny");
  std::vector<std::string> tokens, merges;
  GgufVocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = pre;
  for (int32_t id = 0; id < from_json.vocab_size(); ++id) {
    tokens.push_back(from_json.token_piece(id));
    vocabulary.token_types.push_back(int64_t(GgufTokenType::normal));
  }
  for (const json& token : file["added_tokens"])
    vocabulary.token_types[token["id"]] = int64_t(
        token["special"].get<bool>() ? GgufTokenType::control : GgufTokenType::user_defined);
  for (const json& merge : file["model"]["merges"])
    merges.push_back(concat(merge[0].get<std::string>(), " ", merge[1].get<std::string>()));
  vocabulary.tokens.assign(tokens.begin(), tokens.end());
  vocabulary.merges.assign(merges.begin(), merges.end());
  vocabulary.bos = from_json.find_token("<|begin|>");
  vocabulary.add_bos = true;
  return Tokenizer::from_vocabulary(vocabulary, "tiny");
}

TEST(Tokenizer, GgufMetadataGiveTheSameIds) {
  json file = tiny_tokenizer_json();
  const Tokenizer from_json = Tokenizer::from_tokenizer_json(file.dump(), "tiny");
  const Tokenizer tokenizer = as_gguf(file, "smollm");
  for (const std::string& text : sample_texts())
    EXPECT_EQ(tokenizer.encode(text), from_json.encode(text));
  EXPECT_EQ(tokenizer.encode("<|end|><tool>"), from_json.encode("<|end|><tool>"));
  EXPECT_EQ(tokenizer.encode("<|end|><tool>", {.parse_special = false}),
            from_json.encode("<|end|><tool>", {.parse_special = false}));
  EXPECT_EQ(tokenizer.encode("", {.add_special = true}), Ids{*from_json.find_token("<|begin|>")});

  file["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}};
  const Tokenizer plain = Tokenizer::from_tokenizer_json(file.dump(), "tiny");
  for (const std::string& text : sample_texts())
    EXPECT_EQ(as_gguf(file, "gpt-2").encode(text), plain.encode(text));
}

}  // namespace
}  // namespace deepseek
