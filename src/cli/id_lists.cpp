// SPDX-License-Identifier: Apache-2.0
#include "cli/id_lists.h"

#include <limits>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "formats/json.h"

namespace deepseek::cli {
namespace {

using nlohmann::json;

std::vector<int64_t> list_of(const json& value, const std::string& where) {
  if (!value.is_array())
    fail(ErrorKind::bad_file, where, ": expected a list of token ids, got a JSON ",
         value.type_name());
  std::vector<int64_t> list;
  list.reserve(value.size());
  for (size_t i = 0; i < value.size(); ++i) {
    if (!value[i].is_number_integer() ||
        (value[i].is_number_unsigned() &&
         value[i].get<uint64_t>() > uint64_t(std::numeric_limits<int64_t>::max())))
      fail(ErrorKind::bad_file, where, "[", i, "]: expected a whole number, got ",
           value[i].is_number() ? value[i].dump() : concat("a JSON ", value[i].type_name()));
    list.push_back(value[i].get<int64_t>());
  }
  return list;
}

json read_array(const std::filesystem::path& path) {
  json value = parse_json(read_input_file(path), ErrorKind::bad_file, path.string());
  if (!value.is_array())
    fail(ErrorKind::bad_file, path.string(), ": expected a list of lists of token ids, got a JSON ",
         value.type_name());
  return value;
}

IdLists lists_of(const json& value, const std::filesystem::path& path) {
  IdLists lists;
  for (size_t i = 0; i < value.size(); ++i)
    lists.push_back(list_of(value[i], concat(path.string(), ": [", i, "]")));
  return lists;
}

void check_id(int64_t id, int64_t vocab, const std::string& where, const char* expected) {
  if (id >= 0 && id < vocab) return;
  fail(ErrorKind::bad_file, where, ": expected ", expected, " from 0 to ", vocab - 1,
       ", which is this model's vocabulary, got ", id,
       "; were the ids made with the tokenizer of another model?");
}

}  // namespace

IdLists read_id_lists(const std::filesystem::path& path) {
  return lists_of(read_array(path), path);
}

IdLists read_id_lists_or_list(const std::filesystem::path& path) {
  const json value = read_array(path);
  const bool nested = !value.empty() && value[0].is_array();
  return nested ? lists_of(value, path) : IdLists{list_of(value, path.string())};
}

std::vector<std::vector<int32_t>> as_token_ids(const IdLists& lists,
                                               const std::filesystem::path& path, int64_t vocab) {
  std::vector<std::vector<int32_t>> ids;
  for (size_t i = 0; i < lists.size(); ++i) {
    ids.emplace_back();
    for (size_t t = 0; t < lists[i].size(); ++t) {
      check_id(lists[i][t], vocab, concat(path.string(), ": [", i, "][", t, "]"), "a token id");
      ids.back().push_back(int32_t(lists[i][t]));
    }
  }
  return ids;
}

void check_labels(const IdLists& lists, const std::filesystem::path& path, int64_t vocab) {
  constexpr int64_t left_out = -100;
  for (size_t i = 0; i < lists.size(); ++i)
    for (size_t t = 0; t < lists[i].size(); ++t)
      if (lists[i][t] != left_out)
        check_id(lists[i][t], vocab, concat(path.string(), ": [", i, "][", t, "]"),
                 "-100 or a token id");
}

}  // namespace deepseek::cli
