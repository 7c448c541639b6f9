// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "serve/models/model_card.h"

namespace deepseek::serve {

/// Another name for a model.
struct ModelAlias {
  std::optional<bool> thinking = {};  // what the name says where the request says nothing
  std::string model = {};             // empty: the first
};

/// What requests call the models: their names, aliases where "*" at the end stands for any rest,
/// and nothing at all for the first.
class ModelNames {
 public:
  using Cards = std::vector<std::shared_ptr<const ModelCard>>;
  using Aliases = std::map<std::string, ModelAlias>;

  /// At least one card. Throws invalid_input for an alias of a model there is not.
  ModelNames(Cards cards, Aliases aliases);

  /// Throws RequestError 404 that says what there is.
  std::shared_ptr<const ModelCard> find(const std::string& name) const;
  /// What the name says of thinking (deepseek-chat, deepseek-reasoner).
  std::optional<bool> thinking_of(const std::string& name) const;

 private:
  const ModelAlias* alias(const std::string& name) const;

  Cards cards_;
  Aliases aliases_;
};

}  // namespace deepseek::serve
