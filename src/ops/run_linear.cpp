// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "core/divide.h"
#include "core/thread_pool.h"
#include "kernels/linear.h"
#include "ops/linear.h"
#include "ops/pack.h"

namespace deepseek {
namespace {

using kernels::activation_block;
using kernels::ActivationBlock;
using kernels::panel_width;

/// Rows of each job in one pass, which bounds the quantised activations held at a time.
constexpr int64_t pass_rows = 1024;
/// Activations that one task reads again for each panel, from the second-level cache.
constexpr int64_t task_activation_bytes = int64_t{1} << 18;
constexpr int64_t task_panel_bytes = int64_t{1} << 17;
/// Fewer values than this are quantised by the calling thread: waking others costs more.
constexpr int64_t serial_quantize = 16384;

struct FreeDeleter {
  void operator()(void* bytes) const { std::free(bytes); }
};

/// A buffer that only grows, aligned to a cache line.
class Buffer {
 public:
  std::byte* get(int64_t bytes) {
    if (bytes > size_) {
      size_ = (bytes + 63) / 64 * 64;
      data_.reset(static_cast<std::byte*>(std::aligned_alloc(64, size_t(size_))));
      if (!data_) {
        size_ = 0;
        fail(ErrorKind::out_of_memory, "cannot allocate ", size_text(uint64_t(bytes)),
             " for a linear map; use a smaller batch");
      }
    }
    return data_.get();
  }

 private:
  std::unique_ptr<std::byte, FreeDeleter> data_;
  int64_t size_ = 0;
};

bool one_plane(const Weight& weight) { return weight.activation_bits() == 8; }

/// Rows of one activation matrix, and where each one's quantised form is.
struct Source {
  const float* x;
  int64_t stride, cols;
  bool one_plane;
  std::vector<int64_t> block_of_row;  // -1: not wanted
};

struct RowToQuantize {
  const float* x;
  int64_t cols, first_block;
  bool one_plane;
};

struct PreparedJob {
  const Weight* weight;
  void (*run)(const kernels::LinearArgs&) noexcept;
  bool quantized;
  int64_t panel_bytes, panels, rows, first_pointer;
};

struct Task {
  int64_t job, first_panel, end_panel, first_row, end_row;
};

/// Everything one call needs besides its jobs; kept by the calling thread so that a decoded token
/// allocates nothing.
struct Plan {
  std::vector<Source> sources;
  size_t source_count = 0;
  std::vector<RowToQuantize> to_quantize;
  std::vector<PreparedJob> jobs;
  std::vector<const void*> x;
  std::vector<float*> out;
  std::vector<Task> tasks;
  Buffer blocks;

