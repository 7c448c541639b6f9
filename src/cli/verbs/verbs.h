// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/console.h"
#include "cli/flags.h"

namespace deepseek::cli {

// What each verb runs; each answers the exit code.
int run_bench(const Flags& flags, Console& console);
int run_bench_kernels(const Flags& flags, Console& console);
int run_completion(const Flags& flags, Console& console);
int run_config(const Flags& flags, Console& console);
int run_convert(const Flags& flags, Console& console);
int run_doctor(const Flags& flags, Console& console);
int run_generate(const Flags& flags, Console& console);
int run_help(const Flags& flags, Console& console);
int run_key(const Flags& flags, Console& console);
int run_ledger(const Flags& flags, Console& console);
int run_list(const Flags& flags, Console& console);
int run_perplexity(const Flags& flags, Console& console);
int run_ps(const Flags& flags, Console& console);
int run_pull(const Flags& flags, Console& console);
int run_rm(const Flags& flags, Console& console);
int run_run(const Flags& flags, Console& console);
int run_serve(const Flags& flags, Console& console);
int run_show(const Flags& flags, Console& console);
int run_template(const Flags& flags, Console& console);
int run_tokenize(const Flags& flags, Console& console);
int run_trace(const Flags& flags, Console& console);
int run_version(const Flags& flags, Console& console);

}  // namespace deepseek::cli
