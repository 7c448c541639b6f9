// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "engine/engine.h"
#include "engine/page_key.h"
#include "engine/scheduler/fair_share.h"
#include "engine/scheduler/request.h"
#include "engine/scheduler/ticket_state.h"

namespace deepseek {

struct Job;
using SchedulerTime = std::chrono::steady_clock::time_point;

/// One sequence of a request: an answer, or a prompt to embed. Everything that later steps need is
/// in its tokens, so that its pages can be dropped at any time and computed again.
struct Run {
  enum class Stage {
    unborn,   // waits for the first choice to get through the prompt
    waiting,  // has no pages
    loading,  // its pages come from disk
    running,
    done
  };

  Job* job = nullptr;
  size_t choice = 0;
  Stage stage = Stage::unborn;
  std::optional<Continuation> answer;  // none: an embedding
  std::vector<int32_t> tokens;         // prompt and what was drawn
  bool begun = false;                  // through the prompt once
  bool paused = false;                 // its reader is slow
  SequenceId sequence = 0;             // running and loading
  std::vector<PageKey> keys;           // of its first pages, as far as they were asked for
  int64_t kept_pages = 0;              // of the sequence, that the cache knows
  int64_t reached = 0;                 // most tokens its sequence ever held
  int64_t scored = 0;                  // tokens of the prompt whose logprobs were reported
  std::vector<double> sums;            // [hidden] of an embedding
  uint64_t last_step = 0;
  SchedulerTime last_token{};
};

/// A request on its way.
struct Job {
  int64_t id = 0;
  GenerateRequest request;  // of an embedding: what both have
  std::optional<EmbedRequest::Pooling> pooling;
  std::shared_ptr<Ticket::State> ticket;
  Tenant* tenant = nullptr;
  PageKey root{};
  std::vector<std::unique_ptr<Run>> runs;
  int64_t waiting_cost = 0;  // tokens it counts for while it waits
  bool urgent = true;        // interactive, or batch work that waited long
  Usage usage;
  Timings timings;
  std::optional<FinishReason> first_reason;
  std::optional<Error> error;
  int64_t reported_position = -1;
  SchedulerTime submitted{};
  std::optional<SchedulerTime> started, first_token;
};

}  // namespace deepseek
