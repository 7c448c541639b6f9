// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "formats/tokenizer.h"

namespace deepseek {

/// The special tokens around a text with a hole, in the order of a prompt: prefix, suffix, middle.
struct FillMarks {
  const char *prefix, *suffix, *middle;
};

/// Those that the tokenizer has; null when its model was not taught to fill in the middle.
const FillMarks* find_fill_marks(const Tokenizer& tokenizer);

}  // namespace deepseek
