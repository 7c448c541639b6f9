// SPDX-License-Identifier: Apache-2.0
// bench_grammar [TOKENIZER…]
// What constrained output costs a token: for each vocabulary (tokenizer.json, a folder with one, or
// GGUF; without any, an invented one of 129,280 tokens) and each grammar, the time to compile it,
// to make the first masks, and to make a mask while sentences are written. One line of JSON for
// each.

#include <time.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "formats/gguf.h"
#include "formats/gguf_vocabulary.h"
#include "formats/grammar/grammar.h"

namespace deepseek {
namespace {

using namespace grammar;

/// CPU time of this thread so far: what others do on the machine does not count. Asking takes some
/// 0.2 us, which the figures hold.
double now_us() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) * 1e6 + double(now.tv_nsec) / 1e3;
}

struct Words {
  std::string name;
  std::shared_ptr<const Vocabulary> vocabulary;
  std::vector<std::string> texts;
  int32_t end = 0;
};

Words load(const std::string& path) {
  const Tokenizer tokenizer = [&] {
    if (!path.ends_with(".gguf")) return Tokenizer::open(path);
    const GgufFile file = GgufFile::open(path);
    return Tokenizer::from_vocabulary(gguf_vocabulary(file.metadata()), path);
  }();
  Words words;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id)
    words.texts.emplace_back(tokenizer.is_special(id) ? "" : tokenizer.token_text(id));
  words.end = tokenizer.special_tokens().eos.value_or(0);
  const std::vector<int32_t> ends{words.end};
  const double begin = now_us();
  words.vocabulary = Vocabulary::from_tokenizer(tokenizer, ends);
  words.name = std::to_string(tokenizer.vocab_size());
  std::printf("{\"vocabulary\": \"%s\", \"tokens\": %s, \"trie_ms\": %.1f}\n", path.c_str(),
              words.name.c_str(), (now_us() - begin) / 1e3);
  return words;
}

/// As many tokens as DeepSeek-V3 has: bytes, words of up to 12 letters with and without a space,
/// digits, punctuation and pieces of Chinese.
Words invent(int32_t count) {
  Words words;
  const CounterRandom random(1, 0);
  for (int b = 0; b < 256; ++b) words.texts.emplace_back(1, char(b));
  for (int n = 0; n < 1000; ++n) words.texts.push_back(std::to_string(n));
  for (const char* mark : {"{\"", "\":", "\": ", "\",", "\", \"", "\"}", "},", "]}", "</", "\n\n",
                           "  ", "    ", "\"\"", "[]", "{}", "\\n", "\\\""})
    words.texts.emplace_back(mark);
  for (uint64_t n = 0; int32_t(words.texts.size()) < count - 1; ++n) {
    const auto draw = random.block(n);
    std::string text = draw[0] % 2 == 0 ? " " : "";
    if (draw[0] % 5 == 1) {  // one to four characters of U+4E00 and on
      for (uint32_t k = 0; k <= draw[1] % 4; ++k) {
        const uint32_t c = 0x4E00 + (draw[2] >> (k * 3)) % 0x5000;
        text += {char(0xE0 | c >> 12), char(0x80 | (c >> 6 & 0x3F)), char(0x80 | (c & 0x3F))};
      }
    } else {
      uint64_t letters = uint64_t(draw[2]) << 32 | draw[3];
      for (uint32_t k = 0; k < 2 + draw[1] % 11; ++k, letters /= 26)
        text += char((k == 0 && draw[1] % 7 == 0 ? 'A' : 'a') + letters % 26);
      if (draw[0] % 97 == 0) text += draw[0] % 2 == 0 ? "\"" : "\",";
    }
    words.texts.push_back(text);
  }
  words.end = int32_t(words.texts.size());
  words.texts.emplace_back();
  const std::vector<int32_t> ends{words.end};
  const double begin = now_us();
  words.vocabulary = Vocabulary::from_texts(words.texts, ends);
  words.name = std::to_string(count);
  std::printf("{\"vocabulary\": \"invented\", \"tokens\": %d, \"trie_ms\": %.1f}\n", count,
              (now_us() - begin) / 1e3);
  return words;
}

constexpr const char* nested_schema = R"({"type": "object", "properties": {
  "id": {"type": "integer", "minimum": 1, "maximum": 99999},
  "name": {"type": "string", "minLength": 1, "maxLength": 60},
  "email": {"type": "string", "format": "email"},
  "kind": {"enum": ["person", "company", "robot"]},
  "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
  "address": {"type": "object", "properties": {
     "street": {"type": "string"}, "city": {"type": "string"},
     "position": {"type": "object", "properties": {"lat": {"type": "number"}, "lon": {"type": "number"}},
                  "required": ["lat", "lon"]}},
     "required": ["street", "city"]},
  "children": {"type": "array", "items": {"$ref": "#"}, "maxItems": 3},
  "note": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
  "required": ["id", "name", "kind"]})";

