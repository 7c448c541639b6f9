// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace deepseek::cli {

/// Bytes a second that `threads` read from memory, streaming through more than the caches hold:
/// the best of several passes of a few tenths of a second in all.
double memory_read_bandwidth(int threads);

}  // namespace deepseek::cli
