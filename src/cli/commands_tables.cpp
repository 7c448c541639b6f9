// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/verbs/verbs.h"

namespace deepseek::cli {
namespace {

constexpr Command rows[] = {
    {"tokenize", "MODEL", "text file jsonl add-special parse-special decode skip-special",
     "deepseek tokenize starter --text 'Hello, world'\n"
     "echo '\"one\"' | deepseek tokenize starter --jsonl\n"
     "echo '[504, 3575]' | deepseek tokenize starter --decode --jsonl",
     run_tokenize},
    {"pull", "MODEL", "revision",
     "deepseek pull deepseek-ai/deepseek-llm-7b-chat\n"
     "deepseek pull unsloth/DeepSeek-R1-Distill-Qwen-1.5B-GGUF:Q4_K_M",
     run_pull},
    {"list", "", "", "deepseek list\ndeepseek list --json", run_list},
    {"rm", "MODEL", "yes",
     "deepseek rm deepseek-ai/deepseek-llm-7b-chat\n"
     "deepseek rm unsloth/DeepSeek-R1-Distill-Qwen-1.5B-GGUF:Q4_K_M --yes",
     run_rm},
    {"doctor", "", "threads cpu",
     "deepseek doctor\n"
     "DEEPSEEK_CPU=avx2 deepseek doctor --json",
     run_doctor},
    {"config", "ACTION",
     "cpu threads ctx cache-bytes adapter precision temperature top-k top-p min-p "
     "repetition-penalty frequency-penalty presence-penalty seed max-tokens system think",
     "deepseek config show\n"
     "deepseek config show --threads 2 --json",
     run_config},
    {"completion", "SHELL", "",
     "source <(deepseek completion bash)\n"
     "deepseek completion fish > ~/.config/fish/completions/deepseek.fish",
     run_completion, false},
    {"help", "[VERB]", "",
     "deepseek help tokenize\n"
     "deepseek help exit-codes",
     run_help, false},
    {"version", "", "", "deepseek version --json", run_version, false},
};

}  // namespace

std::span<const Command> commands() { return rows; }

}  // namespace deepseek::cli
