// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace deepseek::cli {

using IdLists = std::vector<std::vector<int64_t>>;

/// A JSON file that holds a list of lists of whole numbers. Throws bad_file naming file and place.
IdLists read_id_lists(const std::filesystem::path& path);

/// As read_id_lists; one list alone counts as a list of one.
IdLists read_id_lists_or_list(const std::filesystem::path& path);

/// As token ids. Throws bad_file, beginning with `path`, for what is none.
std::vector<std::vector<int32_t>> as_token_ids(const IdLists& lists,
                                               const std::filesystem::path& path);

}  // namespace deepseek::cli
