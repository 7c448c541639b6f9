// SPDX-License-Identifier: Apache-2.0
#include "serve/files/file_routes.h"

#include <algorithm>
#include <charconv>

#include "core/file.h"
#include "core/text.h"
#include "serve/files/form.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

using nlohmann::ordered_json;

constexpr int64_t upload_limit_bytes = int64_t{200} << 20;  // as OpenAI's for batches
constexpr int64_t longest_page = 999;
constexpr int64_t least_seconds = 3600, most_seconds = 30 * 86400;  // that a file is kept
constexpr std::string_view purposes[] = {"batch", "user_data", "evals", "assistants"};

ordered_json page_of(const store::FileRecord& file) {
  return {{"id", file.id},
          {"object", "file"},
          {"bytes", file.size_bytes},
          {"created_at", file.created_at_ms / 1000},
          {"expires_at",
           file.expires_at_ms ? ordered_json(*file.expires_at_ms / 1000) : ordered_json(nullptr)},
          {"filename", file.name},
          {"purpose", file.purpose},
          {"status", "processed"}};
}

int64_t whole_number(std::string_view text, const std::string& param, int64_t least, int64_t most) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    refuse_param(422, param, "expected a whole number from ", least, " to ", most, ", got '",
                 printable(text, 40), "'");
  return value;
}

/// expires_after[anchor]=created_at and expires_after[seconds]=S.
std::optional<int64_t> expires_at_ms(const std::vector<FormPart>& form) {
  const auto seconds = form_text(form, "expires_after[seconds]");
  if (const auto anchor = form_text(form, "expires_after[anchor]");
      anchor && *anchor != "created_at")
    refuse_param(422, "expires_after[anchor]", "expected created_at, got '", printable(*anchor, 40),
                 "'");
  if (!seconds) return std::nullopt;
  return store::system_clock_ms() +
         1000 * whole_number(*seconds, "expires_after[seconds]", least_seconds, most_seconds);
}

HttpReply upload(const FileAccess& access, const HttpRequest& http) {
  const std::vector<FormPart> form = parse_form(http.header("content-type"), http.body);
  const auto file = std::ranges::find(form, "file", &FormPart::name);
  if (file == form.end() || !file->filename)
    refuse_param(400, "file", "expected a field 'file' with a file name");
  const std::optional<std::string> purpose = form_text(form, "purpose");
  if (!purpose) refuse_param(400, "purpose", "expected a purpose, such as batch");
  if (std::ranges::find(purposes, *purpose) == std::end(purposes))
    refuse_param(422, "purpose", "expected batch, user_data, evals or assistants, got '",
                 printable(*purpose, 40), "'");
  const auto size_bytes = static_cast<int64_t>(file->content.size());
  const int64_t total_bytes = access.files->total_bytes();
  if (total_bytes + size_bytes > access.limit_bytes)
    throw RequestError(
        413,
        concat("this server keeps ", size_text(uint64_t(access.limit_bytes)), " of files and has ",
               size_text(uint64_t(total_bytes)), "; delete some that are not needed any more"),
        {.param = "file", .code = "files_full"});
  store::Files::Upload into = access.files->begin(access.owner(http), *file->filename, *purpose,
                                                  size_bytes, expires_at_ms(form));
  into.write(file->content);
  return json_reply(page_of(into.finish()).dump());
}

store::FileRecord file_of(const FileAccess& access, const HttpRequest& http) {
  const std::string id(http.path_value("file_id"));
  const std::optional<store::FileRecord> file = access.files->find(access.owner(http), id);
  if (!file) refuse_unknown("file", "file_id", id);
  return *file;
}

HttpReply look_up(const FileAccess& access, const HttpRequest& http) {
  return json_reply(page_of(file_of(access, http)).dump());
}

HttpReply list(const FileAccess& access, const HttpRequest& http) {
  const ListQuery query = list_query(http);
  const std::string owner = access.owner(http);
  if (!query.after.empty() && !access.files->find(owner, query.after))
    refuse_unknown("file", "after", query.after);
  const std::string* purpose = http.query_value("purpose");
  std::vector<ordered_json> items;
  for (const store::FileRecord& file :
       access.files->list(owner, purpose ? *purpose : "", query.after, query.limit + 1))
    items.push_back(page_of(file));
  return json_reply(list_page(query, std::move(items)).dump());
}

