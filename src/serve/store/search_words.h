// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "serve/store/database.h"

namespace deepseek::store {

/// The words between blanks, at most eight, of each the first 64 bytes; NUL and invalid UTF-8 are
/// left out.
std::vector<std::string> search_words(std::string_view query);

/// " AND …" for each word that `column` must hold, its parameters appended. Where `index_row` names
/// the row's number, words of three characters and more go through the trigram index of SQLite;
/// the rest are compared row by row.
std::string word_conditions(const std::vector<std::string>& words, std::string_view column,
                            std::string_view index_row, Dialect dialect,
                            std::vector<Value>& parameters);

/// Some 160 bytes of `text` around the first place of `word`, cut between characters, on one line.
std::string excerpt_around(std::string_view text, std::string_view word);

}  // namespace deepseek::store
