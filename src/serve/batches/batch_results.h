// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"
#include "serve/http/message.h"
#include "serve/store/batches.h"
#include "serve/store/files.h"

namespace deepseek::serve {

/// What clients see of a batch.
nlohmann::ordered_json batch_page(const store::Batch& batch);

/// A line of the output file, or of the errors' where the reply is one.
std::string result_line(const std::string& custom_id, const std::string& request_id,
                        const HttpReply& reply);
/// A line of the errors' file for a request that was never answered.
std::string error_line(const std::string& custom_id, const std::string& code,
                       const std::string& message);

/// Writes the results of a batch's lines into files of its key: those that succeeded, those that
/// failed. No file for none.
store::BatchEnd write_results(store::Batches& batches, store::Files& files,
                              const store::Batch& batch);

}  // namespace deepseek::serve
