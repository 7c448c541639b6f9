// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/progress.h"
#include "nn/param_source.h"

namespace deepseek {

/// How weights come to rest in memory.
enum class Placement {
  native,     // in their own format, permuted for the kernels; mapped pages given back
  mapped,     // in their own format where the file has them: for models larger than memory
  reference,  // dequantised to f32
  trainable,  // dequantised to f32 rows that a Tape keeps gradients for
};

struct NamedParameter {
  std::string name;
  Tensor value;
};

/// A source whose weights are put where a Placement says, one tensor at a time.
class PlacingSource : public ParamSource {
 public:
  /// `progress` hears of the bytes placed, of `total_bytes` in all.
  PlacingSource(ParamSource& inner, Placement placement, NoticeSink notice = {},
                ProgressSink progress = {}, int64_t total_bytes = 0);
  /// What Weight::activation_bits of every linear map will be.
  void round_activations_to(int bits) { activation_bits_ = bits; }

  Weight weight(const std::string& name, int64_t rows, int64_t cols, Use use) override;
  Tensor vector(const std::string& name, int64_t size) override;
  Tensor buffer(const std::string& name, int64_t size) override;
  LatentUpWeights latent_up(const std::string& prefix, int64_t heads, int64_t nope, int64_t v,
                            int64_t rank) override;
  bool has(const std::string& name) const override { return inner_.has(name); }
  Weight placed(Weight derived) override;
  void release(const Weight& raw) override;

  /// What trainable placement made, in the order it was asked for.
  const std::vector<NamedParameter>& parameters() const { return parameters_; }
  /// Bytes that formats without a kernel of their own cost beyond their size in the file.
  int64_t widened_bytes() const { return widened_bytes_; }

 private:
  Weight place(const std::string& name, const Weight& raw, Use use);
  /// Throws bad_file when a block of these rows, the first of which is row `first` of the
  /// parameter, has a scale that is no number.
  void check(const std::string& name, const Weight& rows, int64_t first) const;
  Weight as_trainable(const std::string& name, const Weight& raw);
  void count(const Weight& raw);

  ParamSource& inner_;
  Placement placement_;
  int activation_bits_ = 15;
  NoticeSink notice_;
  ProgressSink progress_;
  int64_t done_bytes_ = 0, total_bytes_;
  std::vector<NamedParameter> parameters_;
  int64_t widened_bytes_ = 0;
  StorageArena arena_;
};

}  // namespace deepseek
