// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "cli/messages.h"

namespace deepseek::cli {
namespace {

constexpr std::array rows{
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

    MessageRow{"origin.default", "default", "默认"},
    MessageRow{"origin.file", "file", "文件"},
    MessageRow{"origin.environment", "environment", "环境变量"},
    MessageRow{"origin.flag", "flag", "选项"},
    MessageRow{"config.file", "Settings of {}:", "{} 的设置："},
    MessageRow{"config.no_file", "Settings (no config.yaml):", "设置（没有 config.yaml）："},
    MessageRow{"config.ignored", "{} is no setting of deepseek and is ignored",
               "{} 不是 deepseek 的设置，已忽略"},

    MessageRow{"list.empty", "the model cache {} is empty", "模型缓存 {} 为空"},
    MessageRow{"rm.question", "Delete {} ({} files, {})? [y/N]", "删除 {}（{} 个文件，{}）？[y/N]"},
    MessageRow{"rm.kept", "nothing was deleted", "未删除任何内容"},
    MessageRow{"rm.done", "{} deleted, {} freed", "已删除 {}，释放 {}"},

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

    MessageRow{"progress.open", "{}: {}, {}", "{}：{}，{}"},
    MessageRow{"progress.bounded", "{}: {} of {} ({}%), {}, {} left",
               "{}：{} / {}（{}%），{}，剩余 {}"},
};

}  // namespace

std::span<const MessageRow> notice_messages() { return rows; }

}  // namespace deepseek::cli
