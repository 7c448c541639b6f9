// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizer.h"

#include <algorithm>

#include "core/error.h"
#include "core/file.h"
#include "core/utf8.h"
#include "formats/byte_level.h"
#include "formats/gguf_vocabulary.h"
#include "formats/tokenizer_json.h"
#include "formats/tokenizer_parts.h"

namespace deepseek {
namespace {

/// Where in a text special tokens are ordinary text: ranges in order.
class PlainRanges {
 public:
  void add(size_t begin, size_t end) {
    if (begin < end) ranges_.push_back({begin, end});
  }
  bool touch(size_t begin, size_t end) const {
    const auto at = std::upper_bound(ranges_.begin(), ranges_.end(), begin,
                                     [](size_t b, const Range& r) { return b < r.end; });
    return at != ranges_.end() && at->begin < end;
  }

 private:
  struct Range {
    size_t begin, end;
  };
  std::vector<Range> ranges_;
};

class Encoding : public PreTokenizer::Sink {
 public:
  Encoding(const TokenizerParts& parts, EncodeScratch& scratch, std::vector<int32_t>& ids,
           const ProgressSink& progress)
      : parts_(parts), scratch_(scratch), ids_(ids), progress_(progress) {}

  void run(std::string_view text, const PlainRanges& plain) {
    total_bytes_ = text.size();
    scratch_.regex.start(text.size());
    const auto allowed = [&](size_t begin, size_t end) { return !plain.touch(begin, end); };
    split(parts_.literal, text, allowed, [&](size_t begin, size_t end) {
      const std::string_view segment = text.substr(begin, end - begin);
      if (parts_.normalizer.empty()) return run_normalized(segment, begin, plain);
      const std::string now = parts_.normalizer.apply(segment, scratch_.regex);
      if (now == segment) return run_normalized(segment, begin, plain);
      // The ranges do not fit the changed text: none or all of it is plain.
      PlainRanges whole;
      if (plain.touch(begin, end)) whole.add(0, now.size());
      run_normalized(now, 0, whole);
    });
  }

  void piece(std::string_view text) override {
    parts_.bpe->encode(text, ids_, scratch_.bpe);
    done_bytes_ += text.size();
    if (done_bytes_ >= next_report_) report();
  }

 private:
  void report() {
    next_report_ = done_bytes_ + report_bytes;
    if (progress_)
      progress_({"tokenizing", int64_t(std::min(done_bytes_, total_bytes_)), int64_t(total_bytes_),
                 "bytes"});
  }

  void run_normalized(std::string_view text, size_t offset, const PlainRanges& plain) {
    const auto allowed = [&](size_t begin, size_t end) {
      return !plain.touch(offset + begin, offset + end);
    };
    split(parts_.normalized, text, allowed, [&](size_t begin, size_t end) {
      parts_.pre_tokenizer.run(text.substr(begin, end - begin), scratch_.regex, *this);
    });
  }

  template <class Allowed, class Take>
  void split(const AddedTokens& added, std::string_view text, const Allowed& allowed,
             const Take& take) {
    size_t from = 0, done = 0;
    while (const auto found = added.next(text, from, done, allowed)) {
      if (done < found->begin) take(done, found->begin);
      ids_.push_back(found->token->id);
      done = found->end;
    }
    if (done < text.size()) take(done, text.size());
  }

  static constexpr size_t report_bytes = size_t{4} << 20;

  const TokenizerParts& parts_;
  EncodeScratch& scratch_;
  std::vector<int32_t>& ids_;
  const ProgressSink& progress_;
  size_t total_bytes_ = 0, done_bytes_ = 0, next_report_ = report_bytes;
};

std::vector<int32_t> encode_text(const TokenizerParts& parts, std::string_view text,
                                 const PlainRanges& plain, bool add_special,
                                 const ProgressSink& progress) {
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 4 + 8);
  if (add_special) ids = parts.before;
  std::unique_ptr<EncodeScratch> scratch = parts.take_scratch();
  Encoding(parts, *scratch, ids, progress).run(text, plain);
  parts.give_back(std::move(scratch));
  if (add_special) ids.insert(ids.end(), parts.after.begin(), parts.after.end());
  return ids;
}

}  // namespace

