// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "serve/api/answer.h"
#include "serve/api/api.h"

namespace deepseek::serve {

/// Texts of which vectors are wanted.
struct EmbeddingJob {
  std::vector<std::vector<int32_t>> inputs;  // each of at least one token
  EmbedRequest::Pooling pooling = EmbedRequest::Pooling::mean;
  bool normalize = true;  // to unit length
  RequestClass request_class = RequestClass::interactive;
};

struct EmbeddingAnswer {
  std::vector<std::vector<float>> vectors;  // one an input, [hidden] each
  int64_t prompt_tokens = 0;
  Timings timings;  // of the input that took longest
};

/// Has the model read the inputs, a few at a time, the request's key pay for their tokens, and
/// answers what `write` makes of the vectors. A vector depends on its input alone, not on what it
/// is computed beside. Throws RequestError as Accounts::admit and submit, 400 for an input beyond
/// the context.
void run_embeddings(const std::shared_ptr<ApiContext>& context,
                    const std::shared_ptr<Answer>& answer, const std::shared_ptr<ModelHost>& host,
                    EmbeddingJob job, std::function<HttpReply(const EmbeddingAnswer&)> write);

/// Token ids of `input`: a string, a list of strings, token ids or a list of lists of them. Throws
/// RequestError 422 naming it.
std::vector<std::vector<int32_t>> embedding_inputs(const ModelHost& host,
                                                   const nlohmann::json& input);

}  // namespace deepseek::serve
