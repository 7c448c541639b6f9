// SPDX-License-Identifier: Apache-2.0
// Answers one question with a model: generate MODEL "QUESTION"
#include <deepseek/deepseek.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: generate MODEL QUESTION\n";
    return 2;
  }
  try {
    auto model = deepseek::LanguageModel::open(argv[1]);
    deepseek::CompletionOptions options;
    options.max_tokens = 128;
    options.temperature = 0;
    const auto print = [](std::string_view piece) {
      std::cout << piece << std::flush;
      return true;
    };
    const auto answer = model.chat({{"user", argv[2]}}, options, print);
    std::cout << '\n';
    std::cerr << answer.tokens.size() << " tokens, " << answer.finish_reason << '\n';
    return 0;
  } catch (const deepseek::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
