// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "formats/jinja/interpreter.h"

namespace deepseek::jinja {

/// One level of nested evaluation for as long as it lives.
class Interpreter::Deeper {
 public:
  explicit Deeper(Interpreter& interpreter) : interpreter_(interpreter) {
    if (interpreter_.depth_ >= interpreter_.limits().run_depth)
      interpreter_.over_budget("levels of nested evaluation", interpreter_.limits().run_depth);
    ++interpreter_.depth_;
  }
  ~Deeper() { --interpreter_.depth_; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;

 private:
  Interpreter& interpreter_;
};

}  // namespace deepseek::jinja
