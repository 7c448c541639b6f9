// SPDX-License-Identifier: Apache-2.0
#include "serve/batches/batch_results.h"

#include "core/text.h"
#include "serve/http/trace_context.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;

constexpr int64_t lines_at_once = 256;

ordered_json row_of(const std::string& custom_id) {
  return {{"id", "batch_req_" + random_hex(24)},
          {"custom_id", custom_id},
          {"response", nullptr},
          {"error", nullptr}};
}

std::string text_of(const ordered_json& row) {
  return row.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::optional<std::string> write_file(store::Batches& batches, store::Files& files,
                                      const store::Batch& batch, std::string_view state,
                                      std::string_view what) {
  std::vector<store::BatchLine> lines = batches.lines(batch.id, state, -1, lines_at_once);
  if (lines.empty()) return std::nullopt;
  store::Files::Upload file =
      files.begin(batch.key_id, concat(batch.id, "_", what, ".jsonl"), "batch_output", INT64_MAX);
  while (!lines.empty()) {
    for (const store::BatchLine& line : lines) file.write(line.result + '\n');
    lines = batches.lines(batch.id, state, lines.back().line, lines_at_once);
  }
  return file.finish().id;
}

}  // namespace

ordered_json batch_page(const store::Batch& batch) {
  const auto text = [](const std::optional<std::string>& value) {
    return value ? ordered_json(*value) : ordered_json(nullptr);
  };
  const auto time = [](const std::optional<int64_t>& ms) {
    return ms ? ordered_json(*ms / 1000) : ordered_json(nullptr);
  };
  const auto parsed = [](const std::string& json) {
    return json.empty() ? ordered_json(nullptr) : ordered_json::parse(json);
  };
  return {{"id", batch.id},
          {"object", "batch"},
          {"endpoint", batch.endpoint},
          {"errors", parsed(batch.errors)},
          {"input_file_id", batch.input_file_id},
          {"completion_window", batch.completion_window},
          {"status", batch.status},
          {"output_file_id", text(batch.output_file_id)},
          {"error_file_id", text(batch.error_file_id)},
          {"created_at", batch.created_at_ms / 1000},
          {"in_progress_at", time(batch.in_progress_at_ms)},
          {"expires_at", batch.expires_at_ms / 1000},
          {"finalizing_at", time(batch.finalizing_at_ms)},
          {"completed_at", time(batch.completed_at_ms)},
          {"failed_at", time(batch.failed_at_ms)},
          {"expired_at", time(batch.expired_at_ms)},
          {"cancelling_at", time(batch.cancelling_at_ms)},
          {"cancelled_at", time(batch.cancelled_at_ms)},
          {"request_counts",
           {{"total", batch.total}, {"completed", batch.completed}, {"failed", batch.failed}}},
          {"metadata", parsed(batch.metadata)}};
}

std::string result_line(const std::string& custom_id, const std::string& request_id,
                        const HttpReply& reply) {
  ordered_json row = row_of(custom_id);
  ordered_json body = ordered_json::parse(reply.body, nullptr, /*allow_exceptions=*/false);
  if (body.is_discarded()) body = reply.body;
  row["response"] = {
      {"status_code", reply.status}, {"request_id", request_id}, {"body", std::move(body)}};
  return text_of(row);
}

std::string error_line(const std::string& custom_id, const std::string& code,
                       const std::string& message) {
  ordered_json row = row_of(custom_id);
  row["error"] = {{"code", code}, {"message", message}};
  return text_of(row);
}

store::BatchEnd write_results(store::Batches& batches, store::Files& files,
                              const store::Batch& batch) {
  return {.output_file_id = write_file(batches, files, batch, "completed", "output"),
          .error_file_id = write_file(batches, files, batch, "failed", "error")};
}

}  // namespace deepseek::serve