Tokenizer Tokenizer::from_tokenizer_json(std::string_view json, const std::string& name,
                                         std::string_view config_json) {
  const auto parts = std::make_shared<TokenizerParts>(name);
  read_tokenizer_json(json, *parts);
  Tokenizer tokenizer(parts);
  const std::string config_name =
      std::filesystem::path(name).replace_filename("tokenizer_config.json").string();
  if (!config_json.empty()) read_tokenizer_config(config_json, config_name, tokenizer, *parts);
  return tokenizer;
}

Tokenizer Tokenizer::open(const std::filesystem::path& path) {
  constexpr size_t max_file_bytes = size_t{256} << 20;
  const bool folder = std::filesystem::is_directory(path);
  const std::filesystem::path file = folder ? path / "tokenizer.json" : path;
  const std::filesystem::path config = file.parent_path() / "tokenizer_config.json";
  std::string config_json;
  if (std::filesystem::exists(config)) config_json = read_text_file(config, max_file_bytes);
  return from_tokenizer_json(read_text_file(file, max_file_bytes), file.string(), config_json);
}

Tokenizer Tokenizer::from_vocabulary(const GgufVocabulary& vocabulary, const std::string& name) {
  const auto parts = std::make_shared<TokenizerParts>(name);
  read_gguf_vocabulary(vocabulary, *parts);
  return Tokenizer(parts);
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  const TextSpan span{text, options.parse_special};
  return encode({&span, 1}, options.add_special, options.progress);
}

std::vector<int32_t> Tokenizer::encode(std::span<const TextSpan> spans, bool add_special,
                                       const ProgressSink& progress) const {
  PlainRanges plain;
  if (spans.size() == 1 && is_valid_utf8(spans[0].text)) {
    if (!spans[0].parse_special) plain.add(0, spans[0].text.size());
    return encode_text(*parts_, spans[0].text, plain, add_special, progress);
  }
  std::string text;
  for (const TextSpan& span : spans) {
    const size_t begin = text.size();
    text += replace_invalid_utf8(span.text);
    if (!span.parse_special) plain.add(begin, text.size());
  }
  return encode_text(*parts_, text, plain, add_special, progress);
}

bool Tokenizer::in_table(int64_t id) const {
  if (id < 0 || id >= std::max(vocab_size(), padded_size_))
    fail(ErrorKind::invalid_input, name(), ": token id ", id,
         " is outside the vocabulary; ids go from 0 to ", vocab_size() - 1, " (", vocab_size(),
         " tokens)");
  return id < vocab_size();
}

std::string Tokenizer::decode(std::span<const int32_t> ids, const DecodeOptions& options) const {
  std::string bytes;
  for (const int32_t id : ids) {
    const std::string_view text = token_text(id);
    if (!options.skip_special || !is_special(id)) bytes += text;
  }
  return is_valid_utf8(bytes) ? bytes : replace_invalid_utf8(bytes);
}

int64_t Tokenizer::vocab_size() const { return parts_->tokens.size(); }

std::string_view Tokenizer::token_text(int32_t id) const {
  return in_table(id) ? parts_->tokens.text(id) : std::string_view();
}

std::string Tokenizer::token_piece(int32_t id) const {
  const std::string_view text = token_text(id);
  if (!in_table(id)) return {};
  return parts_->tokens.has(id, TokenTable::byte_level) ? byte_level_spelling(text)
                                                        : std::string(text);
}

bool Tokenizer::is_special(int32_t id) const {
  return in_table(id) && parts_->tokens.has(id, TokenTable::special);
}

std::optional<int32_t> Tokenizer::find_token(std::string_view spelling) const {
  if (const auto id = parts_->literal.find(spelling)) return id;
  if (const auto id = parts_->normalized.find(spelling)) return id;
  std::string bytes;
  if (!append_byte_level(bytes, spelling)) return std::nullopt;
  const int32_t id = parts_->tokens.find(bytes);
  if (id < 0) return std::nullopt;
  return id;
}

const SpecialTokens& Tokenizer::special_tokens() const { return parts_->special; }
const std::string& Tokenizer::name() const { return parts_->name; }

std::string StreamDecoder::push(int32_t id) {
  const std::string_view text = tokenizer_.token_text(id);
  if (options_.skip_special && tokenizer_.is_special(id)) return {};
  pending_ += text;
  const size_t complete = complete_utf8_prefix(pending_);
  std::string shown = replace_invalid_utf8(std::string_view(pending_).substr(0, complete));
  pending_.erase(0, complete);
  return shown;
}

std::string StreamDecoder::finish() {
  std::string shown = replace_invalid_utf8(pending_);
  pending_.clear();
  return shown;
}

}  // namespace deepseek
