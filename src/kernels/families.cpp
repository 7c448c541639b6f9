// SPDX-License-Identifier: Apache-2.0
#include "kernels/families.h"

#include "kernels/attention_merge.h"
#include "kernels/exp_rows.h"
#include "kernels/exp_scaled.h"
#include "kernels/expert_combine.h"
#include "kernels/latent_attention.h"
#include "kernels/linear.h"
#include "kernels/log_sum_exp.h"
#include "kernels/paged_attention.h"
#include "kernels/rms_norm.h"
#include "kernels/rope.h"
#include "kernels/swiglu.h"

namespace deepseek::kernels {
namespace {

template <class Family>
FamilyInfo info(const Family& family) {
  FamilyInfo out;
  out.name = family.name;
  for (const auto& variant : family.variants) out.variants.push_back(variant.name);
  out.chosen = family.best().name;
  return out;
}

}  // namespace

std::vector<FamilyInfo> kernel_families() {
  std::vector<FamilyInfo> out{info(rms_norm_f32),         info(rope_f32),
                              info(swiglu_f32),           info(paged_attention_f32),
                              info(latent_attention_f32), info(attention_merge_f32),
                              info(expert_combine_f32),   info(log_sum_exp_f32),
                              info(exp_rows_f32),         info(exp_scaled_f64),
                              info(quantize_activations)};
  for (const LinearFamily& family : linear_families()) out.push_back(info(family));
  return out;
}

}  // namespace deepseek::kernels
