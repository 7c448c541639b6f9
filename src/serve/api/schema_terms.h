// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"

/// Words that the schemas of request bodies are written in. All but body(), token_id() and
/// stop_text() allow null.
namespace deepseek::serve::terms {

inline constexpr int64_t most_tokens = 1'000'000'000;

nlohmann::json nullable(nlohmann::json schema);
nlohmann::json integer(int64_t least, int64_t most);
/// A vocabulary has fewer.
nlohmann::json token_id();
nlohmann::json number(double least, double most);
nlohmann::json text(int64_t longest = int64_t{1} << 40);
/// A text that ends an answer.
nlohmann::json stop_text();
nlohmann::json flag();
nlohmann::json object(const nlohmann::json& fields = nlohmann::json::object());
nlohmann::json list(nlohmann::json items, int64_t most);
nlohmann::json one_of_words(const std::vector<std::string>& words);
/// Either of two.
nlohmann::json either(nlohmann::json one, nlohmann::json other);
/// A request's body.
nlohmann::json body(nlohmann::json fields, nlohmann::json required);

}  // namespace deepseek::serve::terms
