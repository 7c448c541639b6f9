// SPDX-License-Identifier: Apache-2.0
#include "serve/api/fill_middle.h"

#include "formats/fill_marks.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {

std::vector<int32_t> fill_in_the_middle(const Tokenizer& tokenizer, const std::string& prefix,
                                        const std::string& suffix) {
  const FillMarks* const marks = find_fill_marks(tokenizer);
  if (marks == nullptr)
    refuse_param(422, "suffix", "this model was not taught to fill in the middle");
  const std::vector<TextSpan> spans{{marks->prefix, true},
                                    {prefix, false},
                                    {marks->suffix, true},
                                    {suffix, false},
                                    {marks->middle, true}};
  return tokenizer.encode(spans, tokenizer.special_tokens().add_bos);
}

}  // namespace deepseek::serve
