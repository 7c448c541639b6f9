// SPDX-License-Identifier: Apache-2.0
#include "serve/http/schema_openapi.h"

#include <algorithm>

#include "core/error.h"

namespace deepseek::serve {
namespace {

using Json = nlohmann::json;

std::string lower_case(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  return text;
}

/// "/a/{path*}" → "/a/{path}", and the names in it.
std::pair<std::string, Json> path_and_parameters(const std::string& pattern) {
  std::string path = pattern;
  path.erase(std::remove(path.begin(), path.end(), '*'), path.end());
  Json parameters = Json::array();
  for (size_t at = path.find('{'); at != path.npos; at = path.find('{', at + 1)) {
    const size_t end = path.find('}', at);
    parameters.push_back({{"name", path.substr(at + 1, end - at - 1)},
                          {"in", "path"},
                          {"required", true},
                          {"schema", {{"type", "string"}}}});
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

Json content(const std::string& schema, const SchemaSet& schemas, const Route& route) {
  if (!schemas.find(schema))
    fail(ErrorKind::internal, "route ", route.method, " ", route.pattern, ": there is no schema ",
         schema);
  return {{"application/json", {{"schema", {{"$ref", "#/components/schemas/" + schema}}}}}};
}

/// The body of every error, in the dialect of most routes.
Json error_schema() {
  const Json text{{"type", "string"}}, text_or_null{{"type", {"string", "null"}}};
  const Json fields{
      {"message", text}, {"type", text}, {"param", text_or_null}, {"code", text_or_null}};
  return {{"type", "object"},
          {"properties",
           {{"error", {{"type", "object"}, {"properties", fields}, {"required", {"message"}}}}}},
          {"required", {"error"}}};
}

}  // namespace

Json openapi_document(const Router& router, const SchemaSet& schemas, const ApiInfo& info) {
  Json paths = Json::object();
  for (const Route& route : router.routes()) {
    const auto [path, parameters] = path_and_parameters(route.pattern);
    Json operation{{"operationId", operation_id(route)}};
    if (!route.options.summary.empty()) operation["summary"] = route.options.summary;
    if (!parameters.empty()) operation["parameters"] = parameters;
    if (!route.options.request_schema.empty())
      operation["requestBody"] = {
          {"required", true}, {"content", content(route.options.request_schema, schemas, route)}};
    Json answer{{"description", "Success."}};
    if (!route.options.reply_schema.empty())
      answer["content"] = content(route.options.reply_schema, schemas, route);
    operation["responses"] = {{"200", answer}, {"default", {{"description", "An error."}}}};
    if (route.options.dialect == ErrorDialect::openai)
      operation["responses"]["default"]["content"] = {
          {"application/json", {{"schema", {{"$ref", "#/components/schemas/Error"}}}}}};
    Json scopes = Json::array();
    if (!route.access.scope().empty()) scopes.push_back(route.access.scope());
    operation["security"] = Json::array();
    if (!route.access.is_open()) operation["security"].push_back({{"bearer", scopes}});
    paths[path][lower_case(route.method)] = std::move(operation);
  }
  Json components = Json::object();
  for (const auto& [name, schema] : schemas.all()) components[name] = schema;
  if (!components.contains("Error")) components["Error"] = error_schema();
  Json document{
      {"openapi", "3.1.0"},
      {"info",
       {{"title", info.title}, {"version", info.version}, {"description", info.description}}},
      {"paths", std::move(paths)},
      {"components",
       {{"schemas", std::move(components)},
        {"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
  if (!info.url_prefix.empty()) document["servers"] = {{{"url", info.url_prefix}}};
  return document;
}

}  // namespace deepseek::serve
