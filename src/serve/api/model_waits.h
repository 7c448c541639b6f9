// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "serve/api/timeouts.h"
#include "serve/http/request_error.h"
#include "serve/http/router.h"
#include "serve/models/model_pool.h"

namespace deepseek::serve {

/// What a handler throws whose model is not in memory, before it has done anything.
class ModelAbsent : public RequestError {
 public:
  explicit ModelAbsent(std::shared_ptr<const ModelCard> card);
  const ModelCard& card() const { return *card_; }

 private:
  std::shared_ptr<const ModelCard> card_;
};

/// The same routes. Where a handler throws ModelAbsent, its exchange waits without a thread and the
/// handler runs again once the model is there. Such a request is in the queue: it waits no longer
/// than `limits`, or its own, allow.
Router with_model_waits(const Router& router, const std::shared_ptr<ModelPool>& models,
                        const TimeLimits& limits);

}  // namespace deepseek::serve