  Source& source(const LinearJob& job) {
    for (size_t i = 0; i < source_count; ++i) {
      Source& old = sources[i];
      if (old.x == job.x && old.stride == job.x_stride && old.cols == job.weight->cols() &&
          old.one_plane == one_plane(*job.weight))
        return old;
    }
    if (source_count == sources.size()) sources.emplace_back();
    Source& fresh = sources[source_count++];
    fresh.x = job.x;
    fresh.stride = job.x_stride;
    fresh.cols = job.weight->cols();
    fresh.one_plane = one_plane(*job.weight);
    fresh.block_of_row.clear();
    return fresh;
  }
};

int64_t x_row(const LinearJob& job, int64_t r) { return job.x_rows ? job.x_rows[r] : r; }

/// Lists the rows of `job` that nobody listed before. Quantised rows are counted in blocks, since
/// the buffer that holds them is not there yet.
void want_rows(const LinearJob& job, int64_t first, int64_t end, int64_t& blocks, Plan& plan) {
  Source& source = plan.source(job);
  for (int64_t r = first; r < end; ++r) {
    const size_t row = size_t(x_row(job, r));
    if (row >= source.block_of_row.size()) source.block_of_row.resize(row + 1, -1);
    if (source.block_of_row[row] >= 0) continue;
    source.block_of_row[row] = blocks;
    plan.to_quantize.push_back(
        {source.x + int64_t(row) * source.stride, source.cols, blocks, source.one_plane});
    blocks += source.cols / activation_block;
  }
}

void quantize_rows(Plan& plan, int64_t blocks) {
  auto* out = reinterpret_cast<ActivationBlock*>(
      plan.blocks.get(blocks * int64_t{sizeof(ActivationBlock)}));
  const auto run = kernels::quantize_activations.best().run;
  const auto quantize = [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const RowToQuantize& row = plan.to_quantize[size_t(i)];
      run({.x = row.x, .cols = row.cols, .out = out + row.first_block, .one_plane = row.one_plane});
    }
  };
  const auto count = int64_t(plan.to_quantize.size());
  if (blocks * activation_block <= serial_quantize) return quantize(0, count, 0);
  compute_pool().parallel_for(count, divide_up(count, 8 * compute_pool().threads()), quantize);
}

/// Pointers to the rows that the kernels read and write.
void point_at_rows(const LinearJob& job, int64_t first, int64_t end, bool quantized, Plan& plan) {
  const auto* blocks = reinterpret_cast<const ActivationBlock*>(plan.blocks.get(0));
  const Source* source = quantized ? &plan.source(job) : nullptr;
  for (int64_t r = first; r < end; ++r) {
    const int64_t row = x_row(job, r);
    plan.x.push_back(quantized
                         ? static_cast<const void*>(blocks + source->block_of_row[size_t(row)])
                         : job.x + row * job.x_stride);
    plan.out.push_back(job.out + r * job.out_stride);
  }
}

void add_tasks(int64_t index, int64_t share_bytes, Plan& plan) {
  const PreparedJob& job = plan.jobs[size_t(index)];
  const int64_t row_bytes =
      job.weight->cols() * (job.quantized ? int64_t{sizeof(ActivationBlock)} / activation_block
                                          : int64_t{sizeof(float)});
  const int64_t most_rows = std::max<int64_t>(8, task_activation_bytes / row_bytes / 8 * 8);
  const int64_t row_step = divide_up(divide_up(job.rows, divide_up(job.rows, most_rows)), 8) * 8;
  // Kernels take panels in pairs.
  const int64_t panel_step = std::max<int64_t>(1, share_bytes / job.panel_bytes / 2) * 2;
  for (int64_t r = 0; r < job.rows; r += row_step)
    for (int64_t p = 0; p < job.panels; p += panel_step)
      plan.tasks.push_back(
          {index, p, std::min(p + panel_step, job.panels), r, std::min(r + row_step, job.rows)});
}

void run_task(const Task& task, const Plan& plan) {
  const PreparedJob& job = plan.jobs[size_t(task.job)];
  const Weight& weight = *job.weight;
  kernels::LinearArgs args{.panels = nullptr,
                           .panel_bytes = job.panel_bytes,
                           .outputs = std::min(weight.rows(), task.end_panel * panel_width) -
                                      task.first_panel * panel_width,
                           .cols = weight.cols(),
                           .block_cols = weight.scales() ? weight.scales()->block_cols : 0,
                           .x = plan.x.data() + job.first_pointer + task.first_row,
                           .out = plan.out.data() + job.first_pointer + task.first_row,
                           .out_offset = task.first_panel * panel_width,
                           .rows = task.end_row - task.first_row,
                           .accumulate = false,
                           .one_plane = one_plane(weight)};
  if (weight.layout() == Weight::Layout::panels) {
    args.panels =
        reinterpret_cast<const unsigned char*>(weight.data()) + task.first_panel * job.panel_bytes;
    return job.run(args);
  }
  static thread_local Buffer scratch;
  std::byte* panels = scratch.get(2 * job.panel_bytes);
  args.panels = reinterpret_cast<const unsigned char*>(panels);
  for (int64_t p = task.first_panel; p < task.end_panel; p += 2) {
    pack_panel(weight, p, panels);
    if (p + 1 < task.end_panel) pack_panel(weight, p + 1, panels + job.panel_bytes);
    args.out_offset = p * panel_width;
    args.outputs =
        std::min(weight.rows(), std::min(p + 2, task.end_panel) * panel_width) - args.out_offset;
    job.run(args);
  }
}

void run_pass(std::span<const LinearJob> jobs, int64_t first, Plan& plan) {
  plan.source_count = 0;
  plan.to_quantize.clear();
  plan.jobs.clear();
  plan.x.clear();
  plan.out.clear();
  plan.tasks.clear();
  int64_t blocks = 0, bytes = 0;
  for (const LinearJob& job : jobs) {
    const int64_t rows = std::clamp<int64_t>(job.rows - first, 0, pass_rows);
    const Format format = compute_format(job.weight->format());
    const bool quantized = kernels::block_layout(format) != nullptr;
    plan.jobs.push_back({job.weight, kernels::linear_family(format)->best().run, quantized,
                         packed_panel_bytes(*job.weight), panel_count(*job.weight), rows, 0});
    if (quantized) want_rows(job, first, first + rows, blocks, plan);
    if (rows > 0) bytes += plan.jobs.back().panel_bytes * plan.jobs.back().panels;
  }
  if (blocks > 0) quantize_rows(plan, blocks);
  for (size_t i = 0; i < jobs.size(); ++i) {
    plan.jobs[i].first_pointer = int64_t(plan.x.size());
    point_at_rows(jobs[i], first, first + plan.jobs[i].rows, plan.jobs[i].quantized, plan);
  }
  ThreadPool& pool = compute_pool();
  const int64_t share = std::min(task_panel_bytes, bytes / (pool.threads() * 4) + 1);
  for (size_t i = 0; i < jobs.size(); ++i)
    if (plan.jobs[i].rows > 0) add_tasks(int64_t(i), share, plan);
  pool.parallel_for(int64_t(plan.tasks.size()), 1, [&plan](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) run_task(plan.tasks[size_t(i)], plan);
  });
}

}  // namespace

LinearKernel linear_kernel(Format format) {
  const Format computed = compute_format(format);
  const kernels::LinearFamily& family = *kernels::linear_family(computed);
  return {family.name, family.best().name, kernels::block_layout(computed) != nullptr};
}

void run_linear(std::span<const LinearJob> jobs) {
  static thread_local Plan plan;
  int64_t rows = 0;
  for (const LinearJob& job : jobs) rows = std::max(rows, job.rows);
  for (int64_t first = 0; first < rows; first += pass_rows) run_pass(jobs, first, plan);
}

}  // namespace deepseek
