// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "cli/messages.h"

namespace deepseek::cli {
namespace {

constexpr std::array rows{
    MessageRow{"help.usage", "Usage: {}", "用法：{}"},
    MessageRow{"help.verbs", "Verbs:", "命令："},
    MessageRow{"help.flags", "Flags:", "选项："},
    MessageRow{"help.examples", "Examples:", "示例："},
    MessageRow{"help.more",
               "'deepseek help VERB' shows flags and examples; 'deepseek help exit-codes' what "
               "scripts can rely on.",
               "“deepseek help 命令” 查看选项和示例；“deepseek help exit-codes” 查看退出码。"},
    MessageRow{"help.alias", "'deepseek {}' is the same.", "“deepseek {}” 与之相同。"},

    MessageRow{"man.manual", "User Commands", "用户命令"},
    MessageRow{"man.name", "NAME", "名称"},
    MessageRow{"man.synopsis", "SYNOPSIS", "概要"},
    MessageRow{"man.description", "DESCRIPTION", "描述"},
    MessageRow{"man.commands", "VERBS", "命令"},
    MessageRow{"man.options", "OPTIONS", "选项"},
    MessageRow{"man.examples", "EXAMPLES", "示例"},
    MessageRow{"man.exit_status", "EXIT STATUS", "退出状态"},
    MessageRow{"man.environment", "ENVIRONMENT", "环境变量"},
    MessageRow{"man.files", "FILES", "文件"},
    MessageRow{"man.see_also", "SEE ALSO", "参见"},
    MessageRow{"man.summary", "run and serve DeepSeek language models",
               "运行 DeepSeek 语言模型并提供服务"},
    MessageRow{
        "man.about",
        "Runs the published checkpoints of the DeepSeek language models on this machine, for a "
        "chat, for scripts, or for many clients over HTTP. MODEL is a folder, a GGUF file, a "
        "model of the cache (org/name, org/name:file-or-quantisation, either with modelscope: "
        "before it), or starter. Results are on standard output, everything else on standard "
        "error; most verbs print JSON with --json.",
        "在本机运行已发布的 DeepSeek 语言模型：用于对话、脚本，或通过 HTTP 服务众多客户端。MODEL "
        "可以是文件夹、GGUF 文件、缓存中的模型（org/name 或 org/name:文件或量化，前面可加 "
        "modelscope:），或 starter。结果写到标准输出，其余内容写到标准错误；多数命令加 --json "
        "时输出 JSON。"},
    MessageRow{"man.environment.about",
               "A setting comes from its flag, else from its variable, else from config.yaml, "
               "where it has the flag's name. These are the variables:",
               "每项设置依次取自选项、环境变量和 config.yaml（其中的名称与选项相同）。变量如下："},
    MessageRow{
        "man.environment.cache",
        "HF_HUB_CACHE, else HF_HOME with /hub, is the model cache. HF_ENDPOINT and HF_TOKEN, "
        "MODELSCOPE_ENDPOINT and MODELSCOPE_API_TOKEN say where models come from and by what "
        "right; with HF_HUB_OFFLINE nothing is downloaded.",
        "模型缓存位于 HF_HUB_CACHE，否则位于 HF_HOME 下的 hub。HF_ENDPOINT 与 HF_TOKEN、"
        "MODELSCOPE_ENDPOINT 与 MODELSCOPE_API_TOKEN 指定模型的来源与访问令牌；设置 "
        "HF_HUB_OFFLINE 后不下载任何内容。"},
    MessageRow{
        "man.files.config",
        "Settings, one a line, such as 'threads: 8'; below XDG_CONFIG_HOME where that is set.",
        "设置，每行一项，例如 “threads: 8”；设有 XDG_CONFIG_HOME 时位于该文件夹下。"},

    MessageRow{"verb.run", "chat with a model; with a pipe, answer one message",
               "与模型对话；从管道读入时回答一条消息"},
    MessageRow{
        "verb.run.about",
        "Chats with a model (the starter model when none is named). When standard input is "
        "not a terminal, all of it is one message and standard output is the answer alone.",
        "与模型对话（不指定模型时使用 starter）。标准输入不是终端时，其全部内容作为一条消息，"
        "标准输出只有回答。"},
    MessageRow{"verb.generate", "complete a prompt", "续写一段提示词"},
    MessageRow{
        "verb.generate.about",
        "Continues a prompt as it is, or as a chat message with --chat, with every sampling "
        "flag. Without --prompt or --prompt-file the prompt is read from standard input.",
        "按原样续写提示词；加 --chat 时作为对话消息处理。支持全部采样选项。未给出 --prompt 或 "
        "--prompt-file 时从标准输入读取。"},
    MessageRow{"verb.tokenize", "text to token ids and back", "文本与 token 编号互相转换"},
    MessageRow{
        "verb.tokenize.about",
        "Prints the token ids and pieces of a text: --text, --file, or standard input. With "
        "--jsonl each line is a JSON string and each answer an array of ids; with --decode "
        "the other way round.",
        "打印文本的 token 编号和片段，文本来自 --text、--file 或标准输入。加 --jsonl 时每行一个 "
        "JSON 字符串，每行输出一个编号数组；加 --decode 时方向相反。"},
    MessageRow{"verb.template", "chat messages to the prompt a model sees",
               "把对话消息渲染成模型看到的提示词"},
    MessageRow{"verb.template.about",
               "Renders the chat template of a model, or a Jinja file, with the JSON object on "
               "standard input (messages, tools, add_generation_prompt and any other name). With "
               "--jsonl one object a line, one JSON string a line out.",
               "用标准输入中的 JSON 对象（messages、tools、add_generation_prompt 等）渲染模型的对话"
               "模板或 Jinja 文件。加 --jsonl 时每行一个对象，每行输出一个 JSON 字符串。"},
    MessageRow{"verb.show", "what a model is made of, and the memory it needs",
               "模型的组成与所需内存"},
    MessageRow{
        "verb.show.about",
        "Architecture, parameters, tensors, formats, context, template, and memory at given "
        "context lengths, from the configuration or file header alone.",
        "仅根据配置或文件头显示架构、参数量、张量、格式、上下文、模板，以及给定上下文长度下的"
        "内存需求。"},
    MessageRow{"verb.trace", "write the numbers inside a model", "写出模型内部的数值"},
    MessageRow{
        "verb.trace.about",
        "Runs lists of token ids and writes logits, hidden states, router choices, losses "
        "and gradients as safetensors, for comparison with any other implementation.",
        "对 token 编号列表进行计算，把 logits、隐藏状态、路由选择、损失和梯度写成 safetensors，"
        "便于与其他实现比较。"},
    MessageRow{"verb.perplexity", "how well a model predicts a text", "模型对文本的预测能力"},
    MessageRow{"verb.perplexity.about",
               "Mean negative log-likelihood and perplexity of a text file, or of token ids, with "
               "their standard error. Windows and strides are stated in the result.",
               "文本文件或 token 编号的平均负对数似然、困惑度及其标准误差；结果会注明窗口和步长。"},
    MessageRow{"verb.bench", "measure speed", "测量速度"},
    MessageRow{"verb.bench.about",
               "Prefill and decode speed of a model at given lengths and depths, beside the "
               "measured ceiling of the machine; 'deepseek bench kernels' measures every kernel.",
               "在给定长度和深度下测量模型的预填充与解码速度，并与机器的实测上限对比；"
               "“deepseek bench kernels” 测量每个计算核。"},
    MessageRow{"verb.convert", "convert between Hugging Face folders and GGUF",
               "在 Hugging Face 文件夹与 GGUF 之间转换"},
    MessageRow{"verb.convert.about",
               "Writes a model in the other format: a folder becomes a GGUF file, a GGUF file a "
               "folder.",
               "把模型写成另一种格式：文件夹转为 GGUF 文件，GGUF 文件转为文件夹。"},
    MessageRow{"verb.pull", "download a model into the model cache", "下载模型到缓存"},
    MessageRow{
        "verb.pull.about",
        "Downloads org/name, one file or one quantisation of it (org/name:Q4_K_M), checks "
        "the hashes and keeps it in the Hugging Face cache. Interrupted downloads resume. "
        "modelscope:org/name comes from ModelScope instead, into the same cache, and goes by that "
        "name everywhere. HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE are "
        "honoured, for ModelScope MODELSCOPE_ENDPOINT, MODELSCOPE_DOMAIN and "
        "MODELSCOPE_API_TOKEN.",
        "下载 org/name，或其中的一个文件、一种量化（org/name:Q4_K_M），校验哈希后存入 Hugging "
        "Face 缓存；中断的下载会续传。modelscope:org/name 从 ModelScope（魔搭）下载到同一缓存，"
        "其他命令也使用这一名称。遵循 HF_ENDPOINT、HF_TOKEN、HF_HOME、HF_HUB_CACHE 和 "
        "HF_HUB_OFFLINE；对 ModelScope 遵循 MODELSCOPE_ENDPOINT、MODELSCOPE_DOMAIN 和 "
        "MODELSCOPE_API_TOKEN。"},
    MessageRow{"verb.list", "models in the model cache", "列出缓存中的模型"},
    MessageRow{"verb.list.about", "Lists the models in the cache with their files and sizes.",
               "列出缓存中的模型及其文件和大小。"},
    MessageRow{"verb.rm", "delete a model from the model cache", "从缓存中删除模型"},
    MessageRow{"verb.rm.about",
               "Deletes a model, or one file of it, and frees what nothing else refers to. Asks "
               "first; --yes answers for you.",
               "删除模型或其中一个文件，并释放不再被引用的数据。会先询问；--yes 表示同意。"},
    MessageRow{"verb.serve", "serve models over HTTP", "通过 HTTP 提供模型服务"},
    MessageRow{
        "verb.serve.about",
        "Answers the OpenAI and DeepSeek API (/v1/chat/completions, /v1/completions, "
        "/v1/models, /tokenize and others; /openapi.json lists all) for many clients at once. "
        "Listens on this machine alone unless told otherwise; other machines only with API "
        "keys. Keys made with 'deepseek key' count, with their limits and balances, and every "
        "change of them at once. Of several models as many are in memory as --memory-bytes has "
        "room for; the others are loaded when they are asked for, in place of idle ones. "
        "NAME=MODEL "
        "says what requests call a model. Ctrl-C finishes what runs and leaves.",
        "为众多客户端同时提供 OpenAI 与 DeepSeek API（/v1/chat/completions、/v1/completions、"
        "/v1/models、/tokenize 等；/openapi.json 列出全部）。默认只监听本机；"
        "对其他机器开放时须有 API 密钥。“deepseek key” 创建的密钥及其限额与余额有效，"
        "更改立即生效。有多个模型时，内存中保留 --memory-bytes 所容许的模型，其余在被请求时"
        "替换空闲模型加载。“名称=模型” 指定请求中使用的名称。Ctrl-C 完成正在进行的请求后退出。"},
    MessageRow{"verb.ps", "the models that a server has in memory", "服务器内存中的模型"},
    MessageRow{"verb.ps.about",
               "Asks a running 'deepseek serve' which models are loaded, how much memory they may "
               "take, and until when they stay.",
               "询问正在运行的 “deepseek serve” 已加载哪些模型、最多占用多少内存、保留到何时。"},
    MessageRow{"verb.key", "API keys of the server", "服务器的 API 密钥"},
    MessageRow{
        "verb.key.about",
        "Makes, lists, changes and revokes API keys: 'key create NAME', 'key list', 'key set KEY', "
        "'key revoke KEY', where KEY is a name or an id. A secret is shown once and kept only as a "
        "hash. A running server notices every change. A limit of 0, --allow-model any and "
        "--expires never take a limit away.",
        "创建、列出、修改和吊销 API 密钥：“key create 名称”、“key list”、“key set 密钥”、"
        "“key revoke 密钥”，其中密钥用名称或编号指定。密钥原文只显示一次，仅以哈希保存。运行中的"
        "服务器会立即感知修改。限额设为 0、--allow-model any 或 --expires never 表示取消限制。"},
    MessageRow{"verb.ledger", "check or export what was charged", "校验或导出账本"},
    MessageRow{
        "verb.ledger.about",
        "'ledger verify' reads the whole ledger and says which row was changed, removed or "
        "exchanged; it prints the hash of the last row, and --head HASH checks that one noted "
        "earlier is still in the chain. 'ledger export' writes every row as JSONL or CSV.",
        "“ledger verify” 读取整个账本，指出被修改、删除或调换的行，并打印最后一行的哈希；"
        "--head HASH 检查先前记下的哈希仍在链中。“ledger export” 把每一行写成 JSONL 或 CSV。"},
    MessageRow{"verb.doctor", "what this machine offers and what is chosen on it",
               "检查本机能力与所选计算核"},
    MessageRow{"verb.doctor.about",
               "CPU features, the kernels chosen, threads, memory, measured memory bandwidth and "
               "the model cache.",
               "CPU 特性、所选计算核、线程、内存、实测内存带宽和模型缓存。"},
    MessageRow{"verb.config", "settings and where each came from", "各项设置及其来源"},
    MessageRow{"verb.config.about",
               "'config show' prints every setting with its value and where it came from: a flag, "
               "a DEEPSEEK_* variable, config.yaml, or the default.",
               "“config show” 打印每项设置的值及来源：选项、DEEPSEEK_* 环境变量、config.yaml 或"
               "默认值。"},
    MessageRow{"verb.completion", "completion script for a shell", "生成 shell 补全脚本"},
    MessageRow{"verb.completion.about", "Prints a completion script for bash, zsh or fish.",
               "打印 bash、zsh 或 fish 的补全脚本。"},
    MessageRow{"verb.help", "this page, or that of a verb", "显示帮助"},
    MessageRow{
        "verb.help.about",
        "Shows all verbs, one verb, or the table of exit codes. With --man it prints what is "
        "installed as deepseek(1) and deepseek-VERB(1).",
        "显示全部命令、某个命令或退出码表。加 --man 时打印安装为 deepseek(1) 和 "
        "deepseek-命令(1) 的手册页。"},
    MessageRow{"verb.version", "the version", "显示版本"},
    MessageRow{"verb.version.about", "Prints version and compiler.", "打印版本和编译器。"},

    MessageRow{"flag.help", "show this page", "显示本页"},
    MessageRow{"flag.config", "read settings from FILE instead of the usual config.yaml",
               "从 FILE 读取设置，代替默认的 config.yaml"},
    MessageRow{"flag.lang", "language of help and notices", "帮助和提示信息的语言"},
    MessageRow{"flag.json", "print the result as JSON", "以 JSON 打印结果"},
    MessageRow{"flag.cpu", "use no more of the CPU than this", "限制使用的 CPU 指令集"},
    MessageRow{"flag.threads", "threads to compute with; all CPUs when not given",
               "计算线程数；默认使用全部 CPU"},
    MessageRow{"flag.ctx", "longest context in tokens", "最大上下文长度（token）"},
    MessageRow{"flag.cache-bytes", "memory for keys and values, such as 2GiB",
               "键值缓存的内存，例如 2GiB"},
    MessageRow{"flag.adapter", "apply the PEFT LoRA adapter in DIR",
               "应用 DIR 中的 PEFT LoRA 适配器"},
    MessageRow{
        "flag.precision",
        "f32: reference arithmetic; native: the packed weights as they are; int8: native, with "
        "activations rounded to 8 bits: long prompts in about half the time, coarser",
        "f32：参考算术；native：直接使用压缩权重；int8：同 native，但激活值取 8 位："
        "长提示词约快一倍，精度略低"},
    MessageRow{"flag.temperature", "0 takes the likeliest token", "温度；0 表示总取最可能的 token"},
    MessageRow{"flag.top-k", "draw from the N likeliest tokens; 0: from all",
               "只从最可能的 N 个 token 中抽取；0 表示全部"},
    MessageRow{"flag.top-p", "draw from the likeliest tokens that make up this probability",
               "只从累计概率达到此值的最可能 token 中抽取"},
    MessageRow{"flag.min-p", "leave out tokens below this share of the likeliest one",
               "去掉概率低于最大概率此比例的 token"},
    MessageRow{"flag.repetition-penalty", "divide the score of tokens seen before; 1: off",
               "降低已出现 token 的分数；1 表示关闭"},
    MessageRow{"flag.frequency-penalty", "subtract this for each time a token was generated",
               "token 每生成一次减去的分数"},
    MessageRow{"flag.presence-penalty", "subtract this once from tokens that were generated",
               "已生成 token 一次性减去的分数"},
    MessageRow{"flag.seed", "same seed, same answer; 0 to 18446744073709551615",
               "相同种子得到相同回答；0 到 18446744073709551615"},
    MessageRow{"flag.max-tokens", "longest answer in tokens", "回答的最大长度（token）"},
    MessageRow{"flag.stop", "end before this text; may be given several times",
               "遇到此文本前停止；可多次给出"},
    MessageRow{"flag.logit-bias", "add X to the score of token ID; once for each ID",
               "给编号 ID 的 token 分数加 X；可多次给出"},
    MessageRow{"flag.system", "system message of the chat", "对话的系统消息"},
    MessageRow{"flag.think", "ask the template for reasoning, --no-think against it",
               "要求模板开启推理；--no-think 关闭"},
    MessageRow{"flag.dry-run",
               "only say what it takes, whether it fits, and how fast it should run",
               "只说明占用、能否放下及预计速度，不加载模型"},
    MessageRow{"flag.prompt", "the prompt", "提示词"},
    MessageRow{"flag.prompt-file", "read the prompt from FILE", "从 FILE 读取提示词"},
    MessageRow{"flag.chat", "the prompt is a chat message for the model's template",
               "把提示词作为对话消息，套用模型的模板"},
    MessageRow{"flag.logprobs", "report log-probabilities of the N likeliest tokens",
               "给出最可能的 N 个 token 的对数概率"},
    MessageRow{"flag.text", "the text", "文本"},
    MessageRow{"flag.file", "read the text from FILE", "从 FILE 读取文本"},
    MessageRow{"flag.jsonl", "a JSON value a line in, a JSON value a line out",
               "每行输入一个 JSON 值，每行输出一个 JSON 值"},
    MessageRow{"flag.add-special", "add what the model's post-processor adds (BOS …)",
               "加上后处理器添加的 token（BOS 等）"},
    MessageRow{"flag.parse-special", "special tokens in the text are ordinary text",
               "把文本中的特殊 token 当作普通文本"},
    MessageRow{"flag.decode", "ids to text", "从编号还原文本"},
    MessageRow{"flag.skip-special", "leave special tokens out of decoded text",
               "还原文本时省略特殊 token"},
    MessageRow{"flag.tokens-file", "JSON file: a list of lists of token ids",
               "JSON 文件：token 编号列表的列表"},
    MessageRow{"flag.out", "write to FILE", "写入 FILE"},
    MessageRow{"flag.logits", "logits of which positions", "写出哪些位置的 logits"},
    MessageRow{"flag.hidden", "write hidden states, attention outputs and router choices",
               "写出隐藏状态、注意力输出和路由选择"},
    MessageRow{"flag.loss", "write the mean cross-entropy", "写出平均交叉熵"},
    MessageRow{"flag.labels-file", "JSON file of labels shaped like the tokens; -100 is left out",
               "与 token 同形状的标签 JSON 文件；-100 不计入"},
    MessageRow{"flag.grad", "write the gradient of the mean loss for every parameter",
               "写出平均损失对每个参数的梯度"},
    MessageRow{"flag.mtp", "write logits of the first MTP layer, fed with this hidden state",
               "写出第一个 MTP 层的 logits，输入为此隐藏状态"},
    MessageRow{"flag.mtp-lambda", "weight of the MTP loss in the gradient",
               "MTP 损失在梯度中的权重"},
    MessageRow{"flag.cache", "compute through the cache: N tokens first, then one at a time",
               "通过缓存计算：先 N 个 token，再逐个"},
    MessageRow{"flag.generate", "write N greedily chosen tokens", "写出贪心选出的 N 个 token"},
    MessageRow{"flag.ids-file", "JSON file of token ids instead of a text",
               "用 token 编号的 JSON 文件代替文本"},
    MessageRow{"flag.window", "tokens a window holds", "每个窗口的 token 数"},
    MessageRow{"flag.stride", "tokens from one window to the next", "相邻窗口之间的 token 数"},
    MessageRow{"flag.context", "memory at this context length; may be given several times",
               "给出此上下文长度下的内存；可多次给出"},
    MessageRow{"flag.tensors", "list every tensor", "列出每个张量"},
    MessageRow{"flag.prefill", "prompt length to measure; may be given several times",
               "要测量的提示词长度；可多次给出"},
    MessageRow{"flag.decode-tokens", "tokens to decode for each measurement",
               "每次测量解码的 token 数"},
    MessageRow{"flag.depth", "tokens in the cache before measuring; may be given several times",
               "测量前缓存中的 token 数；可多次给出"},
    MessageRow{"flag.repeat", "measurements of each kind", "每种测量的次数"},
    MessageRow{"flag.filter", "kernels whose name contains TEXT", "名称含有该文本的计算核"},
    MessageRow{"flag.type", "type of the weights to write", "写出权重的类型"},
    MessageRow{"flag.force", "replace what is there", "替换已有内容"},
    MessageRow{"flag.man", "print the manual page, in roff", "打印 roff 格式的手册页"},
    MessageRow{"flag.revision", "branch, tag or commit; main, at ModelScope master, when not given",
               "分支、标签或提交；默认为 main，ModelScope 上为 master"},
    MessageRow{"flag.yes", "do not ask", "不再询问"},
    MessageRow{"flag.host", "address to listen on", "监听地址"},
    MessageRow{"flag.port", "port to listen on; 0 takes a free one",
               "监听端口；0 表示任选空闲端口"},
    MessageRow{
        "flag.listen",
        "address such as [::1]:8080 or unix:/run/deepseek.sock, in place of --host and "
        "--port; may be given several times",
        "监听地址，如 [::1]:8080 或 unix:/run/deepseek.sock，代替 --host 与 --port；可多次给出"},
    MessageRow{"flag.url-prefix", "path before every route", "所有路由之前的路径"},
    MessageRow{"flag.tls-cert", "certificate chain (PEM) for TLS", "TLS 证书链（PEM）"},
    MessageRow{"flag.tls-key", "private key (PEM) for TLS", "TLS 私钥（PEM）"},
    MessageRow{"flag.api-key", "key that requests must carry; may be given several times",
               "请求必须携带的密钥；可多次给出"},
    MessageRow{"flag.api-key-file", "file with such keys, one a line",
               "存放此类密钥的文件，每行一个"},
    MessageRow{"flag.force-public", "listen beyond this machine without keys",
               "没有密钥也监听本机以外的地址"},
    MessageRow{"flag.cors-origin", "origin of web pages that may call; may be given several times",
               "允许调用的网页来源；可多次给出"},
    MessageRow{"flag.allowed-host", "further name that a Host header may hold",
               "Host 头允许的其他名称"},
    MessageRow{"flag.model-name", "what requests call the model, where there is one",
               "只有一个模型时请求中使用的名称"},
    MessageRow{"flag.model-alias",
               "another name for the first model, such as gpt-*, or NAME=MODEL for another; may be "
               "given several times",
               "第一个模型的其他名称，如 gpt-*；或用 名称=模型 指定其他模型；可多次给出"},
    MessageRow{"flag.memory-bytes",
               "what models and their caches may take together; four fifths of the memory when not "
               "given",
               "所有模型及其缓存可占用的内存；默认为内存的五分之四"},
    MessageRow{"flag.unload-after",
               "unload a model that nobody used for so long; 0: only when its memory is needed",
               "模型闲置超过此秒数后卸载；0 表示仅在需要内存时卸载"},
    MessageRow{"flag.url", "the server's address; from --host and --port when not given",
               "服务器地址；默认由 --host 与 --port 得出"},
    MessageRow{"flag.strict-replay",
               "take calls that come back without the reasoning before them; refused otherwise",
               "接受缺少先前推理内容的工具调用回传；默认拒绝"},
    MessageRow{"flag.access-log", "file for a JSON line a request; standard error when not given",
               "请求日志文件（每行一个 JSON）；未给出时写到标准错误"},
    MessageRow{"flag.drain-seconds", "time for running requests to finish at the end",
               "退出时等待进行中请求的秒数"},
    MessageRow{"flag.drain-delay",
               "time before that in which requests are still taken but /ready is red, for load "
               "balancers to notice",
               "在此之前仍接受请求但 /ready 变红的秒数，供负载均衡器察觉"},
    MessageRow{"flag.max-running", "sequences that run together at most", "同时运行的序列上限"},
    MessageRow{"flag.max-waiting", "requests that wait at most", "等待请求数上限"},
    MessageRow{"flag.queue-timeout",
               "give up a request that waits for its turn so long, with 503; 0: never",
               "请求排队超过此秒数后放弃（503）；0 表示不限"},
    MessageRow{"flag.first-token-timeout",
               "give up a request without a token of its answer after so long; 0: never",
               "超过此秒数仍无首个 token 时放弃请求；0 表示不限"},
    MessageRow{"flag.total-timeout",
               "give up a request that is not answered after so long; 0: never",
               "超过此秒数仍未完成回答时放弃请求；0 表示不限"},
    MessageRow{"flag.idle-timeout", "close a connection without a request after so long; 0: never",
               "连接空闲超过此秒数后关闭；0 表示不限"},
    MessageRow{"flag.keep-alive-seconds",
               "silence before a keep-alive in an answer: a comment in a stream, a blank line "
               "before JSON; 0: none",
               "应答静默超过此秒数后发送保活内容（流中为注释，JSON 之前为空行）；0 表示不发送"},
    MessageRow{"flag.prefix-cache", "compute the beginning of every prompt, cached or not",
               "不使用缓存，每次都重新计算提示词开头"},
    MessageRow{"flag.cache-disk", "folder where cached prompts outlive a restart",
               "保存提示词缓存的文件夹，重启后仍可用"},
    MessageRow{"flag.files-bytes", "size of uploaded files at most, all together",
               "上传文件的总大小上限"},
    MessageRow{"flag.cache-disk-bytes", "size of that folder at most", "该文件夹的大小上限"},
    MessageRow{"flag.otlp-endpoint",
               "collector of OpenTelemetry traces (OTLP over HTTP), such as http://localhost:4318",
               "OpenTelemetry 追踪收集器（OTLP over HTTP），如 http://localhost:4318"},
    MessageRow{"flag.prices",
               "price file by which requests of the store's keys are charged; without "
               "one they are free",
               "价格文件，据此对存储中密钥的请求计费；未给出时免费"},
    MessageRow{"flag.data-path",
               "folder of the server's store and files; the user's data folder "
               "when not given",
               "服务器的存储与文件所在的文件夹；默认使用用户数据文件夹"},
    MessageRow{"flag.store-url",
               "PostgreSQL database that several servers share, "
               "postgresql://…, instead of a file in the data folder",
               "多台服务器共享的存储：PostgreSQL 数据库 postgresql://…，代替数据文件夹中的文件"},
    MessageRow{"flag.name", "new name of the key", "密钥的新名称"},
    MessageRow{"flag.scope",
               "what the key may use: chat, embeddings, files, batches, responses, history, admin; "
               "may be given several times",
               "密钥可用的功能：chat、embeddings、files、batches、responses、history、admin；"
               "可多次给出"},
    MessageRow{"flag.allow-model", "model the key may use; may be given several times; any: all",
               "密钥可用的模型；可多次给出；any 表示全部"},
    MessageRow{"flag.expires", "30d, 12h, a date such as 2027-01-31 (its end, UTC), or never",
               "30d、12h、日期如 2027-01-31（当日结束，UTC）或 never"},
    MessageRow{"flag.requests-per-minute", "requests a minute", "每分钟请求数"},
    MessageRow{"flag.tokens-per-minute", "tokens a minute, prompt and answer",
               "每分钟 token 数，包括提示词与回答"},
    MessageRow{"flag.concurrency", "requests at once", "同时进行的请求数"},
    MessageRow{"flag.currency", "currency of the key's balance", "密钥余额的货币"},
    MessageRow{"flag.prepaid", "refuse requests that the balance does not cover",
               "余额不足时拒绝请求"},
    MessageRow{"flag.grant", "add granted money, which is spent first", "增加赠送余额，优先使用"},
    MessageRow{"flag.top-up", "add topped-up money", "增加充值余额"},
    MessageRow{"flag.note", "why, for the ledger", "写入账本的说明"},
    MessageRow{"flag.disabled", "refuse the key for now; --no-disabled accepts it again",
               "暂停使用密钥；--no-disabled 恢复"},
    MessageRow{"flag.format", "form of the rows", "行的格式"},
    MessageRow{"flag.key", "only rows of this key; its id names it also after it was revoked",
               "只输出该密钥的行；密钥吊销后仍可用 ID 指定"},
    MessageRow{"flag.head", "hash that must be in the ledger", "账本中必须存在的哈希"},
};

}  // namespace

std::span<const MessageRow> help_messages() { return rows; }

}  // namespace deepseek::cli
