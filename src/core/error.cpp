// SPDX-License-Identifier: Apache-2.0
#include "core/error.h"

#include <array>

namespace deepseek {
namespace {

struct KindRow {
  ErrorKind kind;
  int exit_code;
  std::string_view name;
};

constexpr std::array<KindRow, 9> kinds{{
    {ErrorKind::internal, 1, "internal"},
    {ErrorKind::invalid_input, 2, "invalid_input"},
    {ErrorKind::bad_file, 3, "bad_file"},
    {ErrorKind::not_found, 4, "not_found"},
    {ErrorKind::unsupported, 5, "unsupported"},
    {ErrorKind::out_of_memory, 6, "out_of_memory"},
    {ErrorKind::network, 7, "network"},
    {ErrorKind::busy, 8, "busy"},
    {ErrorKind::interrupted, 130, "interrupted"},
}};

const KindRow& row_of(ErrorKind kind) {
  for (const KindRow& row : kinds)
    if (row.kind == kind) return row;
  return kinds[0];
}

}  // namespace

int exit_code(ErrorKind kind) { return row_of(kind).exit_code; }
std::string_view error_kind_name(ErrorKind kind) { return row_of(kind).name; }

}  // namespace deepseek
