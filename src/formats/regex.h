// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace deepseek {

/// A compiled regular expression in the syntax of tokenizer.json (see regex_syntax.h). Immutable:
/// any number of threads may match at once, each with its own scratch.
class Regex {
 public:
  struct Match {
    size_t begin, end;
  };

  /// Memory and limits of matching, one per thread.
  class Scratch {
   public:
    Scratch();
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    /// Starts the clock for all patterns that together work on one text.
    void start(size_t text_bytes);

   private:
    friend class Regex;
    struct Parts;
    std::unique_ptr<Parts> parts_;
  };

  /// Throws bad_file, naming `owner`, when the pattern does not compile, unsupported when it uses
  /// what this project does not do.
  Regex(std::string_view pattern, std::string owner);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  /// The first match that begins at or after `from`; what stands before is seen by lookbehinds.
  /// `text` must be UTF-8. Throws unsupported when the pattern exceeds its limits on this text.
  bool find(std::string_view text, size_t from, Scratch& scratch, Match& match) const;

 private:
  struct Code;
  std::unique_ptr<Code> code_;
  std::string owner_;
};

}  // namespace deepseek