HttpReply content(const FileAccess& access, const HttpRequest& http) {
  const store::FileRecord file = file_of(access, http);
  HttpReply reply;
  // Never shown by a browser as a page of this server.
  reply.headers = {{"Content-Type", "application/octet-stream"},
                   {"Content-Disposition", "attachment"}};
  reply.body = read_text_file(access.files->content_path(file), size_t(file.size_bytes));
  return reply;
}

HttpReply remove(const FileAccess& access, const HttpRequest& http) {
  const store::FileRecord file = file_of(access, http);
  access.files->remove(file.key_id, file.id);
  return json_reply(ordered_json{{"id", file.id}, {"object", "file"}, {"deleted", true}}.dump());
}

}  // namespace

void refuse_unknown(const char* what, const std::string& param, std::string_view id) {
  throw RequestError(404, concat("there is no ", what, " '", printable(id, 60), "'"),
                     {.param = param, .code = concat(what, "_not_found")});
}

void refuse_without_store() {
  throw RequestError(501,
                     "this server has no store; start it with --data-path DIR to have files and "
                     "batches",
                     {.code = "no_store", .should_retry = false});
}

ListQuery list_query(const HttpRequest& http) {
  ListQuery query{.after = "", .limit = 100};
  if (const std::string* after = http.query_value("after")) query.after = *after;
  if (const std::string* limit = http.query_value("limit"))
    query.limit = whole_number(*limit, "limit", 1, longest_page);
  if (const std::string* order = http.query_value("order"); order && *order != "desc")
    refuse_param(422, "order", "expected desc, got '", printable(*order, 40), "'");
  return query;
}

ordered_json list_page(const ListQuery& query, std::vector<ordered_json> items) {
  const bool more = static_cast<int64_t>(items.size()) > query.limit;
  if (more) items.pop_back();
  ordered_json page = {{"object", "list"}, {"data", items}};
  page["first_id"] = items.empty() ? ordered_json(nullptr) : items.front().at("id");
  page["last_id"] = items.empty() ? ordered_json(nullptr) : items.back().at("id");
  page["has_more"] = more;
  return page;
}

void add_file_schemas(SchemaSet& schemas) {
  schemas.add("FileUpload",
              {{"type", "object"},
               {"required", {"file", "purpose"}},
               {"properties",
                {{"file", {{"type", "string"}, {"contentMediaType", "application/octet-stream"}}},
                 {"purpose",
                  {{"type", "string"},
                   {"enum", std::vector<std::string>(std::begin(purposes), std::end(purposes))}}},
                 {"expires_after[anchor]", {{"type", "string"}, {"enum", {"created_at"}}}},
                 {"expires_after[seconds]",
                  {{"type", "integer"}, {"minimum", least_seconds}, {"maximum", most_seconds}}}}}});
}

void add_file_routes(Router& router, const FileAccess& access) {
  using Answer = HttpReply (*)(const FileAccess&, const HttpRequest&);
  const auto add = [&](const char* method, const std::string& path, Answer answer,
                       const char* summary, std::optional<int64_t> body_limit = {}) {
    router.add({"/v1" + path, path}, Route(method, "", Access::scope("files"),
                                           answering([access, answer](const HttpRequest& http) {
                                             if (!access.files) refuse_without_store();
                                             return answer(access, http);
                                           }),
                                           {.body_limit_bytes = body_limit, .summary = summary}));
  };
  add("POST", "/files", upload, "Uploads a file", upload_limit_bytes);
  add("GET", "/files", list, "The files of this key");
  add("GET", "/files/{file_id}", look_up, "One file");
  add("GET", "/files/{file_id}/content", content, "What is in a file");
  add("DELETE", "/files/{file_id}", remove, "Deletes a file");
}

}  // namespace deepseek::serve
