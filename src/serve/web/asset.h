// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace deepseek::serve {

/// Bytes within the program.
struct EmbeddedBytes {
  const char* begin = nullptr;
  const char* end = nullptr;
  std::string_view text() const { return {begin, static_cast<size_t>(end - begin)}; }
  bool empty() const { return begin == end; }
};

/// A file of the web page.
struct WebAsset {
  std::string_view name;  // "app-1A2B3C4D.js"
  std::string_view hash;  // of its content, for ETag
  EmbeddedBytes plain;
  EmbeddedBytes gzip;  // empty: it does not shrink
};

std::vector<WebAsset> web_assets();

}  // namespace deepseek::serve
