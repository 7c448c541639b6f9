// SPDX-License-Identifier: Apache-2.0
#include "serve/batches/batch_routes.h"

#include <charconv>

#include "core/text.h"
#include "serve/batches/batch_results.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int64_t longest_window_seconds = 7 * 86400;
constexpr int64_t retry_when_full_ms = 60'000;

/// "24h" or "2d" in seconds.
int64_t window_seconds(const std::string& text) {
  int64_t count = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, count);
  const bool whole = error == std::errc() && end + 1 == last && (*end == 'h' || *end == 'd');
  const int64_t unit = whole && *end == 'd' ? 86400 : 3600;
  if (!whole || count < 1 || count > longest_window_seconds / unit)
    refuse_param(422, "completion_window", "expected hours or days such as 24h, at most 7d, got '",
                 printable(text, 40), "'");
  return count * unit;
}

HttpReply create(const BatchDesk& desk, const FileAccess& access, const SchemaSet& schemas,
                 const HttpRequest& http) {
  const json body = checked_body(http, "BatchRequest", schemas);
  const auto endpoint = body.at("endpoint").get<std::string>();
  const auto file_id = body.at("input_file_id").get<std::string>();
  const auto window = body.at("completion_window").get<std::string>();
  const int64_t seconds = window_seconds(window);
  if (!desk.serves(endpoint))
    refuse_param(422, "endpoint", "batches cannot ask for '", printable(endpoint, 60), "'");
  desk.check(http, endpoint);
  const std::string owner = access.owner(http);
  const auto file = access.files->find(owner, file_id);
  if (!file) refuse_unknown("file", "input_file_id", file_id);
  if (file->purpose != "batch")
    refuse_param(422, "input_file_id", "expected a file with the purpose batch, got ",
                 file->purpose);
  const auto metadata = body.find("metadata");
  const bool with_metadata = metadata != body.end() && !metadata->is_null();
  const auto batch = desk.batches->create(
      owner, endpoint, file_id, with_metadata ? metadata->dump() : "", window, seconds * 1000);
  if (!batch)
    throw RequestError(429,
                       concat("this API key has ", desk.batches->limits().unfinished_of_a_key,
                              " batches that are not over, which is the most; try again when one "
                              "has ended, or cancel one"),
                       {.code = "too_many_batches", .retry_after_ms = retry_when_full_ms});
  desk.wake();
  return json_reply(batch_page(*batch).dump());
}

store::Batch batch_of(const BatchDesk& desk, const FileAccess& access, const HttpRequest& http) {
  const std::string id(http.path_value("batch_id"));
  const auto batch = desk.batches->find(access.owner(http), id);
  if (!batch) refuse_unknown("batch", "batch_id", id);
  return *batch;
}

HttpReply look_up(const BatchDesk& desk, const FileAccess& access, const SchemaSet&,
                  const HttpRequest& http) {
  return json_reply(batch_page(batch_of(desk, access, http)).dump());
}

HttpReply cancel(const BatchDesk& desk, const FileAccess& access, const SchemaSet&,
                 const HttpRequest& http) {
  const store::Batch batch = batch_of(desk, access, http);
  try {
    const store::Batch now = desk.batches->cancel(batch.key_id, batch.id);
    desk.wake();
    return json_reply(batch_page(now).dump());
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid_input) throw;
    throw RequestError(409, error.what(),
                       {.param = "batch_id", .code = "batch_over", .should_retry = false});
  }
}

HttpReply list(const BatchDesk& desk, const FileAccess& access, const SchemaSet&,
               const HttpRequest& http) {
  const ListQuery query = list_query(http);
  const std::string owner = access.owner(http);
  if (!query.after.empty() && !desk.batches->find(owner, query.after))
    refuse_unknown("batch", "after", query.after);
  std::vector<ordered_json> items;
  for (const store::Batch& batch : desk.batches->list(owner, query.after, query.limit + 1))
    items.push_back(batch_page(batch));
  return json_reply(list_page(query, std::move(items)).dump());
}

}  // namespace

void add_batch_schemas(SchemaSet& schemas) {
  schemas.add("BatchRequest",
              {{"type", "object"},
               {"required", {"input_file_id", "endpoint", "completion_window"}},
               {"properties",
                {{"input_file_id", {{"type", "string"}}},
                 {"endpoint", {{"type", "string"}}},
                 {"completion_window", {{"type", "string"}}},
                 {"metadata",
                  {{"type", {"object", "null"}},
                   {"maxProperties", 16},
                   {"additionalProperties", {{"type", "string"}, {"maxLength", 512}}}}}}}});
}

void add_batch_routes(Router& router, const std::shared_ptr<BatchDesk>& desk,
                      const FileAccess& access, const SchemaSet& schemas) {
  using Answer =
      HttpReply (*)(const BatchDesk&, const FileAccess&, const SchemaSet&, const HttpRequest&);
  const auto add = [&](const char* method, const std::string& path, Answer answer,
                       const char* summary, const char* schema = "") {
    router.add({"/v1" + path, path},
               Route(method, "", Access::scope("batches"),
                     answering([desk, access, &schemas, answer](const HttpRequest& http) {
                       if (!desk->batches) refuse_without_store();
                       return answer(*desk, access, schemas, http);
                     }),
                     {.summary = summary, .request_schema = schema}));
  };
  add("POST", "/batches", create, "Runs a file of requests in the background", "BatchRequest");
  add("GET", "/batches", list, "The batches of this key");
  add("GET", "/batches/{batch_id}", look_up, "One batch");
  add("POST", "/batches/{batch_id}/cancel", cancel, "Ends a batch early");
}

}  // namespace deepseek::serve
