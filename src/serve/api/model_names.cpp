// SPDX-License-Identifier: Apache-2.0
#include "serve/api/model_names.h"

#include <algorithm>

#include "core/error.h"
#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

std::shared_ptr<const ModelCard> named(const ModelNames::Cards& cards, const std::string& name) {
  const auto found = std::ranges::find_if(
      cards, [&](const std::shared_ptr<const ModelCard>& card) { return card->name() == name; });
  return found == cards.end() ? nullptr : *found;
}

std::string list_of(const ModelNames::Cards& cards) {
  std::string list;
  for (const auto& card : cards) list += concat(list.empty() ? "'" : ", '", card->name(), "'");
  return list;
}

}  // namespace

ModelNames::ModelNames(Cards cards, Aliases aliases)
    : cards_(std::move(cards)), aliases_(std::move(aliases)) {
  for (const auto& [name, alias] : aliases_)
    if (!alias.model.empty() && !named(cards_, alias.model))
      fail(ErrorKind::invalid_input, "model-alias ", name, ": expected a model among ",
           list_of(cards_), ", got '", alias.model, "'");
}

/// The very one, else the longest beginning with "*" after it.
const ModelAlias* ModelNames::alias(const std::string& name) const {
  if (const auto exact = aliases_.find(name); exact != aliases_.end()) return &exact->second;
  const ModelAlias* found = nullptr;
  size_t longest = 0;
  for (const auto& [pattern, one] : aliases_) {
    if (!pattern.ends_with('*') || pattern.size() <= longest) continue;
    if (!name.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1))) continue;
    longest = pattern.size();
    found = &one;
  }
  return found;
}

std::shared_ptr<const ModelCard> ModelNames::find(const std::string& name) const {
  if (name.empty()) return cards_.front();
  if (auto card = named(cards_, name)) return card;
  if (const ModelAlias* const other = alias(name))
    return other->model.empty() ? cards_.front() : named(cards_, other->model);
  throw RequestError(404,
                     concat("the model '", printable(name, 100), "' is not served here; ",
                            list_of(cards_), cards_.size() == 1 ? " is" : " are"),
                     {.param = "model", .code = "model_not_found"});
}

std::optional<bool> ModelNames::thinking_of(const std::string& name) const {
  if (named(cards_, name)) return std::nullopt;
  const ModelAlias* const other = alias(name);
  return other == nullptr ? std::nullopt : other->thinking;
}

}  // namespace deepseek::serve
