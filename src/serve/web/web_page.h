// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "serve/http/router.h"

namespace deepseek::serve {

/// Adds the web page, /, and its files under /assets. They are open, hold nothing of anyone and
/// answer while the model loads; what the page asks for afterwards needs a key as ever.
void add_web_routes(Router& router);

}  // namespace deepseek::serve
