// SPDX-License-Identifier: Apache-2.0
#include "formats/hub_site.h"

#include <cctype>

#include "core/error.h"
#include "core/text.h"
#include "formats/hub_files.h"

namespace deepseek {
namespace {

constexpr uint64_t largest_file_bytes = uint64_t{1} << 44;
/// ModelScope cuts longer lists without saying so.
constexpr size_t longest_modelscope_list = 3000;

std::string percent_encoded(std::string_view text, std::string_view kept) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || kept.find(c) != kept.npos) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += "0123456789ABCDEF"[byte >> 4];
      encoded += "0123456789ABCDEF"[byte & 15];
    }
  }
  return encoded;
}

std::string encoded_path(std::string_view path) { return percent_encoded(path, "-._~/"); }
std::string encoded_value(std::string_view value) { return percent_encoded(value, "-._~"); }

template <class... Parts>
[[noreturn]] void refuse(const std::string& url, const Parts&... what) {
  fail(ErrorKind::network, url, ": unexpected answer: ", what...);
}

/// Null when there is none.
const nlohmann::json& field(const nlohmann::json& object, const char* key) {
  static const nlohmann::json none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

std::string text_of(const nlohmann::json& object, const char* key) {
  const nlohmann::json& value = field(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

uint64_t size_of(const nlohmann::json& object, const char* key, const std::string& url) {
  const nlohmann::json& value = field(object, key);
  if (value.is_null()) return 0;
  if (!value.is_number_unsigned() || value.get<uint64_t>() > largest_file_bytes)
    refuse(url, "a size of ", printable(value.dump()));
  return value.get<uint64_t>();
}

void add_file(HubListing& listing, HubRemoteFile file, const std::string& url) {
  if (!is_safe_file_name(file.name))
    fail(ErrorKind::network, url, ": refused file name '", printable(file.name),
         "': it would leave the model cache");
  listing.files[file.name] = std::move(file);
}

std::string huggingface_listing_url(const std::string& endpoint, const std::string& repo,
                                    const std::string& revision) {
  return concat(endpoint, "/api/models/", repo, "/revision/", encoded_path(revision),
                "?blobs=true");
}

std::string huggingface_file_url(const std::string& endpoint, const std::string& repo,
                                 const std::string& revision, const std::string& file) {
  return concat(endpoint, "/", repo, "/resolve/", encoded_path(revision), "/", encoded_path(file));
}

HubListing read_huggingface_listing(const nlohmann::json& page, const std::string& url) {
  HubListing listing;
  listing.commit = text_of(page, "sha");
  if (!is_commit_id(listing.commit))
    refuse(url, "expected a commit id in 'sha', got '", printable(listing.commit), "'");
  const nlohmann::json& siblings = field(page, "siblings");
  if (!siblings.is_array()) refuse(url, "no list of files in 'siblings'");
  for (const nlohmann::json& entry : siblings) {
    if (!entry.is_object()) refuse(url, "an entry of 'siblings' is no object");
    HubRemoteFile file{text_of(entry, "rfilename"), size_of(entry, "size", url),
                       text_of(entry, "blobId")};
    if (const nlohmann::json& lfs = field(entry, "lfs"); lfs.is_object()) {
      file.hash = text_of(lfs, "sha256");
      file.size_bytes = size_of(lfs, "size", url);
    }
    add_file(listing, std::move(file), url);
  }
  return listing;
}

std::string modelscope_listing_url(const std::string& endpoint, const std::string& repo,
                                   const std::string& revision) {
  return concat(endpoint, "/api/v1/models/", repo, "/repo/files?Revision=", encoded_value(revision),
                "&Recursive=true");
}

std::string modelscope_file_url(const std::string& endpoint, const std::string& repo,
                                const std::string& revision, const std::string& file) {
  return concat(endpoint, "/api/v1/models/", repo, "/repo?Revision=", encoded_value(revision),
                "&FilePath=", encoded_value(file));
}

/// The listing names the commit that last touched each file, but not surely the one it shows.
HubListing read_modelscope_listing(const nlohmann::json& page, const std::string& url) {
  const nlohmann::json& success = field(page, "Success");
  const nlohmann::json& data = field(page, "Data");
  if (success.is_boolean() && !success.get<bool>())
    fail(ErrorKind::network, url, ": refused: '", printable(text_of(page, "Message")), "'");
  if (!data.is_object()) refuse(url, "no object in 'Data'");
  const nlohmann::json& files = field(data, "Files");
  // This is how an unknown revision is answered.
  if (files.is_null())
    fail(ErrorKind::not_found, url, ": no files; is there such a branch, tag or commit?");
  if (!files.is_array()) refuse(url, "no list of files in 'Data.Files'");
  if (files.size() >= longest_modelscope_list)
    fail(ErrorKind::unsupported, url, ": ", files.size(),
         " files; ModelScope does not list more, so some may be missing");
  HubListing listing;
  for (const nlohmann::json& entry : files) {
    if (!entry.is_object()) refuse(url, "an entry of 'Data.Files' is no object");
    if (text_of(entry, "Type") == "tree") continue;
    add_file(listing,
             {text_of(entry, "Path"), size_of(entry, "Size", url), text_of(entry, "Sha256")}, url);
  }
  return listing;
}

constexpr HubSite huggingface{"",
                              "main",
                              "https://huggingface.co",
                              {"HF_ENDPOINT", nullptr},
                              "HF_TOKEN",
                              "",
                              huggingface_listing_url,
                              huggingface_file_url,
                              read_huggingface_listing};

constexpr HubSite modelscope{
    modelscope_prefix,           "master",
    "https://www.modelscope.cn", {"MODELSCOPE_ENDPOINT", "MODELSCOPE_DOMAIN"},
    "MODELSCOPE_API_TOKEN",      "m_session_id",
    modelscope_listing_url,      modelscope_file_url,
    read_modelscope_listing};

}  // namespace

const HubSite& hub_site_of(std::string_view repo) {
  return repo.starts_with(modelscope_prefix) ? modelscope : huggingface;
}

}  // namespace deepseek
