// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "formats/regex.h"

namespace deepseek {

/// What becomes of the matches that split a text.
enum class SplitBehavior {
  removed,
  isolated,
  contiguous,
  merged_with_previous,
  merged_with_next,
};

/// Cuts text into the pieces that are encoded each on its own. Every stage cuts the pieces of the
/// one before; a pattern sees only its piece.
class PreTokenizer {
 public:
  struct Split {
    Regex pattern;
    SplitBehavior behavior = SplitBehavior::isolated;
    bool invert = false;
  };
  /// Puts a space before each piece that does not start with one.
  struct PrefixSpace {};
  using Stage = std::variant<Split, PrefixSpace>;

  /// Receives the pieces in order. A piece lives until the call returns.
  class Sink {
   public:
    virtual void piece(std::string_view text) = 0;

   protected:
    ~Sink() = default;
  };

  static constexpr size_t max_stages = 64;

  void add(Stage stage) { stages_.push_back(std::move(stage)); }
  size_t stages() const { return stages_.size(); }
  void run(std::string_view text, Regex::Scratch& scratch, Sink& sink) const;

 private:
  void run_stage(size_t stage, std::string_view text, Regex::Scratch& scratch, Sink& sink) const;
  void run_split(size_t stage, const Split& split, std::string_view text, Regex::Scratch& scratch,
                 Sink& sink) const;

  std::vector<Stage> stages_;
};

}  // namespace deepseek
