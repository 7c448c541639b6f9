// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/page_pool.h"
#include "model/transformer.h"
#include "tensor/block_cache.h"

namespace deepseek {

using SequenceId = int64_t;

/// New tokens of one sequence in a step: a chunk of its prompt, or the token just sampled.
struct StepSpan {
  enum class Logits { none, last, all };
  SequenceId sequence = 0;
  std::vector<int32_t> tokens;
  Logits logits = Logits::last;
};

/// What a step computed. Rows follow the spans in order, each span giving as many as it asked for.
struct StepResult {
  Tensor logits;                   // [N, vocab]
  std::vector<int64_t> first_row;  // [spans] row of logits where each span's begin
};

/// Runs one model over many sequences: a step takes one flat batch of prefill chunks and decoded
/// tokens together. A row's logits never depend on what else is in the batch. Not thread-safe.
class Engine {
 public:
  struct Options {
    int64_t cache_bytes = int64_t{1} << 30;
    DType cache_dtype = DType::bf16;
  };

  Engine(std::shared_ptr<const Transformer> model, const Options& options);

  const Transformer& model() const { return *model_; }
  const PagePool& pool() const { return pool_; }
  PagePool& pool() { return pool_; }

  /// A new, empty sequence.
  SequenceId add();
  /// A copy that shares the pages both have filled.
  SequenceId fork(SequenceId sequence);
  void drop(SequenceId sequence);
  /// Tokens the sequence holds.
  int64_t length(SequenceId sequence) const;
  /// Forgets everything after the first `length` tokens.
  void truncate(SequenceId sequence, int64_t length);

  /// The sequence's filled page that holds positions 64 index and following. Throws invalid_input
  /// when it has none there.
  PagePool::PageId filled_page(SequenceId sequence, int64_t index) const;
  /// Appends the 64 tokens of a filled page, which the sequence owns too from now on. Its length
  /// must be a multiple of 64.
  void append_page(SequenceId sequence, PagePool::PageId page);
  /// Owns `page` instead of the filled one at `index`; they must hold the same.
  void replace_page(SequenceId sequence, int64_t index, PagePool::PageId page);

  /// Pages that appending `tokens` to the sequence would take from the pool.
  int64_t pages_needed(SequenceId sequence, int64_t tokens) const;

  /// Appends each span's tokens to its sequence and computes the logits asked for. Nothing, and
  /// no change, when the pool cannot hold them all; dropping sequences makes room. Throws
  /// invalid_input for a token outside the vocabulary, a sequence named twice, or an empty span.
  std::optional<StepResult> step(std::span<const StepSpan> spans);

  /// As step, with what happens inside shown to `probe`; also the hidden states of every row. With
  /// neither, the last layer computes the rows alone whose logits are asked for.
  std::optional<StepResult> step(std::span<const StepSpan> spans, Probe* probe, Tensor* hidden);

  /// Gives back the memory that the last step left for the next.
  void rest() { step_memory_->clear(); }

 private:
  struct Sequence {
    std::vector<PagePool::PageId> pages;
    int64_t length = 0;
  };

  Sequence& find(SequenceId id);
  const Sequence& find(SequenceId id) const;
  void make_room(Sequence& sequence, int64_t tokens);

  std::shared_ptr<const Transformer> model_;
  PagePool pool_;
  std::shared_ptr<BlockCache> step_memory_ = std::make_shared<BlockCache>();
  std::unordered_map<SequenceId, Sequence> sequences_;
  SequenceId next_id_ = 1;
};

}  // namespace deepseek
