// SPDX-License-Identifier: Apache-2.0
#include "serve/http/schema_openapi.h"

#include <algorithm>
#include <array>
#include <set>

#include "core/error.h"

namespace deepseek::serve {
namespace {

using nlohmann::json;

struct StatusText {
  int status;
  const char* text;
};

constexpr std::array status_texts{
    StatusText{200, "Success."},
    StatusText{201, "It was made."},
    StatusText{304, "What the client has is still current."},
    StatusText{400, "The request is malformed: its message names the field."},
    StatusText{401, "No API key, or none that is valid."},
    StatusText{402, "The key's balance does not suffice."},
    StatusText{403, "The key's scope, the Host or the Origin does not allow this."},
    StatusText{404, "There is no such thing, or it belongs to another key."},
    StatusText{408, "The request did not arrive in time."},
    StatusText{409, "What is there already stands against it."},
    StatusText{410, "It was there, and is forgotten."},
    StatusText{413, "The body is too large."},
    StatusText{415, "The body has another content type, or is compressed."},
    StatusText{422, "A value is out of range: the message names the field."},
    StatusText{429, "Too many requests or tokens; try again later."},
    StatusText{431, "The header is too large."},
    StatusText{500, "The server failed; its log has the reason under the request's id."},
    StatusText{501, "This server was started without what this needs."},
    StatusText{503, "The server is not ready, or has too much to do; try again later."},
    StatusText{504, "The request's time was over before it was answered."},
};

const char* text_of(int status) {
  const auto* const found = std::ranges::find(status_texts, status, &StatusText::status);
  if (found == status_texts.end()) fail(ErrorKind::internal, "status ", status, " has no text");
  return found->text;
}

struct Dialect {
  const char* name;
  const char* schema;  // of the body of every error
};

Dialect dialect_of(const Route& route) {
  switch (route.options.dialect) {
    case ErrorDialect::anthropic:
      return {"anthropic", "AnthropicError"};
    case ErrorDialect::ollama:
      return {"ollama", "OllamaError"};
    default:
      return {"openai", "Error"};
  }
}

std::string lower_case(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  return text;
}

/// "/a/{path*}" → "/a/{path}", and the names in it.
std::pair<std::string, json> path_and_parameters(const std::string& pattern) {
  std::string path = pattern;
  path.erase(std::remove(path.begin(), path.end(), '*'), path.end());
  json parameters = json::array();
  for (size_t at = path.find('{'); at != path.npos; at = path.find('{', at + 1)) {
    const size_t end = path.find('}', at);
    parameters.push_back(
        {{"name", path.substr(at + 1, end - at - 1)},
         {"in", "path"},
         {"required", true},
         {"schema", {{"type", "string"}, {"minLength", 1}, {"pattern", plain_text_pattern}}}});
  }
  return {path, parameters};
}

std::string operation_id(const Route& route) {
  std::string id = lower_case(route.method);
  for (const char c : route.pattern) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter)
      id += c;
    else if (id.back() != '_')
      id += '_';
  }
  return id;
}

json reference(const std::string& name) { return {{"$ref", "#/components/schemas/" + name}}; }

class Writer {
 public:
  Writer(const SchemaSet& schemas, const RouteNotes& notes) : schemas_(schemas), notes_(notes) {}

  json operation(const Route& route, json parameters) {
    const RouteNote* const note = notes_(route);
    if (!note) fail_route(route, "has no note");
    json page{{"operationId", operation_id(route)}};
    if (!route.options.summary.empty()) page["summary"] = route.options.summary;
    for (const ParameterNote& one : note->parameters)
      parameters.push_back({{"name", one.name},
                            {"in", one.place},
                            {"description", one.description},
                            {"schema", one.schema}});
    if (!parameters.empty()) page["parameters"] = std::move(parameters);
    const bool has_body = !route.options.request_schema.empty() || !note->form.empty();
    if (has_body) page["requestBody"] = request_body(route, *note);
    page["responses"] = responses(route, *note, has_body);
    json scopes = json::array();  // none: any key will do
    if (!route.access.scope().empty()) scopes.push_back(route.access.scope());
    page["security"] = json::array();
    if (!route.access.is_open()) page["security"] = {{{"bearer", scopes}}, {{"api_key", scopes}}};
    return page;
  }

  /// Those that some operation refers to.
  json take_failures() { return std::move(failures_); }

 private:
  [[noreturn]] static void fail_route(const Route& route, std::string_view what) {
    fail(ErrorKind::internal, "route ", route.method, " ", route.pattern, ": ", what);
  }

  json known(const std::string& schema, const Route& route) const {
    if (!schemas_.find(schema)) fail_route(route, "there is no schema " + schema);
    return reference(schema);
  }

  json request_body(const Route& route, const RouteNote& note) const {
    json content = json::object();
    if (!route.options.request_schema.empty())
      content["application/json"] = {{"schema", known(route.options.request_schema, route)}};
    if (!note.form.empty()) content["multipart/form-data"] = {{"schema", known(note.form, route)}};
    return {{"required", true}, {"content", std::move(content)}};
  }

