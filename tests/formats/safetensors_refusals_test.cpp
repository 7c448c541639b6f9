// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>

#include "formats/safetensors.h"
#include "tests/formats/refusal.h"

namespace deepseek {
namespace {

std::string with_header(std::string_view header, size_t data_bytes) {
  const uint64_t size = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &size, 8);
  return file + std::string(header) + std::string(data_bytes, '\1');
}

SafetensorsFile parse(std::string_view content) {
  const std::shared_ptr<Storage> copy = Storage::allocate(static_cast<int64_t>(content.size()));
  std::memcpy(copy->data(), content.data(), content.size());
  return SafetensorsFile::parse({copy->data(), content.size()}, copy, "x.safetensors");
}

/// A header of 64 bytes, padded with spaces, so that data stays aligned.
std::string one_tensor(std::string_view fields) {
  std::string header = "{\"w\":{" + std::string(fields) + "}}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return header;
}

struct Mutation {
  std::string_view fact;
  std::string file;
  std::vector<std::string_view> message;
};

std::string tensor_file(std::string_view fields, size_t data_bytes) {
  return with_header(one_tensor(fields), data_bytes);
}

TEST(SafetensorsRefusals, TheUnmutatedFileIsAccepted) {
  EXPECT_EQ(parse(tensor_file(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", 8))
                .tensor("w")
                .numel(),
            2);
  EXPECT_TRUE(parse(with_header("{}", 0)).entries().empty());
}

TEST(SafetensorsRefusals, EveryDamageIsNamed) {
  std::string long_length = with_header("{}", 0);
  long_length[7] = '\x10';
  std::string past_end = with_header("{}", 0);
  past_end[0] = '\x55';
  std::string negative = with_header("{}", 0);
  std::fill_n(negative.begin(), 8, '\xff');
  const std::string good = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";
  const std::string second = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)";
  const std::vector<Mutation> mutations{
      {"empty file", "", {"at least 8 bytes", "got 0", "download"}},
      {"cut length", std::string("\1\0\0", 3), {"at least 8 bytes"}},
      {"absurd header", long_length, {"header", "at most 100000000"}},
      {"length of all ones", negative, {"header", "at most 100000000"}},
      {"header past the file", past_end, {"header of 85", "got 2", "truncated"}},
      {"empty header", with_header("", 0), {"header", "JSON"}},
      {"not JSON", with_header("{\"w\":", 0), {"header", "JSON", "download"}},
      {"not an object", with_header("[1, 2]", 0), {"header", "expected an object"}},
      {"text after the object", with_header("{} x", 0), {"header", "JSON"}},
      {"invalid UTF-8", with_header("{\"\xff\":1}", 0), {"header", "JSON"}},
      {"deep nesting", with_header(std::string(100000, '['), 0), {"header", "expected an object"}},
      {"deep nesting inside", with_header("{\"w\":" + std::string(100000, '['), 0), {"w", "array"}},
      {"tensor not an object", with_header("{\"w\":5}", 0), {"w", "expected an object", "got 5"}},
      {"duplicate tensor",
       with_header(R"({"w":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},)"
                   R"("w":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})",
                   0),
       {"w", "once", "twice"}},
      {"duplicate field", tensor_file(good + R"(,"shape":[2])", 8), {"shape", "twice"}},
      {"metadata not strings",
       with_header(R"({"__metadata__":{"a":1}})", 0),
       {"__metadata__", "a", "expected a string"}},
      {"duplicate metadata", with_header(R"({"__metadata__":{"a":"1","a":"2"}})", 0), {"twice"}},
      {"metadata twice",
       with_header(R"({"__metadata__":{"a":"1"},"__metadata__":{"b":"2"}})", 0),
       {"__metadata__", "twice"}},
      {"unknown field", tensor_file(good + R"(,"stride":[1])", 8), {"w", "stride"}},
      {"unknown dtype",
       tensor_file(R"("dtype":"F4","shape":[2],"data_offsets":[0,1])", 1),
       {"tensor w", "dtype", "got F4", "convert"}},
      {"dtype a number",
       tensor_file(R"("dtype":4,"shape":[2],"data_offsets":[0,1])", 1),
       {"tensor w", "dtype", "string"}},
      {"no dtype", tensor_file(R"("shape":[2],"data_offsets":[0,8])", 8), {"w", "no dtype"}},
      {"no shape", tensor_file(R"("dtype":"F32","data_offsets":[0,8])", 8), {"w", "no shape"}},
      {"no offsets", tensor_file(R"("dtype":"F32","shape":[2])", 8), {"w", "data_offsets"}},
      {"one offset",
       tensor_file(R"("dtype":"F32","shape":[2],"data_offsets":[0])", 8),
       {"w", "two data_offsets"}},
      {"three offsets",
       tensor_file(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,8])", 8),
       {"w", "data_offsets", "third"}},
      {"negative size",
       tensor_file(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])", 8),
       {"w", "shape", "got -2"}},
      {"fractional size",
       tensor_file(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])", 8),
       {"w", "shape", "got 2.0"}},
      {"size of 2^64",
       tensor_file(R"("dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,8])", 8),
       {"w", "shape", "18446744073709551616"}},
      {"size of 2^63",
       tensor_file(R"("dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8])", 8),
       {"w", "shape", "9223372036854775808"}},
      {"overflowing shape",
       tensor_file(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8])", 8),
       {"w", "63 bits", "[4294967296, 4294967296]"}},
      {"overflow hidden behind a zero",
       tensor_file(R"("dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0])", 0),
       {"w", "63 bits"}},
      {"too many dimensions",
       tensor_file(R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],)"
                   R"("data_offsets":[0,4])",
                   4),
       {"w", "at most 16"}},
      {"negative offset",
       tensor_file(R"("dtype":"F32","shape":[2],"data_offsets":[-8,0])", 8),
       {"w", "data_offsets", "got -8"}},
      {"reversed offsets",
       tensor_file(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])", 8),
       {"w", "begin ≤ end", "[8, 0]"}},
      {"shape and bytes disagree",
       tensor_file(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])", 8),
       {"w", "expected 12 bytes", "F32 [3]", "8 bytes"}},
      {"zero-sized but with bytes",
       tensor_file(R"("dtype":"F32","shape":[0],"data_offsets":[0,8])", 8),
       {"w", "expected 0 bytes"}},
      {"past the end",
       tensor_file(R"("dtype":"F32","shape":[4],"data_offsets":[0,16])", 8),
       {"w", "8 bytes of data", "got end 16", "truncated"}},
      {"huge but consistent",
       tensor_file(R"("dtype":"U8","shape":[4611686018427387904],)"
                   R"("data_offsets":[0,4611686018427387904])",
                   8),
       {"w", "8 bytes of data", "truncated"}},
      {"misaligned",
       with_header(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} )", 4),
       {"w", "aligned to 4", "save the checkpoint again"}},
      {"hole at the start",
       tensor_file(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])", 8),
       {"w", "begin at byte 0", "got 4", "hole"}},
      {"bytes after the last", tensor_file(good, 12), {"expected 8 bytes", "got 12"}},
      {"overlap",
       with_header(second + R"("w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}    )", 12),
       {"w", "begin at byte 8", "a ends", "got 4", "overlap"}},
      {"same place twice",
       with_header(second + R"("w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}     )", 8),
       {"begin at byte 8", "overlap"}},
      {"hole between",
       with_header(second + R"("w":{"dtype":"F32","shape":[2],"data_offsets":[12,20]}}   )", 20),
       {"w", "begin at byte 8", "got 12", "hole"}},
      {"control characters in a name",
       with_header(R"({"a\n\u001b[31mb":{"dtype":"F9","shape":[0],"data_offsets":[0,0]}})", 0),
       {"a\uFFFD\uFFFD[31mb", "F9"}},
  };
  for (const Mutation& mutation : mutations) {
    SCOPED_TRACE(mutation.fact);
    std::vector<std::string_view> parts = mutation.message;
    parts.push_back("x.safetensors: ");
    testing::expect_refusal([&] { parse(mutation.file); }, ErrorKind::bad_file, parts);
  }
}

TEST(SafetensorsRefusals, EveryTruncationIsRefused) {
  const std::string whole = tensor_file(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", 8);
  for (size_t size = 0; size < whole.size(); ++size) {
    SCOPED_TRACE(size);
    testing::expect_refusal([&] { parse(whole.substr(0, size)); }, ErrorKind::bad_file,
                            {"x.safetensors"});
  }
}

}  // namespace
}  // namespace deepseek
