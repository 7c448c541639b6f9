// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "deepseek/error.h"

/// The C++ library: open a published checkpoint, talk to it.
///
///   deepseek::LanguageModel model = deepseek::LanguageModel::open("path/to/model.gguf");
///   std::cout << model.chat({{"user", "What is the capital of France?"}}).text << '\n';
///
/// Every function throws deepseek::Error. A LanguageModel may be used by one thread at a time.
namespace deepseek {

struct LoadOptions {
  int threads = 0;          // 0: as many as the process may run on
  int64_t context = 0;      // tokens; 0: what the model was trained for
  int64_t cache_bytes = 0;  // memory for keys and values; 0: enough for the context
  bool reference = false;   // f32 arithmetic on dequantised weights
  std::string adapter;      // folder of a PEFT LoRA adapter; empty: none
  std::function<void(const std::string&)> notice;  // remarks, such as memory a choice costs
};

/// How to choose tokens. What is absent comes from the model's generation_config.json, else it is
/// greedy.
struct CompletionOptions {
  int64_t max_tokens = -1;  // -1: up to the context
  std::optional<double> temperature, top_p, min_p;
  std::optional<int64_t> top_k;
  double repetition_penalty = 1, frequency_penalty = 0, presence_penalty = 0;
  std::vector<std::pair<int32_t, double>> logit_bias;
  uint64_t seed = 0;
  std::vector<std::string> stop;  // never shown
  bool ignore_end = false;        // go on past end-of-text tokens
  int top_logprobs = 0;           // alternatives to report for each token, with logprobs
  bool logprobs = false;
};

struct Message {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

struct ScoredToken {
  int32_t token = 0;
  std::string text;
  double logprob = 0;
  std::vector<std::pair<int32_t, double>> top;  // best first
};

struct Completion {
  std::string text;
  std::vector<int32_t> tokens;
  std::string finish_reason;  // "stop", "length" or "cancelled"
  std::vector<ScoredToken> logprobs;
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;  // of the prompt, found in the cache of the call before
  double prefill_seconds = 0, decode_seconds = 0;
};

/// Called with each piece of text as it becomes final; false cancels.
using TextSink = std::function<bool(std::string_view piece)>;

class LanguageModel {
 public:
  /// `path`: a Hugging Face folder, or a .gguf file (the first part of a split one).
  static LanguageModel open(const std::string& path, const LoadOptions& options = {});
  ~LanguageModel();
  LanguageModel(LanguageModel&&) noexcept;
  LanguageModel& operator=(LanguageModel&&) noexcept;

  std::vector<int32_t> tokenize(std::string_view text, bool parse_special = true) const;
  std::string detokenize(const std::vector<int32_t>& tokens) const;
  /// The prompt that the model's chat template makes of a conversation, ready to be answered.
  std::string render(const std::vector<Message>& messages) const;

  Completion complete(std::string_view prompt, const CompletionOptions& options = {},
                      const TextSink& sink = {});
  Completion chat(const std::vector<Message>& messages, const CompletionOptions& options = {},
                  const TextSink& sink = {});

  int64_t context_length() const;
  int64_t vocabulary_size() const;
  /// Total parameters.
  int64_t parameter_count() const;

 private:
  struct Implementation;
  explicit LanguageModel(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

/// The version of the library that is linked, such as "0.1.0".
std::string_view version() noexcept;

}  // namespace deepseek
