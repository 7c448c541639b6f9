// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "serve/store/ledger.h"

namespace deepseek::store {

/// A field of a row as text, for hashing and exporting.
struct LedgerField {
  std::string_view name;
  std::string text;
  bool is_number;
};

/// All fields, in the order of LedgerEntry; hashes are hexadecimal.
std::vector<LedgerField> ledger_fields(const LedgerEntry& entry);

}  // namespace deepseek::store
