// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/verbs/verbs.h"

namespace deepseek::cli {
namespace {

constexpr Command rows[] = {
    {"run", "[MODEL]",
     "threads cpu ctx cache-bytes adapter precision temperature top-k top-p min-p "
     "repetition-penalty frequency-penalty presence-penalty seed max-tokens stop logit-bias system "
     "think dry-run",
     "deepseek run\n"
     "echo 'What is the capital of France?' | deepseek run starter\n"
     "deepseek run MODEL --dry-run --ctx 32768\n"
     "deepseek run MODEL --system 'Answer in Chinese.' --temperature 0.6",
     run_run, true, "chat"},
    {"generate", "MODEL",
     "prompt prompt-file chat system think logprobs threads cpu ctx cache-bytes adapter precision "
     "temperature top-k top-p min-p repetition-penalty frequency-penalty presence-penalty seed "
     "max-tokens stop logit-bias",
     "deepseek generate starter --prompt 'Once upon a time' --max-tokens 64\n"
     "deepseek generate starter --chat --prompt 'Hello' --logprobs 3 --json",
     run_generate},
    {"perplexity", "MODEL [FILE]",
     "ids-file window stride threads cpu ctx cache-bytes adapter precision",
     "deepseek perplexity starter text.txt\n"
     "deepseek perplexity starter --ids-file windows.json --window 1024 --precision f32",
     run_perplexity},
    {"bench", "MODEL",
     "prefill decode-tokens depth repeat filter threads cpu ctx cache-bytes adapter precision",
     "deepseek bench starter\n"
     "deepseek bench MODEL --prefill 512 --prefill 2048 --depth 0 --depth 4096 --json\n"
     "deepseek bench kernels --threads 1 --filter attention",
     run_bench},
    {"tokenize", "MODEL", "text file jsonl add-special parse-special decode skip-special",
     "deepseek tokenize starter --text 'Hello, world'\n"
     "echo '\"one\"' | deepseek tokenize starter --jsonl\n"
     "echo '[504, 3575]' | deepseek tokenize starter --decode --jsonl",
     run_tokenize},
    {"template", "MODEL", "text file jsonl",
     "echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}' | deepseek template "
     "starter\n"
     "deepseek template chat_template.jinja --jsonl < contexts.jsonl",
     run_template},
    {"show", "MODEL", "context tensors",
     "deepseek show starter\n"
     "deepseek show MODEL --context 8192 --context 65536\n"
     "deepseek show MODEL --tensors --json",
     run_show},
    {"trace", "MODEL",
     "tokens-file out logits hidden loss labels-file grad mtp mtp-lambda cache generate "
     "threads cpu ctx cache-bytes adapter precision",
     "echo '[[1, 2, 3]]' > ids.json\n"
     "deepseek trace starter --tokens-file ids.json --out trace.safetensors --hidden\n"
     "deepseek trace MODEL --tokens-file ids.json --out grads.safetensors --loss --grad",
     run_trace},
    {"convert", "MODEL DST", "type force threads",
     "deepseek convert org/name model.gguf --type Q8_0\n"
     "deepseek convert model.gguf folder",
     run_convert},
    {"pull", "MODEL", "revision",
     "deepseek pull deepseek-ai/deepseek-llm-7b-chat\n"
     "deepseek pull unsloth/DeepSeek-R1-Distill-Qwen-1.5B-GGUF:Q4_K_M\n"
     "deepseek pull modelscope:deepseek-ai/DeepSeek-V2-Lite-Chat",
     run_pull},
    {"list", "", "", "deepseek list\ndeepseek list --json", run_list},
    {"rm", "MODEL", "yes",
     "deepseek rm deepseek-ai/deepseek-llm-7b-chat\n"
     "deepseek rm unsloth/DeepSeek-R1-Distill-Qwen-1.5B-GGUF:Q4_K_M --yes",
     run_rm},
    {"serve", "[MODEL…]",
     "host port listen url-prefix tls-cert tls-key api-key api-key-file force-public cors-origin "
     "allowed-host model-name model-alias memory-bytes unload-after strict-replay access-log "
     "drain-seconds drain-delay max-running "
     "max-waiting queue-timeout first-token-timeout total-timeout idle-timeout "
     "keep-alive-seconds prefix-cache cache-disk cache-disk-bytes files-bytes data-path store-url "
     "prices "
     "otlp-endpoint threads cpu ctx "
     "cache-bytes adapter precision dry-run",
     "deepseek serve\n"
     "deepseek serve MODEL --port 8000 --api-key-file keys.txt --host 0.0.0.0\n"
     "deepseek serve small=starter big=deepseek-ai/DeepSeek-V2-Lite-Chat --memory-bytes 40GiB\n"
     "deepseek serve MODEL --data-path data --prices prices.yaml --host 0.0.0.0\n"
     "curl http://127.0.0.1:8080/v1/chat/completions -H 'content-type: application/json' "
     "-d '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'",
     run_serve},
    {"ps", "", "url host port url-prefix tls-cert api-key",
     "deepseek ps\ndeepseek ps --url https://llm.example.org --api-key sk-...", run_ps},
    {"key", "ACTION [KEY]",
     "name scope allow-model expires requests-per-minute tokens-per-minute concurrency currency "
     "prepaid grant top-up note disabled data-path store-url",
     "deepseek key create alice --prepaid --grant 5 --requests-per-minute 60\n"
     "deepseek key create ci --scope chat --allow-model deepseek-chat --expires 30d\n"
     "deepseek key list --json\n"
     "deepseek key set alice --top-up 20 --note 'invoice 17' --concurrency 4\n"
     "deepseek key set alice --disabled\n"
     "deepseek key revoke alice",
     run_key},
    {"ledger", "ACTION", "format out key head data-path store-url",
     "deepseek ledger verify\n"
     "deepseek ledger export --format csv --out ledger.csv\n"
     "deepseek ledger export --format jsonl --key alice",
     run_ledger},
    {"doctor", "", "threads cpu",
     "deepseek doctor\n"
     "DEEPSEEK_CPU=avx2 deepseek doctor --json",
     run_doctor},
    {"config", "ACTION",
     "cpu threads ctx cache-bytes adapter precision temperature top-k top-p min-p "
     "repetition-penalty frequency-penalty presence-penalty seed max-tokens system think data-path "
     "store-url",
     "deepseek config show\n"
     "deepseek config show --threads 2 --json",
     run_config},
    {"completion", "SHELL", "",
     "source <(deepseek completion bash)\n"
     "deepseek completion fish > ~/.config/fish/completions/deepseek.fish",
     run_completion, false},
    {"help", "[VERB]", "man",
     "deepseek help tokenize\n"
     "deepseek help exit-codes\n"
     "deepseek help --man run | man -l -",
     run_help, false},
    {"version", "", "", "deepseek version --json", run_version, false},
};

}  // namespace

std::span<const Command> commands() { return rows; }

}  // namespace deepseek::cli
