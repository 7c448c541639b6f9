// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deepseek::serve {

/// One field of a form. `content` is a view into the body.
struct FormPart {
  std::string name;
  std::optional<std::string> filename;  // of a field that is a file
  std::string_view content;
};

/// The fields of a multipart/form-data body (RFC 7578), in order. Throws RequestError 415 for
/// another content type, 400 for a body that does not keep to it.
std::vector<FormPart> parse_form(std::string_view content_type, std::string_view body);

/// The content of the field `name`, which comes once and is no file. Nothing when there is none;
/// throws RequestError 400.
std::optional<std::string> form_text(const std::vector<FormPart>& form, std::string_view name);

}  // namespace deepseek::serve
