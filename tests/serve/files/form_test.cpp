// SPDX-License-Identifier: Apache-2.0
#include "serve/files/form.h"

#include <gtest/gtest.h>

#include "serve/http/request_error.h"

namespace deepseek::serve {
namespace {

constexpr const char* type = "multipart/form-data; boundary=XyZ";

int status_of_form(std::string_view content_type, std::string_view body) {
  try {
    parse_form(content_type, body);
  } catch (const RequestError& error) {
    return error.status();
  }
  return 200;
}

TEST(Form, FieldsAndFilesAreTakenApart) {
  const std::string body =
      "--XyZ\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
      "--XyZ\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\\\"b.jsonl\"\r\n"
      "Content-Type: application/octet-stream\r\n\r\n{}\r\n--Xy\r\n\r\n--XyZ--\r\n";
  const std::vector<FormPart> form = parse_form(type, body);
  ASSERT_EQ(form.size(), 2u);
  EXPECT_EQ(form_text(form, "purpose"), "batch");
  EXPECT_EQ(form[1].name, "file");
  EXPECT_EQ(form[1].filename, "a\"b.jsonl");
  EXPECT_EQ(form[1].content, "{}\r\n--Xy\r\n") << "what only begins like the boundary is content";
  EXPECT_EQ(form_text(form, "other"), std::nullopt);
}

TEST(Form, BytesOfAnyKindAndNoBytesAreContent) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  const std::string body =
      "preamble\r\n--XyZ\r\ncontent-disposition: form-data; name=a\r\n\r\n" + bytes +
      "\r\n--XyZ\r\nContent-Disposition: form-data; name=b; filename=c" + "\r\n\r\n\r\n--XyZ--";
  const std::vector<FormPart> form = parse_form("Multipart/Form-Data;boundary=\"XyZ\"", body);
  ASSERT_EQ(form.size(), 2u);
  EXPECT_EQ(form[0].content, bytes);
  EXPECT_EQ(form[1].content, "");
  EXPECT_EQ(form[1].filename, "c");
}

TEST(Form, NamesInOtherLettersArePercentDecoded) {
  const std::string body =
      "--XyZ\r\nContent-Disposition: form-data; name=\"file\"; "
      "filename*=UTF-8''%E6%9C%88.jsonl\r\n\r\nx\r\n--XyZ--";
  EXPECT_EQ(parse_form(type, body)[0].filename, "月.jsonl");
}

TEST(Form, WhatDoesNotKeepToTheFormIsRefused) {
  const std::string head = "--XyZ\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";
  EXPECT_EQ(status_of_form("application/json", "{}"), 415);
  EXPECT_EQ(status_of_form("", ""), 415);
  EXPECT_EQ(status_of_form("multipart/form-data", head), 400) << "no boundary";
  EXPECT_EQ(status_of_form("multipart/form-data; boundary=", head), 400);
  EXPECT_EQ(status_of_form(type, ""), 400);
  EXPECT_EQ(status_of_form(type, "--XyZ"), 400);
  EXPECT_EQ(status_of_form(type, head + "cut off"), 400);
  EXPECT_EQ(status_of_form(type, "--XyZ\r\n\r\nx\r\n--XyZ--"), 400) << "no disposition";
  EXPECT_EQ(status_of_form(type, "--XyZ\r\nno colon\r\n\r\nx\r\n--XyZ--"), 400);
  EXPECT_EQ(status_of_form(type, "--XyZ\r\nContent-Disposition: form-data\r\n\r\nx\r\n--XyZ--"),
            400);
  EXPECT_EQ(status_of_form(type,
                           "--XyZ\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\nx"
                           "\r\n--XyZ--"),
            400);
  EXPECT_EQ(
      status_of_form(type, "--XyZ\r\nA: " + std::string(20'000, 'x') + "\r\n\r\nx\r\n--XyZ--"),
      400);
  std::string many;
  for (int i = 0; i < 65; ++i) many += head + "x\r\n";
  EXPECT_EQ(status_of_form(type, many + "--XyZ--"), 400);
  const std::string body = head + "x\r\n" + head + "y\r\n--XyZ--";
  const std::vector<FormPart> twice = parse_form(type, body);
  EXPECT_THROW(form_text(twice, "a"), RequestError);
}

}  // namespace
}  // namespace deepseek::serve