  json responses(const Route& route, const RouteNote& note, bool has_body) {
    json page = json::object();
    for (const ReplyNote& one : note.replies) {
      json& answer = page[std::to_string(one.status)];
      answer["description"] = text_of(one.status);
      if (one.media.empty()) continue;
      answer["content"][one.media] = {{"schema", reply_schema(one, route)}};
    }
    std::set<int> statuses{400, 403, 408, 413, 415, 431, 500, 503};
    if (!route.access.is_open()) statuses.insert(401);
    if (has_body) statuses.insert(422);
    statuses.insert(note.failures.begin(), note.failures.end());
    for (const int status : statuses)
      if (!page.contains(std::to_string(status)))
        page[std::to_string(status)] = failure(dialect_of(route), status);
    return page;
  }

  /// OpenAPI 3.1 has no words for streams: an event is shown as its fields, lines of JSON as a
  /// list.
  json reply_schema(const ReplyNote& note, const Route& route) const {
    if (note.schema.empty())
      return note.media.starts_with("text/") ? json{{"type", "string"}} : json::object();
    json schema = known(note.schema, route);
    if (note.media == "application/x-ndjson") return {{"type", "array"}, {"items", schema}};
    if (note.media != "text/event-stream") return schema;
    json data{{"type", "string"}, {"contentMediaType", "application/json"}};
    const bool own_errors = route.options.dialect == ErrorDialect::responses;
    data["contentSchema"] =
        own_errors ? schema : json{{"anyOf", {schema, reference(dialect_of(route).schema)}}};
    if (note.ends_with_done) data = {{"anyOf", {json{{"const", "[DONE]"}}, std::move(data)}}};
    const json text{{"type", "string"}};
    return {{"description", "One event of the stream."},
            {"type", "object"},
            {"properties", {{"event", text}, {"id", text}, {"data", std::move(data)}}},
            {"required", {"data"}}};
  }

  json failure(const Dialect& dialect, int status) {
    const std::string name = std::string(dialect.name) + "_" + std::to_string(status);
    if (!failures_.contains(name)) {
      const json whole{{"type", "integer"}, {"minimum", 0}};
      json headers{
          {"x-should-retry",
           {{"required", true}, {"schema", {{"type", "string"}, {"enum", {"true", "false"}}}}}}};
      if (status == 429 || status == 503) {
        headers["Retry-After"] = {{"description", "Seconds."}, {"schema", whole}};
        headers["retry-after-ms"] = {{"description", "Milliseconds."}, {"schema", whole}};
      }
      if (status == 401) headers["WWW-Authenticate"] = {{"schema", {{"type", "string"}}}};
      failures_[name] = {
          {"description", text_of(status)},
          {"headers", std::move(headers)},
          {"content", {{"application/json", {{"schema", reference(dialect.schema)}}}}}};
    }
    return {{"$ref", "#/components/responses/" + name}};
  }

  const SchemaSet& schemas_;
  const RouteNotes& notes_;
  json failures_ = json::object();
};

/// The bodies of errors, as error_body() writes them.
void add_error_schemas(json& schemas) {
  const json text{{"type", "string"}}, text_or_null{{"type", {"string", "null"}}};
  schemas["Error"] = record_schema({{"error", record_schema({{"message", text},
                                                             {"type", text},
                                                             {"param", text_or_null},
                                                             {"code", text_or_null}})}});
  schemas["AnthropicError"] =
      record_schema({{"type", json{{"const", "error"}}},
                     {"error", record_schema({{"type", text}, {"message", text}})},
                     {"request_id", text_or_null}});
  schemas["OllamaError"] = record_schema({{"error", text}});
}

}  // namespace

json record_schema(json fields, const json& optional) {
  json required = json::array();
  for (const auto& [name, schema] : fields.items()) required.push_back(name);
  fields.update(optional);
  return {{"type", "object"}, {"properties", std::move(fields)}, {"required", std::move(required)}};
}

json openapi_document(const Router& router, const SchemaSet& schemas, const RouteNotes& notes,
                      const ApiInfo& info) {
  Writer writer(schemas, notes);
  json paths = json::object();
  for (const Route& route : router.routes()) {
    auto [path, parameters] = path_and_parameters(route.pattern);
    paths[path][lower_case(route.method)] = writer.operation(route, std::move(parameters));
  }
  json components = json::object();
  for (const auto& [name, schema] : schemas.all()) components[name] = schema;
  add_error_schemas(components);
  json document{
      {"openapi", "3.1.0"},
      {"info",
       {{"title", info.title}, {"version", info.version}, {"description", info.description}}},
      {"paths", std::move(paths)},
      {"components",
       {{"schemas", std::move(components)},
        {"responses", writer.take_failures()},
        {"securitySchemes",
         {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}},
          {"api_key", {{"type", "apiKey"}, {"in", "header"}, {"name", "x-api-key"}}}}}}}};
  if (!info.url_prefix.empty()) document["servers"] = {{{"url", info.url_prefix}}};
  return document;
}

}  // namespace deepseek::serve
