// SPDX-License-Identifier: Apache-2.0
#include <bit>

#include "core/base64.h"
#include "serve/api/embedding.h"
#include "serve/api/request_fields.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

/// The bytes of f32 values, little-endian, in base64.
std::string packed(const std::vector<float>& values) {
  std::string bytes;
  bytes.reserve(values.size() * sizeof(float));
  for (const float value : values) {
    const auto bits = std::bit_cast<uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8)
      bytes += static_cast<char>(static_cast<unsigned char>(bits >> shift));
  }
  return to_base64(bytes);
}

void embeddings(const std::shared_ptr<ApiContext>& context, Exchange exchange) {
  const std::shared_ptr<Answer> answer = Answer::begin(std::move(exchange), context);
  if (!answer) return;
  const json body = checked_body(answer->request(), "EmbeddingRequest", context->schemas);
  const std::string model = field<std::string>(body, "model").value_or("");
  const std::shared_ptr<ModelHost> host = context->host(answer->request(), model);
  const int64_t width = host->model().config().hidden_size;
  if (const auto dimensions = field<int64_t>(body, "dimensions");
      dimensions && *dimensions != width)
    refuse_param(422, "dimensions", "expected ", width, ", the width of this model, got ",
                 *dimensions, "; leave dimensions out");
  EmbeddingJob job{.inputs = embedding_inputs(*host, body["input"])};
  const std::string pooling = field<std::string>(body, "pooling").value_or("mean");
  if (pooling == "last") job.pooling = EmbedRequest::Pooling::last;
  job.normalize = field<bool>(body, "normalize").value_or(true);
  job.request_class = request_class(body);
  const bool base64 = field<std::string>(body, "encoding_format") == "base64";
  const std::string name = model.empty() ? host->name() : model;
  run_embeddings(context, answer, host, std::move(job), [=](const EmbeddingAnswer& result) {
    ordered_json data = ordered_json::array();
    for (const std::vector<float>& vector : result.vectors)
      data.push_back({{"object", "embedding"},
                      {"index", data.size()},
                      {"embedding", base64 ? ordered_json(packed(vector)) : ordered_json(vector)}});
    return json_reply(ordered_json{
        {"object", "list"},
        {"data", std::move(data)},
        {"model", name},
        {"pooling", pooling},
        {"usage",
         {{"prompt_tokens", result.prompt_tokens}, {"total_tokens", result.prompt_tokens}}}}
                          .dump());
  });
}

}  // namespace

void add_embedding_routes(Router& router, const std::shared_ptr<ApiContext>& context) {
  router.add({"/v1/embeddings", "/embeddings"},
             Route("POST", "", Access::scope(embeddings_scope),
                   [context](const Exchange& exchange) { embeddings(context, exchange); },
                   {.blank_keep_alive = true,
                    .summary = "Vectors of texts: the model's final hidden states, pooled",
                    .request_schema = "EmbeddingRequest"}));
}

}  // namespace deepseek::serve
