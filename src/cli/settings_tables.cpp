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
    // The server.
    Setting{"host", "ADDRESS", Kind::text, Scope::lasting, "127.0.0.1"},
    Setting{"port", "N", Kind::integer, Scope::lasting, "8080", 0, 65535},
    Setting{"listen", "ADDRESS", Kind::list, Scope::lasting},
    Setting{"url-prefix", "PATH", Kind::text, Scope::lasting},
    Setting{"tls-cert", "FILE", Kind::path, Scope::lasting},
    Setting{"tls-key", "FILE", Kind::path, Scope::lasting},
    Setting{"api-key-file", "FILE", Kind::path, Scope::lasting},
    Setting{"api-key", "KEY", Kind::list},
    Setting{"force-public", "", Kind::boolean, Scope::lasting, "false"},
    Setting{"cors-origin", "ORIGIN", Kind::list, Scope::lasting},
    Setting{"allowed-host", "NAME", Kind::list, Scope::lasting},
    Setting{"model-name", "NAME", Kind::text, Scope::lasting},
    Setting{"model-alias", "NAME", Kind::list, Scope::lasting},
    Setting{"strict-replay", "", Kind::boolean, Scope::lasting, "true"},
    Setting{"access-log", "FILE", Kind::path, Scope::lasting},
    Setting{"drain-seconds", "N", Kind::integer, Scope::lasting, "30", 0, 86400},
    Setting{"max-running", "N", Kind::integer, Scope::lasting, "32", 1, 4096},
    Setting{"max-waiting", "N", Kind::integer, Scope::lasting, "256", 0, 1e6},
    Setting{"prefix-cache", "", Kind::boolean, Scope::lasting, "true"},
    Setting{"cache-disk", "DIR", Kind::path, Scope::lasting},
    Setting{"cache-disk-bytes", "SIZE", Kind::size, Scope::lasting, "8GiB"},
    Setting{"otlp-endpoint", "URL", Kind::text, Scope::lasting},
    // The store of the server.
    Setting{"data-path", "DIR", Kind::path, Scope::lasting},
    Setting{"store-url", "URL", Kind::text, Scope::lasting},
    Setting{"prices", "FILE", Kind::path, Scope::lasting},
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
    Setting{"name", "NAME", Kind::text},
    Setting{"scope", "SCOPE", Kind::list},
    Setting{"allow-model", "MODEL", Kind::list},
    Setting{"expires", "WHEN", Kind::text},
    Setting{"requests-per-minute", "N", Kind::integer, Scope::call, "", 0, 1e12},
    Setting{"tokens-per-minute", "N", Kind::integer, Scope::call, "", 0, 1e12},
    Setting{"concurrency", "N", Kind::integer, Scope::call, "", 0, 1e12},
    Setting{"currency", "CODE", Kind::text, Scope::call, "USD"},
    Setting{"prepaid", "", Kind::boolean},
    Setting{"grant", "AMOUNT", Kind::text},
    Setting{"top-up", "AMOUNT", Kind::text},
    Setting{"note", "TEXT", Kind::text},
    Setting{"disabled", "", Kind::boolean},
    Setting{"format", "FORMAT", Kind::choice, Scope::call, "jsonl", 0, 0, "jsonl csv"},
    Setting{"key", "KEY", Kind::text},
    Setting{"head", "HASH", Kind::text},
};

}  // namespace

std::span<const Setting> settings() { return rows; }

}  // namespace deepseek::cli
