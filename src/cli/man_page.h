// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/command.h"
#include "cli/messages.h"

namespace deepseek::cli {

// Manual pages in UTF-8 roff with the macros of man(7), made of the tables that make help.

/// deepseek(1): the verbs, exit codes, variables and files.
std::string program_man_page(Language language);
/// deepseek-VERB(1).
std::string verb_man_page(const Command& command, Language language);

}  // namespace deepseek::cli
