// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx2/lanes.h"  // first: what the others are written in
#include "kernels/vector/attention.inl"
#include "kernels/vector/elementwise.inl"
