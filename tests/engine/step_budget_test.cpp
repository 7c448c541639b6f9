// SPDX-License-Identifier: Apache-2.0
#include "engine/scheduler/step_budget.h"

#include <gtest/gtest.h>

namespace deepseek {
namespace {

TEST(StepBudget, AloneAndUnmeasured) {
  const StepBudget budget(64, 512, 0.15);
  EXPECT_EQ(budget.prefill_rows(0), 512);
  EXPECT_EQ(budget.prefill_rows(1), 128);
  EXPECT_EQ(StepBudget(200, 512, 0.15).prefill_rows(1), 200);
}

TEST(StepBudget, BesideDecodingAsManyWholePagesAsFitTheTime) {
  StepBudget budget(64, 512, 0.15);
  budget.took(0.01, 1, 0);
  budget.took(0.01 + 0.1, 1, 100);
  EXPECT_EQ(budget.prefill_rows(1), 128) << "140 rows in the 0.14 s that are left";
  EXPECT_EQ(budget.prefill_rows(0), 512);
}

TEST(StepBudget, SlowDecodingIsMadeThriceAsLong) {
  StepBudget budget(64, 512, 0.15);
  budget.took(0.5, 8, 0);
  budget.took(0.5 + 0.5, 8, 100);
  EXPECT_EQ(budget.prefill_rows(8), 192) << "200 rows in 1 s";
}

TEST(StepBudget, SlowMachinesStillAdvanceByTheLeast) {
  StepBudget budget(64, 512, 0.15);
  budget.took(0.05, 1, 0);
  budget.took(0.05 + 3.2, 1, 64);
  EXPECT_EQ(budget.prefill_rows(1), 64);
}

TEST(StepBudget, ShortPromptsTellWhatRowsCostAndTheShortestDoNot) {
  StepBudget budget(64, 512, 0.15);
  budget.took(0.01, 1, 0);
  budget.took(0.3, 1, 2);
  EXPECT_EQ(budget.prefill_rows(1), 128) << "two rows cost what a step costs";
  budget.took(0.01 + 0.01, 1, 20);
  EXPECT_EQ(budget.prefill_rows(1), 256) << "280 rows in 0.14 s";
}

TEST(StepBudget, FollowsWhatStepsTookLately) {
  StepBudget budget(64, 512, 0.15);
  budget.took(0.1, 0, 100);
  for (int i = 0; i < 40; ++i) budget.took(0.4, 0, 100);
  EXPECT_EQ(budget.prefill_rows(1), 64);
  EXPECT_NEAR(budget.rows_per_second(), 250, 1);
}

}  // namespace
}  // namespace deepseek
