// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "cli/messages.h"

namespace deepseek::cli {
namespace {

constexpr std::array rows{
    MessageRow{"serve.listens", "{} answers at {}", "{} 的服务地址：{}"},
    MessageRow{"ps.empty", "{} has no model in memory", "{} 的内存中没有模型"},
    MessageRow{"ps.stays", "the server stops", "服务器停止"},
    MessageRow{"exit.done", "done", "完成"},
    MessageRow{"exit.internal", "internal: a bug in deepseek, please report it",
               "内部错误：deepseek 的缺陷，请反馈"},
    MessageRow{"exit.invalid_input", "usage: flag, value or combination",
               "用法：选项、取值或组合有误"},
    MessageRow{"exit.bad_file", "bad file: model, config, data, recipe",
               "文件有误：模型、配置、数据或配方"},
    MessageRow{"exit.not_found", "not found", "未找到"},
    MessageRow{"exit.unsupported", "unsupported: known, but not done here", "不支持：已知但未实现"},
    MessageRow{"exit.out_of_memory", "out of memory, cache or disk", "内存、缓存或磁盘不足"},
    MessageRow{"exit.network", "network, or the remote refused", "网络错误或被远端拒绝"},
    MessageRow{"exit.busy", "busy: port, lock", "忙：端口或锁被占用"},
    MessageRow{"exit.interrupted", "interrupted", "被中断"},

    MessageRow{"error.internal", "{}", "内部错误：{}"},
    MessageRow{"error.invalid_input", "{}", "用法有误：{}（“deepseek help 命令” 列出用法）"},
    MessageRow{"error.bad_file", "{}", "文件有误：{}（请检查或重新下载该文件）"},
    MessageRow{"error.not_found", "{}", "未找到：{}（“deepseek list” 列出已有模型）"},
    MessageRow{"error.unsupported", "{}", "不支持：{}"},
    MessageRow{"error.out_of_memory", "{}",
               "内存、缓存或磁盘不足：{}（请释放空间，或减小 --ctx、--cache-bytes）"},
    MessageRow{"error.network", "{}", "网络错误：{}（请检查网络或代理）"},
    MessageRow{"error.busy", "{}", "忙：{}（请稍后重试）"},
    MessageRow{"error.interrupted", "{}", "被中断：{}"},

    MessageRow{"origin.default", "default", "默认"},
    MessageRow{"origin.file", "file", "文件"},
    MessageRow{"origin.environment", "environment", "环境变量"},
    MessageRow{"origin.flag", "flag", "选项"},
    MessageRow{"config.file", "Settings of {}:", "{} 的设置："},
    MessageRow{"config.no_file", "Settings (no config.yaml):", "设置（没有 config.yaml）："},
    MessageRow{"config.ignored", "{} is no setting of deepseek and is ignored",
               "{} 不是 deepseek 的设置，已忽略"},

    MessageRow{"threads.capped",
               "--threads {}: this process may run on {} CPUs; that many are used",
               "--threads {}：本进程可用 {} 个 CPU，按此数运行"},

    MessageRow{
        "list.unfinished",
        "{}: a download broke off after {}; 'deepseek pull' with the same name goes on, "
        "'deepseek rm' frees it",
        "{}：下载中断，已下载 {}；用同样的名称运行 “deepseek pull” 可继续，“deepseek rm” 可删除"},
    MessageRow{"list.empty", "the model cache {} is empty", "模型缓存 {} 为空"},
    MessageRow{"rm.question", "Delete {} ({} files, {})? [y/N]", "删除 {}（{} 个文件，{}）？[y/N]"},
    MessageRow{"rm.kept", "nothing was deleted", "未删除任何内容"},
    MessageRow{"rm.done", "{} deleted, {} freed", "已删除 {}，释放 {}"},

    MessageRow{"key.empty", "there are no keys in {}", "{} 中没有密钥"},
    MessageRow{"key.secret", "key {} ({}); this secret is shown once, keep it:",
               "密钥 {}（{}）；原文只显示这一次，请妥善保存："},
    MessageRow{"key.revoked", "{} ({}) is revoked", "已吊销 {}（{}）"},
    MessageRow{"ledger.fine", "{} rows, every one as it was written; head {}",
               "共 {} 行，全部与写入时一致；末行哈希 {}"},
    MessageRow{"ledger.exported", "{} rows written to {}", "已将 {} 行写入 {}"},

    MessageRow{"doctor.cpu", "CPU", "CPU"},
    MessageRow{"doctor.found", "features found", "检测到的特性"},
    MessageRow{"doctor.used", "features used", "使用的特性"},
    MessageRow{"doctor.threads", "threads", "线程"},
    MessageRow{"doctor.memory", "memory", "内存"},
    MessageRow{"doctor.of", "{} free of {}", "可用 {}，共 {}"},
    MessageRow{"doctor.bandwidth_one", "memory read, 1 thread", "内存读取，单线程"},
    MessageRow{"doctor.bandwidth_all", "memory read, all threads", "内存读取，全部线程"},
    MessageRow{"doctor.cache", "model cache", "模型缓存"},
    MessageRow{"doctor.cache_value", "{} ({} models, {} free)", "{}（{} 个模型，剩余 {}）"},
    MessageRow{"doctor.kernels", "kernels chosen, of those there are",
               "所选计算核（括号内为全部）"},

    MessageRow{"show.architecture", "architecture", "架构"},
    MessageRow{"show.parameters", "parameters", "参数量"},
    MessageRow{"show.parameters_value", "{}, {} active for a token", "{}，每个 token 激活 {}"},
    MessageRow{"show.mtp", "multi-token prediction", "多 token 预测参数量"},
    MessageRow{"show.layers", "layers", "层数"},
    MessageRow{"show.width", "hidden size", "隐藏维度"},
    MessageRow{"show.heads", "heads", "注意力头"},
    MessageRow{"show.heads_value", "{}, {} for keys and values", "{}，键值头 {}"},
    MessageRow{"show.experts", "experts", "专家"},
    MessageRow{"show.experts_value", "{} routed, {} chosen for a token, {} shared",
               "{} 个路由专家，每个 token 选 {} 个，{} 个共享专家"},
    MessageRow{"show.vocabulary", "vocabulary", "词表"},
    MessageRow{"show.context", "context", "上下文"},
    MessageRow{"show.template", "chat template", "对话模板"},
    MessageRow{"show.none", "none", "无"},
    MessageRow{"show.tensors", "tensors", "张量"},
    MessageRow{"show.without_weights", "the weights are not there: {}", "没有权重文件：{}"},
    MessageRow{"show.memory", "memory at {} tokens: {}, {} of it cache",
               "{} 个 token 时的内存：{}，其中缓存 {}"},

    MessageRow{"fit.fits", "{}: fits", "{}：可以放下"},
    MessageRow{"fit.mapped", "{}: does not fit in memory; runs from the mapped file, slowly",
               "{}：内存放不下；可从映射的文件运行，速度慢"},
    MessageRow{"fit.too_large", "{}: does not fit", "{}：放不下"},
    MessageRow{
        "fit.weights",
        "weights: {} in the files; {} computed with where they are mapped, {} packed in memory",
        "权重：文件中 {}；直接在映射中计算 {}，在内存中重排 {}"},
    MessageRow{
        "fit.weights_absent",
        "weights: not there; by config.json {} in the files, {} of them mapped, {} packed in "
        "memory",
        "权重：不在本机；按 config.json 推算，文件中 {}，直接在映射中计算 {}，在内存中重排 {}"},
    MessageRow{"fit.cache", "cache: {} a token, {} for {} tokens",
               "缓存：每个 token {}，共 {}（{} 个 token）"},
    MessageRow{"fit.total", "memory: {} in all; {} free of {}", "内存：共需 {}；可用 {}，总量 {}"},
    MessageRow{"fit.threads", "{} threads; kernels: {}", "{} 线程；计算核：{}"},
    MessageRow{"fit.prefill", "prefill, {} tokens: about {} tokens/s, bound by {}",
               "预填充 {} 个 token：约 {} token/秒，受限于{}"},
    MessageRow{"fit.decode", "decode, {} tokens: about {} tokens/s, bound by {}",
               "解码 {} 个 token：约 {} token/秒，受限于{}"},
    MessageRow{"fit.prefill_unknown",
               "prefill: not predicted; what bounds it could not be measured here",
               "预填充：无法预测，其上限在本机无法测得"},
    MessageRow{"fit.decode_unknown",
               "decode: not predicted; what bounds it could not be measured here",
               "解码：无法预测，其上限在本机无法测得"},
    MessageRow{"fit.per_token", "a token reads {} of weights", "每个 token 读取权重 {}"},
    MessageRow{"fit.use_native",
               "--precision native computes in the format of the file, in less memory",
               "--precision native 按文件中的格式计算，占用内存更少"},
    MessageRow{"fit.cut",
               "--ctx {} is cut to {} tokens, which the cache holds; --cache-bytes {} holds them "
               "all",
               "--ctx {} 被缩减为缓存可容纳的 {} 个 token；--cache-bytes {} 可全部容纳"},
    MessageRow{"fit.shorter", "--ctx {} fits", "--ctx {} 可以放下"},
    MessageRow{"fit.smaller_cache", "give it a smaller --cache-bytes", "请减小 --cache-bytes"},
    MessageRow{"fit.fewer_bits", "a file of up to {} bits a weight fits",
               "每个权重不超过 {} 位的文件可以放下"},
    MessageRow{"fit.more_memory", "with {} of free memory this file fits",
               "可用内存达到 {} 时此文件可以放下"},
    MessageRow{"fit.together", "all of them together: {} of {}; they stay in memory side by side",
               "全部模型共 {}，限额 {}；可同时留在内存中"},
    MessageRow{"fit.in_turns",
               "all of them together: {} of {}; those in use stay, idle ones make room",
               "全部模型共 {}，限额 {}；使用中的留在内存，空闲的让出内存"},
    MessageRow{"bound.memory", "memory", "内存带宽"},
    MessageRow{"bound.floats", "f32 arithmetic", "f32 算力"},
    MessageRow{"bound.bytes", "byte arithmetic", "字节算力"},
    MessageRow{"bound.file", "reading the file", "读取文件"},

    MessageRow{"generate.speed", "{} tokens, {} tokens/s; prompt {} tokens, {} tokens/s",
               "{} 个 token，{} token/秒；提示词 {} 个 token，{} token/秒"},
    MessageRow{"chat.welcome", "{} is ready. /help lists commands, Ctrl-D leaves.",
               "{} 已就绪。/help 列出命令，Ctrl-D 退出。"},
    MessageRow{"chat.leave", "Ctrl-C once more, Ctrl-D or /bye leaves",
               "再按一次 Ctrl-C、按 Ctrl-D 或输入 /bye 退出"},
    MessageRow{"chat.stopped", "stopped", "已停止"},
    MessageRow{"chat.dropped", "stopped; the message was not added to the conversation",
               "已停止；该消息未加入对话"},
    MessageRow{"chat.stopping", "stopping; Ctrl-C once more ends the chat",
               "正在停止；再按一次 Ctrl-C 将结束对话"},
    MessageRow{"chat.length", "the answer ended at the length limit; /set max-tokens raises it",
               "回答达到长度上限；可用 /set max-tokens 提高"},
    MessageRow{"chat.full",
               "the answer was cut off: the context is full; /clear begins anew, {} at the start "
               "makes it larger",
               "回答被截断：上下文已满；/clear 开始新对话，启动时用 {} 可增大上下文"},
    MessageRow{"chat.full_model",
               "the answer was cut off: the context is full, and the model was made for no more; "
               "/clear begins anew",
               "回答被截断：上下文已满，已达模型上限；/clear 开始新对话"},
    MessageRow{"chat.forgotten",
               "the message was not added to the conversation; /clear begins a new one",
               "该消息未加入对话；/clear 开始新对话"},
    MessageRow{"chat.system", "system message set", "已设置系统消息"},
    MessageRow{"chat.no_system", "no system message", "无系统消息"},
    MessageRow{"chat.saved", "{} messages written to {}", "已将 {} 条消息写入 {}"},
    MessageRow{"chat.cleared", "the conversation begins anew", "对话已清空"},
    MessageRow{"chat.loaded", "{} messages loaded", "已加载 {} 条消息"},
    MessageRow{"chat.think_on", "reasoning on", "推理已开启"},
    MessageRow{"chat.think_off", "reasoning off", "推理已关闭"},
    MessageRow{"chat.stats", "{} messages, {} of {} tokens, seed {}",
               "{} 条消息，{} / {} 个 token，种子 {}"},
    MessageRow{"chat.help",
               "/system TEXT        set the system message; without TEXT none\n"
               "/set [NAME VALUE]   show sampling, or change it, such as /set temperature 0.7\n"
               "/think [on|off]     ask the model to reason, or not to\n"
               "/clear              begin a new conversation\n"
               "/save FILE          write the conversation\n"
               "/load FILE          continue a saved conversation\n"
               "/stats              tokens and speed\n"
               "/bye                leave\n"
               "A line that ends in \\ goes on; \"\"\" begins and ends a text of several lines.\n"
               "Alt-Enter begins a new line; pasted text may have several.\n"
               "Ctrl-C stops an answer. Ctrl-R searches the history.",
               "/system 文本        设置系统消息；不带文本则清除\n"
               "/set [名称 值]      显示或修改采样，例如 /set temperature 0.7\n"
               "/think [on|off]     开启或关闭推理\n"
               "/clear              开始新对话\n"
               "/save 文件          保存对话\n"
               "/load 文件          加载保存的对话\n"
               "/stats              token 数与速度\n"
               "/bye                退出\n"
               "行末的 \\ 表示续行；用 \"\"\" 开始和结束多行文本。\n"
               "Alt-Enter 换行；粘贴的文本可以有多行。\n"
               "Ctrl-C 停止回答，Ctrl-R 搜索历史。"},
    MessageRow{"perplexity.value", "perplexity {} ± {}", "困惑度 {} ± {}"},
    MessageRow{"perplexity.nll", "mean negative log-likelihood {} ± {} nats a token",
               "平均负对数似然 {} ± {} 奈特/token"},
    MessageRow{"perplexity.windows",
               "{} tokens scored in {} windows of {}, {} from one to the next; the first token of "
               "a window is not scored",
               "共计分 {} 个 token，{} 个窗口，窗口长 {}，步长 {}；窗口的第一个 token 不计分"},
    MessageRow{"perplexity.rate", "{} tokens/s", "{} token/秒"},
    MessageRow{"bench.machine",
               "{}, {} threads, reads {} GB/s, computes f32 {} and bytes {} GFLOP/s; {} MB of "
               "weights a token",
               "{}，{} 线程，内存读取 {} GB/s，f32 计算 {} GFLOP/s，字节计算 {} GFLOP/s；"
               "每个 token {} MB 权重"},
    MessageRow{"bench.prefill", "prefill {} tokens at depth {}: {} tokens/s ({} to {}), {}",
               "预填充 {} 个 token，深度 {}：{} token/秒（{} 至 {}），{}"},
    MessageRow{"bench.decode", "decode {} tokens at depth {}: {} tokens/s ({} to {}), {}",
               "解码 {} 个 token，深度 {}：{} token/秒（{} 至 {}），{}"},
    MessageRow{"bench.bytes", "{} GB/s, {}% of the memory", "{} GB/s，占内存带宽 {}%"},
    MessageRow{"bench.ceilings",
               "{}, {} threads; at most: read {} GB/s, f32 {} GOP/s, bytes {} GOP/s",
               "{}，{} 个线程；上限：读取 {} GB/s，f32 {} GOP/s，字节 {} GOP/s"},
    MessageRow{"bench.flops", "{} GFLOP/s, {}% of {}", "{} GFLOP/s，{}%（{}）"},
    MessageRow{"bench.predicted", "; predicted {} ({}%)", "；预测 {}（{}%）"},
    MessageRow{"convert.done", "{} tensors, {}, written to {}", "已将 {} 个张量（{}）写入 {}"},
    MessageRow{"trace.done", "{} tensors written to {}", "已将 {} 个张量写入 {}"},

    MessageRow{"progress.open", "{}: {}, {}", "{}：{}，{}"},
    MessageRow{"progress.bounded", "{}: {} of {} ({}%), {}, {} left",
               "{}：{} / {}（{}%），{}，剩余 {}"},
};

}  // namespace

std::span<const MessageRow> notice_messages() { return rows; }

}  // namespace deepseek::cli