/// Writes sentences that prefer long tokens, as models do, and times each mask.
void measure(const char* name, const Words& words, const Grammar& grammar, double compile_us,
             bool limited) {
  const double begin = now_us();
  const Constraint constraint(grammar, words.vocabulary);
  const double join_us = now_us() - begin;
  std::vector<double> first, later;
  std::vector<double> accepts;
  std::vector<uint64_t> mask(size_t(words.vocabulary->mask_words()));
  constexpr uint64_t sentences = 30, most_tokens = 120;
  for (uint64_t sentence = 0; sentence < sentences; ++sentence) {
    Matcher matcher(constraint);
    const CounterRandom random(sentence, 7);
    for (uint64_t step = 0; step < most_tokens && !matcher.is_finished(); ++step) {
      const double start = now_us();
      matcher.fill_mask(mask, limited ? int64_t(most_tokens - step) : unlimited);
      const double filled = now_us();
      (sentence == 0 ? first : later).push_back(filled - start);
      const auto draw = random.block(step);
      int32_t best = -1;
      size_t best_length = 0;
      for (uint32_t tries = 0, at = draw[0]; tries < 400; ++tries, at = at * 1664525 + 1013904223) {
        const auto id = int32_t(at % words.texts.size());
        if (!(mask[size_t(id) / 64] >> (id % 64) & 1) || id == words.end) continue;
        if (best < 0 || words.texts[size_t(id)].size() > best_length) {
          best = id;
          best_length = words.texts[size_t(id)].size();
        }
        if (best_length >= 4) break;
      }
      for (size_t word = 0; best < 0 && word < mask.size(); ++word)
        if (mask[word] != 0) best = int32_t(word * 64) + std::countr_zero(mask[word]);
      if (best < 0) break;
      const double before = now_us();
      if (!matcher.accept(best)) fail(ErrorKind::internal, "an allowed token was refused");
      accepts.push_back(now_us() - before);
    }
  }
  const auto median = [](std::vector<double>& v) {
    std::sort(v.begin(), v.end());
    return v.empty() ? 0 : v[v.size() / 2];
  };
  const auto mean = [](const std::vector<double>& v) {
    double sum = 0;
    for (const double x : v) sum += x;
    return v.empty() ? 0 : sum / double(v.size());
  };
  const double first_mean = mean(first), later_mean = mean(later);
  const double accept = median(accepts), later_median = median(later);
  std::printf(
      "{\"grammar\": \"%s\", \"vocab\": %s, \"limited\": %s, \"compile_us\": %.0f, \"join_us\": "
      "%.0f, \"first_sentence_us_per_mask\": %.1f, \"first_sentence_worst_us\": %.0f, "
      "\"us_per_mask\": %.2f, \"median_us\": %.2f, \"p99_us\": %.0f, \"accept_us\": %.2f}\n",
      name, words.name.c_str(), limited ? "true" : "false", compile_us, join_us, first_mean,
      first.empty() ? 0 : *std::max_element(first.begin(), first.end()), later_mean, later_median,
      later.empty() ? 0 : later[later.size() * 99 / 100], accept);
}

int run(const std::vector<std::string>& paths) {
  std::vector<Words> vocabularies;
  vocabularies.reserve(paths.size() + 1);
  for (const std::string& path : paths) vocabularies.push_back(load(path));
  vocabularies.push_back(invent(129'280));
  for (const Words& words : vocabularies) {
    const auto each = [&](const char* name, const auto& compose) {
      const double begin = now_us();
      Builder builder;
      const Grammar grammar = builder.build(compose(builder));
      const double compiled = now_us() - begin;
      for (const bool limited : {false, true}) measure(name, words, grammar, compiled, limited);
    };
    each("JSON mode", [](Builder& b) { return b.json_object(); });
    each("nested schema", [](Builder& b) { return b.json_schema_text(nested_schema); });
    each("regex", [](Builder& b) { return b.regex(R"([A-Z][a-z]{1,30}( [A-Za-z]+){0,9}[.!?])"); });
    each("think, then schema", [](Builder& b) {
      return b.sequence({b.text_until("</think>"), b.json_schema_text(nested_schema)});
    });
    each("text with tools", [](Builder& b) {
      const std::vector<Section> sections{
          b.section("<tool_call>",
                    b.sequence({b.literal("\n{\"name\": \"f\", \"arguments\": "),
                                b.json_schema_text(nested_schema), b.literal("}\n</tool_call>")}))};
      return b.free_text(sections);
    });
    each("GBNF of JSON", [](Builder& b) {
      return b.gbnf(
          "root ::= object\nvalue ::= object | array | string | number | \"true\" | \"null\"\n"
          "object ::= \"{\" ws (string \":\" ws value (\",\" ws string \":\" ws value)*)? \"}\"\n"
          "array ::= \"[\" ws (value (\",\" ws value)*)? \"]\"\n"
          "string ::= \"\\\"\" ([^\"\\\\\\x00-\\x1F] | \"\\\\\" [\"\\\\/bfnrt])* \"\\\"\"\n"
          "number ::= \"-\"? [0-9]+\nws ::= \" \"?\n");
    });
  }
  return 0;
}

}  // namespace
}  // namespace deepseek

int main(int count, char** arguments) {
  try {
    return deepseek::run({arguments + 1, arguments + count});
  } catch (const deepseek::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return deepseek::exit_code(error.kind());
  }
}
