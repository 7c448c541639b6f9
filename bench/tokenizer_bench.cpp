// SPDX-License-Identifier: Apache-2.0
// bench_tokenizer TOKENIZER [--repeat N] [--lines] TEXT…
// Loads a tokenizer (tokenizer.json, a folder with one, or GGUF), then encodes and decodes each
// text file whole, or each of its lines, on one thread. One line of JSON for each: medians of CPU
// time.

#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "formats/gguf.h"
#include "formats/gguf_vocabulary.h"
#include "formats/tokenizer.h"

namespace deepseek {
namespace {

/// CPU time of this process so far: what others do on the machine does not count.
double cpu_ms() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return double(now.tv_sec) * 1e3 + double(now.tv_nsec) / 1e6;
}

struct Times {
  double median_ms, best_ms;
};

Times measure(int repeat, const std::function<void()>& work) {
  std::vector<double> ms;
  for (int i = 0; i < repeat; ++i) {
    const double begin = cpu_ms();
    work();
    ms.push_back(cpu_ms() - begin);
  }
  std::sort(ms.begin(), ms.end());
  return {ms[ms.size() / 2], ms[0]};
}

Tokenizer load(const std::string& path) {
  if (!path.ends_with(".gguf")) return Tokenizer::open(path);
  const GgufFile file = GgufFile::open(path);
  return Tokenizer::from_vocabulary(gguf_vocabulary(file.metadata()), path);
}

int run(const std::vector<std::string>& arguments) {
  int repeat = 5;
  bool by_line = false;
  std::vector<std::string> paths;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--repeat" && i + 1 < arguments.size()) {
      const std::string& text = arguments[++i];
      std::from_chars(text.data(), text.data() + text.size(), repeat);
      repeat = std::max(repeat, 1);
    } else if (arguments[i] == "--lines") {
      by_line = true;
    } else {
      paths.push_back(arguments[i]);
    }
  }
  if (paths.empty()) fail(ErrorKind::invalid_input, "usage: bench_tokenizer TOKENIZER TEXT…");
  const Times loading = measure(repeat, [&] { load(paths[0]); });
  std::printf("{\"load\": \"%s\", \"median_ms\": %.2f, \"best_ms\": %.2f}\n", paths[0].c_str(),
              loading.median_ms, loading.best_ms);
  const Tokenizer tokenizer = load(paths[0]);
  for (size_t i = 1; i < paths.size(); ++i) {
    const std::string text = read_text_file(paths[i]);
    std::vector<int32_t> ids;
    std::string back;
    const Times encoding = measure(repeat, [&] {
      if (!by_line) {
        ids = tokenizer.encode(text);
        return;
      }
      ids.clear();
      for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
        const std::vector<int32_t> line =
            tokenizer.encode(std::string_view(text).substr(at, end - at));
        ids.insert(ids.end(), line.begin(), line.end());
        at = end;
      }
    });
    const Times decoding = measure(repeat, [&] { back = tokenizer.decode(ids); });
    const double megabytes = double(text.size()) / 1e6;
    std::printf(
        "{\"text\": \"%s\", \"bytes\": %zu, \"tokens\": %zu, \"encode_median_ms\": %.2f, "
        "\"encode_best_ms\": %.2f, \"encode_mb_per_s\": %.2f, \"decode_mb_per_s\": %.1f}\n",
        paths[i].c_str(), text.size(), ids.size(), encoding.median_ms, encoding.best_ms,
        1e3 * megabytes / encoding.median_ms, 1e3 * megabytes / decoding.median_ms);
  }
  return 0;
}

}  // namespace
}  // namespace deepseek

int main(int count, char** arguments) {
  try {
    return deepseek::run({arguments + 1, arguments + count});
  } catch (const deepseek::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return deepseek::exit_code(error.kind());
  }
}
