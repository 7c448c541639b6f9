// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include <cstring>
#include <unordered_set>

#include "ops/shape.h"

namespace deepseek {
namespace {

int64_t pages_for(int64_t tokens) { return (tokens + tokens_per_page - 1) / tokens_per_page; }

/// A sequence whose last page is part full and shared must copy it before writing.
bool writes_into_shared_page(const PagePool& pool, const std::vector<PagePool::PageId>& pages,
                             int64_t length) {
  return length % tokens_per_page != 0 && pool.is_shared(pages.back());
}

}  // namespace

Engine::Engine(std::shared_ptr<const Transformer> model, const Options& options)
    : model_(std::move(model)),
      pool_(model_->cache_layout(options.cache_dtype), options.cache_bytes) {}

Engine::Sequence& Engine::find(SequenceId id) {
  const auto found = sequences_.find(id);
  if (found == sequences_.end())
    fail(ErrorKind::invalid_input, "engine: no sequence ", id, "; it was dropped or never added");
  return found->second;
}

const Engine::Sequence& Engine::find(SequenceId id) const {
  return const_cast<Engine*>(this)->find(id);
}

SequenceId Engine::add() {
  sequences_.emplace(next_id_, Sequence{});
  return next_id_++;
}

SequenceId Engine::fork(SequenceId sequence) {
  const Sequence copy = find(sequence);
  for (const PagePool::PageId page : copy.pages) pool_.retain(page);
  sequences_.emplace(next_id_, copy);
  return next_id_++;
}

void Engine::drop(SequenceId sequence) {
  for (const PagePool::PageId page : find(sequence).pages) pool_.release(page);
  sequences_.erase(sequence);
}

int64_t Engine::length(SequenceId sequence) const { return find(sequence).length; }

void Engine::truncate(SequenceId id, int64_t length) {
  Sequence& sequence = find(id);
  if (length < 0 || length > sequence.length)
    fail(ErrorKind::invalid_input, "engine: cannot cut sequence ", id, " of ", sequence.length,
         " tokens to ", length);
  while (static_cast<int64_t>(sequence.pages.size()) > pages_for(length)) {
    pool_.release(sequence.pages.back());
    sequence.pages.pop_back();
  }
  sequence.length = length;
}

PagePool::PageId Engine::filled_page(SequenceId id, int64_t index) const {
  const Sequence& sequence = find(id);
  if (index < 0 || (index + 1) * tokens_per_page > sequence.length)
    fail(ErrorKind::invalid_input, "engine: sequence ", id, " of ", sequence.length,
         " tokens has no filled page ", index);
  return sequence.pages[static_cast<size_t>(index)];
}

void Engine::append_page(SequenceId id, PagePool::PageId page) {
  Sequence& sequence = find(id);
  if (sequence.length % tokens_per_page != 0)
    fail(ErrorKind::invalid_input, "engine: sequence ", id, " of ", sequence.length,
         " tokens ends within a page; another cannot follow");
  pool_.retain(page);
  sequence.pages.push_back(page);
  sequence.length += tokens_per_page;
}

void Engine::replace_page(SequenceId id, int64_t index, PagePool::PageId page) {
  const PagePool::PageId old = filled_page(id, index);
  pool_.retain(page);
  find(id).pages[static_cast<size_t>(index)] = page;
  pool_.release(old);
}

int64_t Engine::pages_needed(SequenceId id, int64_t tokens) const {
  const Sequence& sequence = find(id);
  const int64_t more =
      pages_for(sequence.length + tokens) - static_cast<int64_t>(sequence.pages.size());
  return more + (writes_into_shared_page(pool_, sequence.pages, sequence.length) ? 1 : 0);
}

void Engine::make_room(Sequence& sequence, int64_t tokens) {
  if (writes_into_shared_page(pool_, sequence.pages, sequence.length)) {
    const PagePool::PageId own = *pool_.allocate();
    std::memcpy(pool_.data(own), pool_.data(sequence.pages.back()),
                static_cast<size_t>(pool_.layout().page_bytes()));
    pool_.release(sequence.pages.back());
    sequence.pages.back() = own;
  }
  while (static_cast<int64_t>(sequence.pages.size()) < pages_for(sequence.length + tokens))
    sequence.pages.push_back(*pool_.allocate());
}

std::optional<StepResult> Engine::step(std::span<const StepSpan> spans) {
  return step(spans, nullptr, nullptr);
}

std::optional<StepResult> Engine::step(std::span<const StepSpan> spans, Probe* probe,
                                       Tensor* hidden) {
  const int64_t vocab = model_->config().vocab_size;
  std::unordered_set<SequenceId> named;
  int64_t needed = 0;
  for (const StepSpan& span : spans) {
    if (span.tokens.empty() || !named.insert(span.sequence).second)
      fail(ErrorKind::invalid_input, "engine: sequence ", span.sequence,
           span.tokens.empty() ? " has no tokens in this step" : " appears twice in this step");
    for (const int32_t token : span.tokens)
      if (token < 0 || token >= vocab)
        fail(ErrorKind::invalid_input, "expected token ids in [0, ", vocab, "), got ", token);
    needed += pages_needed(span.sequence, static_cast<int64_t>(span.tokens.size()));
  }
  if (needed > pool_.free_pages()) return std::nullopt;

  Batch batch;
  CacheView view;
  view.layout = &pool_.layout();
  std::vector<std::vector<std::byte*>> pages;
  StepResult result;
  std::vector<int64_t> rows;
  for (const StepSpan& span : spans) {
    Sequence& sequence = find(span.sequence);
    make_room(sequence, static_cast<int64_t>(span.tokens.size()));
    const int64_t begin = batch.size();
    batch.append(span.tokens, static_cast<int32_t>(sequence.length));
    result.first_row.push_back(static_cast<int64_t>(rows.size()));
    if (span.logits == StepSpan::Logits::all)
      for (int64_t row = begin; row < batch.size(); ++row) rows.push_back(row);
    else if (span.logits == StepSpan::Logits::last)
      rows.push_back(batch.size() - 1);
    std::vector<std::byte*>& table = pages.emplace_back();
    for (const PagePool::PageId page : sequence.pages) table.push_back(pool_.data(page));
  }
  for (const auto& table : pages) view.pages.emplace_back(table);
  const BlockCache::Round round(step_memory_);
  const bool every_row =
      hidden != nullptr || probe != nullptr || rows.size() == static_cast<size_t>(batch.size());
  const Tensor states = model_->forward(batch, &view, probe, every_row ? nullptr : &rows);
  if (hidden != nullptr) *hidden = states;
  for (const StepSpan& span : spans)
    find(span.sequence).length += static_cast<int64_t>(span.tokens.size());
  const Tensor chosen =
      states.dim(0) == static_cast<int64_t>(rows.size()) ? states : gather_rows(states, rows);
  result.logits = rows.empty() ? Tensor::empty({0, vocab}) : model_->logits(model_->norm(chosen));
  return result;
}

}  // namespace deepseek
