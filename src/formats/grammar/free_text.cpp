// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <queue>

#include "core/utf8.h"
#include "formats/grammar/builder_parts.h"

namespace deepseek::grammar {
namespace {

/// Which of several words the text so far ends in, and how much of the others (Aho and Corasick,
/// 1975). State 0 is the start.
struct WordScanner {
  std::vector<std::array<int32_t, 256>> next;
  std::vector<bool> ends, forbidden;

  int32_t add_state() {
    next.emplace_back().fill(-1);
    ends.push_back(false);
    forbidden.push_back(false);
    return int32_t(next.size()) - 1;
  }
  void add(std::string_view word, std::vector<bool> WordScanner::*mark, Meter& meter) {
    int32_t at = 0;
    for (const char c : word) {
      const int32_t known = next[at][uint8_t(c)];
      const int32_t to = known >= 0 ? known : add_state();
      next[at][uint8_t(c)] = to;
      at = to;
      meter.step(256);  // finish() visits each byte
    }
    (this->*mark)[at] = true;
  }
  void finish() {
    std::vector<int32_t> fallback(next.size());
    std::queue<int32_t> open;
    open.push(0);
    while (!open.empty()) {
      const int32_t at = open.front();
      open.pop();
      for (int b = 0; b < 256; ++b) {
        const int32_t other = at == 0 ? 0 : next[fallback[at]][b];
        const int32_t to = next[at][b];
        if (to < 0) {
          next[at][b] = other;
          continue;
        }
        fallback[to] = other;
        ends[to] = ends[to] || ends[other];
        forbidden[to] = forbidden[to] || forbidden[other];
        open.push(to);
      }
    }
  }
};

/// UTF-8 while it is being read: how many bytes are missing, and what the next one may be.
struct Utf8Reader {
  uint8_t missing = 0, first = 0x80, last = 0xBF;
  auto operator<=>(const Utf8Reader&) const = default;

  /// False for a byte that cannot come.
  bool read(uint8_t byte) {
    if (missing > 0) {
      if (byte < first || byte > last) return false;
      *this = {uint8_t(missing - 1), 0x80, 0xBF};
      return true;
    }
    if (byte < 0x80) return true;
    if (byte < 0xC2 || byte > 0xF4) return false;
    missing = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    if (byte == 0xE0) first = 0xA0;
    if (byte == 0xED) last = 0x9F;
    if (byte == 0xF0) first = 0x90;
    if (byte == 0xF4) last = 0x8F;
    return true;
  }
};

/// UTF-8 in which no forbidden word occurs. With an end word: up to its first occurrence; without:
/// any of it.
Dfa scanned_text(const std::string* end, std::span<const std::string> never, Meter& meter) {
  WordScanner words;
  words.add_state();
  if (end != nullptr) words.add(*end, &WordScanner::ends, meter);
  for (const std::string& word : never)
    if (end == nullptr || word != *end) words.add(word, &WordScanner::forbidden, meter);
  words.finish();
  Dfa dfa;
  std::map<std::pair<int32_t, Utf8Reader>, int32_t> known;
  std::vector<std::pair<int32_t, Utf8Reader>> states;
  const auto intern = [&](int32_t word, Utf8Reader reader) {
    const auto [at, fresh] = known.try_emplace({word, reader}, int32_t(states.size()));
    if (fresh) {
      meter.state();
      states.emplace_back(word, reader);
    }
    return at->second;
  };
  intern(0, {});
  for (size_t i = 0; i < states.size(); ++i) {
    const auto [word, reader] = states[i];
    Dfa::State state;
    const bool over = words.ends[word];
    state.accepting = end != nullptr ? over : reader.missing == 0;
    for (int b = 0; b < 256 && !over; ++b) {
      Utf8Reader next = reader;
      const int32_t to = words.next[word][b];
      if (!next.read(uint8_t(b)) || (words.forbidden[to] && !words.ends[to])) continue;
      // The end is the end, whatever was being read.
      const int32_t target = intern(to, words.ends[to] ? Utf8Reader() : next);
      if (!state.bytes.empty() && state.bytes.back().target == target &&
          state.bytes.back().last + 1 == b)
        state.bytes.back().last = uint8_t(b);
      else
        state.bytes.push_back({uint8_t(b), uint8_t(b), target});
    }
    meter.step(256);
    dfa.states.push_back(std::move(state));
  }
  meter.forget_states(int64_t(states.size()));
  trim(dfa);
  return dfa;
}

void check_word(std::string_view word) {
  if (word.empty() || !is_valid_utf8(word))
    fail(ErrorKind::invalid_input,
         "grammar: expected a word of UTF-8 to look for in free text, "
         "got \"",
         printable(word), "\"");
}

}  // namespace

Node Builder::any_text() { return text_without({}); }

Node Builder::text_until(std::string_view end, std::span<const std::string> never) {
  check_word(end);
  for (const std::string& word : never) check_word(word);
  const std::string word(end);
  return parts_->dfa(scanned_text(&word, never, parts_->meter));
}

Node Builder::text_without(std::span<const std::string> literals) {
  for (const std::string& word : literals) check_word(word);
  return parts_->dfa(scanned_text(nullptr, literals, parts_->meter));
}

Section Builder::section(const Tokenizer& tokenizer, std::string_view trigger, Node body) {
  const Node node = marker(tokenizer, trigger);
  if (parts_->at(node).kind == NodeKind::symbol) return {node, {}, body};
  return {node, std::string(trigger), body};
}

Section Builder::section(std::string_view trigger, Node body) {
  return {literal(trigger), std::string(trigger), body};
}

Node Builder::free_text(std::span<const Section> sections, int64_t min, int64_t max,
                        bool text_between, bool text_after) {
  std::vector<std::string> triggers;
  for (const Section& section : sections)
    if (!section.literal.empty()) triggers.push_back(section.literal);
  const Node plain = text_without(triggers);
  if (sections.empty() || max == 0) return plain;
  std::vector<Node> after_text, alone;
  for (const Section& section : sections) {
    after_text.push_back(section.literal.empty()
                             ? sequence({plain, section.trigger, section.body})
                             : sequence({text_until(section.literal, triggers), section.body}));
    alone.push_back(sequence({section.trigger, section.body}));
  }
  const Node first = choice(after_text);
  const Node next = text_between ? first : choice(alone);
  const int64_t more = max == unlimited ? unlimited : max - 1;
  const Node some = sequence(
      {first, repeat(next, std::max<int64_t>(min - 1, 0), more), text_after ? plain : empty()});
  return min > 0 ? some : choice({some, plain});
}

}  // namespace deepseek::grammar
