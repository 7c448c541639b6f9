// SPDX-License-Identifier: Apache-2.0
#include "formats/pre_tokenizer.h"

#include <optional>

#include "core/utf8.h"

namespace deepseek {
namespace {

/// Calls take(part, is_match) for matches and for what lies between them, in order. Both may be
/// empty. An empty match directly after another match does not count.
template <class Take>
void for_each_part(const Regex& pattern, std::string_view text, Regex::Scratch& scratch,
                   Take&& take) {
  size_t done = 0;
  std::optional<size_t> last_end;
  for (size_t from = 0; from <= text.size();) {
    Regex::Match match;
    if (!pattern.find(text, from, scratch, match)) break;
    from = match.end;
    if (match.begin == match.end) {
      from += match.end < text.size() ? read_utf8(text.substr(match.end)).size_bytes : 1;
      if (last_end == match.begin) continue;
    }
    if (done < match.begin) take(text.substr(done, match.begin - done), false);
    take(text.substr(match.begin, match.end - match.begin), true);
    done = match.end;
    last_end = match.end;
  }
  if (done < text.size()) take(text.substr(done), false);
}

}  // namespace

void PreTokenizer::run(std::string_view text, Regex::Scratch& scratch, Sink& sink) const {
  run_stage(0, text, scratch, sink);
}

void PreTokenizer::run_stage(size_t stage, std::string_view text, Regex::Scratch& scratch,
                             Sink& sink) const {
  if (text.empty()) return;
  if (stage == stages_.size()) return sink.piece(text);
  if (const Split* split = std::get_if<Split>(&stages_[stage]))
    return run_split(stage, *split, text, scratch, sink);
  if (text.starts_with(' ')) return run_stage(stage + 1, text, scratch, sink);
  std::string spaced(1, ' ');
  spaced += text;
  run_stage(stage + 1, spaced, scratch, sink);
}

void PreTokenizer::run_split(size_t stage, const Split& split, std::string_view text,
                             Regex::Scratch& scratch, Sink& sink) const {
  const auto emit = [&](std::string_view piece) { run_stage(stage + 1, piece, scratch, sink); };
  // Parts that belong together lie side by side, so a piece grows by moving its end.
  std::string_view held;
  bool held_matches = false, holding = false;
  const auto grow = [&](std::string_view part) { held = {held.data(), held.size() + part.size()}; };
  const auto hold = [&](std::string_view part, bool matches) {
    if (holding) emit(held);
    held = part;
    held_matches = matches;
    holding = true;
  };
  for_each_part(split.pattern, text, scratch, [&](std::string_view part, bool matches) {
    matches = matches != split.invert;
    switch (split.behavior) {
      case SplitBehavior::removed:
        if (!matches) emit(part);
        return;
      case SplitBehavior::isolated:
        return emit(part);
      case SplitBehavior::contiguous:
        if (!holding || held_matches != matches) return hold(part, matches);
        return grow(part);
      case SplitBehavior::merged_with_previous:
        if (!holding || !matches || held_matches) return hold(part, matches);
        grow(part);
        held_matches = true;
        return;
      case SplitBehavior::merged_with_next:
        if (!holding || matches || !held_matches) return hold(part, matches);
        grow(part);
        held_matches = false;
        return;
    }
  });
  if (holding) emit(held);
}

}  // namespace deepseek
