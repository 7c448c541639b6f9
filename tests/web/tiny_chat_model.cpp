// SPDX-License-Identifier: Apache-2.0
// tiny_chat_model FOLDER: writes a model of random weights that answers some hundred tokens a
// second, with a context that is long enough for a reader to leave and come back meanwhile.
#include <cstdio>
#include <exception>

#include "tests/cli/tiny_model.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: tiny_chat_model FOLDER\n", stderr);
    return 2;
  }
  try {
    nlohmann::json config = deepseek::testing::byte_config();
    config.update({{"hidden_size", 512},
                   {"intermediate_size", 1024},
                   {"num_hidden_layers", 6},
                   {"num_attention_heads", 8},
                   {"num_key_value_heads", 8},
                   {"head_dim", 64},
                   {"max_position_embeddings", 32768}});
    deepseek::testing::write_small_model(argv[1], config);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tiny_chat_model: %s\n", error.what());
    return 1;
  }
  return 0;
}
