// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "cli/setting.h"

namespace deepseek::cli {
namespace {

using Kind = Setting::Kind;
using Scope = Setting::Scope;

constexpr std::array rows{
    Setting{"help", "", Kind::boolean},
    Setting{"config", "FILE", Kind::path, Scope::start},
    Setting{"lang", "LANG", Kind::choice, Scope::lasting, "", 0, 0, "en zh"},
    Setting{"json", "", Kind::boolean, Scope::lasting, "false"},
    // Where a model runs.
    Setting{"cpu", "LEVEL", Kind::choice, Scope::lasting, "", 0, 0, "scalar avx2 avx512 vnni amx"},
    Setting{"threads", "N", Kind::integer, Scope::lasting, "", 1, 1024},
    Setting{"ctx", "TOKENS", Kind::integer, Scope::lasting, "", 1, 1e9},
    Setting{"cache-bytes", "SIZE", Kind::size, Scope::lasting},
    Setting{"adapter", "DIR", Kind::path, Scope::lasting},
    Setting{"precision", "HOW", Kind::choice, Scope::lasting, "", 0, 0, "f32 native"},
    // Sampling.
    Setting{"temperature", "X", Kind::number, Scope::lasting, "", 0, 100},
    Setting{"top-k", "N", Kind::integer, Scope::lasting, "", 0, 1e9},
    Setting{"top-p", "X", Kind::number, Scope::lasting, "", 0, 1},
    Setting{"min-p", "X", Kind::number, Scope::lasting, "", 0, 1},
    Setting{"repetition-penalty", "X", Kind::number, Scope::lasting, "", 0.01, 100},
    Setting{"frequency-penalty", "X", Kind::number, Scope::lasting, "", -100, 100},
    Setting{"presence-penalty", "X", Kind::number, Scope::lasting, "", -100, 100},
    Setting{"seed", "N", Kind::integer, Scope::lasting},
    Setting{"max-tokens", "N", Kind::integer, Scope::lasting, "", 1, 1e9},
    Setting{"stop", "TEXT", Kind::list},
    Setting{"logit-bias", "ID=X", Kind::list},
    Setting{"system", "TEXT", Kind::text, Scope::lasting},
    Setting{"think", "", Kind::boolean, Scope::lasting},
    // One call.
    Setting{"prompt", "TEXT", Kind::text},
    Setting{"prompt-file", "FILE", Kind::path},
    Setting{"chat", "", Kind::boolean},
    Setting{"logprobs", "N", Kind::integer, Scope::call, "", 0, 100},
    Setting{"text", "TEXT", Kind::text},
    Setting{"file", "FILE", Kind::path},
    Setting{"jsonl", "", Kind::boolean},
    Setting{"add-special", "", Kind::boolean, Scope::call, "false"},
    Setting{"parse-special", "", Kind::boolean, Scope::call, "true"},
    Setting{"decode", "", Kind::boolean},
    Setting{"skip-special", "", Kind::boolean},
    Setting{"tokens-file", "FILE", Kind::path},
    Setting{"out", "FILE", Kind::path},
    Setting{"logits", "WHICH", Kind::choice, Scope::call, "all", 0, 0, "all last none"},
    Setting{"hidden", "", Kind::boolean},
    Setting{"loss", "", Kind::boolean},
    Setting{"labels-file", "FILE", Kind::path},
    Setting{"grad", "", Kind::boolean},
    Setting{"mtp", "STATE", Kind::choice, Scope::call, "", 0, 0, "normed residual"},
    Setting{"mtp-lambda", "X", Kind::number, Scope::call, "0.3", -1000, 1000},
    Setting{"cache", "N", Kind::integer, Scope::call, "", 1, 1e9},
    Setting{"generate", "N", Kind::integer, Scope::call, "", 1, 1e9},
    Setting{"ids-file", "FILE", Kind::path},
    Setting{"window", "TOKENS", Kind::integer, Scope::call, "", 2, 1e9},
    Setting{"stride", "TOKENS", Kind::integer, Scope::call, "", 1, 1e9},
    Setting{"context", "TOKENS", Kind::list},
    Setting{"tensors", "", Kind::boolean},
    Setting{"prefill", "TOKENS", Kind::list},
    Setting{"decode-tokens", "N", Kind::integer, Scope::call, "64", 1, 1e6},
    Setting{"depth", "TOKENS", Kind::list},
    Setting{"repeat", "N", Kind::integer, Scope::call, "5", 1, 1000},
    Setting{"filter", "TEXT", Kind::text},
    Setting{"type", "TYPE", Kind::text},
    Setting{"force", "", Kind::boolean},
    Setting{"revision", "REV", Kind::text, Scope::call, "main"},
    Setting{"yes", "", Kind::boolean},
};

}  // namespace

std::span<const Setting> settings() { return rows; }

}  // namespace deepseek::cli
