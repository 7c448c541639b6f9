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

/// As token ids of a vocabulary of that size. Throws bad_file naming file, list and position for
/// what is none.
std::vector<std::vector<int32_t>> as_token_ids(const IdLists& lists,
                                               const std::filesystem::path& path, int64_t vocab);

/// The same for labels, where -100 leaves a position out.
void check_labels(const IdLists& lists, const std::filesystem::path& path, int64_t vocab);

}  // namespace deepseek::cli
