// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "serve/store/batches.h"

namespace deepseek::serve {

/// The input file of a batch: a line {"custom_id", "method": "POST", "url", "body"} each request.
class BatchInput {
 public:
  static constexpr size_t most_lines = 50'000;
  static constexpr size_t most_errors = 100;

  explicit BatchInput(const std::filesystem::path& path) : file_(MappedFile::open(path)) {}

  struct Checked {
    std::vector<store::BatchLine> lines;
    /// {"code", "line", "message", "param"} each, at most `most_errors`.
    nlohmann::ordered_json errors = nlohmann::ordered_json::array();
  };
  /// Reads all of it. What is wrong is listed, not thrown.
  Checked check(const std::string& endpoint) const;
  /// The request's body, which is a JSON object.
  nlohmann::ordered_json body(const store::BatchLine& line) const;

 private:
  std::string_view text() const;
  std::shared_ptr<const MappedFile> file_;
};

}  // namespace deepseek::serve
