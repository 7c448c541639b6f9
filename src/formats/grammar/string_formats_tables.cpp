// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <utility>

#include "formats/grammar/string_formats.h"

// Real days only, from year 1: 29 February in leap years alone.
#define DEEPSEEK_YEAR "([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
#define DEEPSEEK_DATE                                             \
  "(" DEEPSEEK_YEAR                                               \
  "-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"                   \
  "|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))" \
  "|([0-9]{2}(0[48]|[2468][048]|[13579][26])"                     \
  "|(0[48]|[2468][048]|[13579][26])00)-02-29)"
// RFC 3339, without leap seconds.
#define DEEPSEEK_TIME                                        \
  "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?" \
  "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
// RFC 1123; at most 8 labels of 30, which keeps within 253.
#define DEEPSEEK_LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,28}[A-Za-z0-9])?"
#define DEEPSEEK_HOSTNAME DEEPSEEK_LABEL "(\\." DEEPSEEK_LABEL "){0,7}"
// RFC 5321, without quoted local parts and literal addresses.
#define DEEPSEEK_EMAIL                   \
  "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,16}" \
  "(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,15}){0,3}@" DEEPSEEK_LABEL "(\\." DEEPSEEK_LABEL "){1,4}"
#define DEEPSEEK_OCTET "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define DEEPSEEK_IPV4 DEEPSEEK_OCTET "(\\." DEEPSEEK_OCTET "){3}"
#define DEEPSEEK_H16 "[0-9A-Fa-f]{1,4}"
#define DEEPSEEK_LS32 "(" DEEPSEEK_H16 ":" DEEPSEEK_H16 "|" DEEPSEEK_IPV4 ")"
// RFC 3986's IPv6address.
#define DEEPSEEK_IPV6                                                                   \
  "((" DEEPSEEK_H16 ":){6}" DEEPSEEK_LS32 "|::(" DEEPSEEK_H16 ":){5}" DEEPSEEK_LS32     \
  "|(" DEEPSEEK_H16 ")?::(" DEEPSEEK_H16 ":){4}" DEEPSEEK_LS32 "|((" DEEPSEEK_H16       \
  ":){0,1}" DEEPSEEK_H16 ")?::(" DEEPSEEK_H16 ":){3}" DEEPSEEK_LS32 "|((" DEEPSEEK_H16  \
  ":){0,2}" DEEPSEEK_H16 ")?::(" DEEPSEEK_H16 ":){2}" DEEPSEEK_LS32 "|((" DEEPSEEK_H16  \
  ":){0,3}" DEEPSEEK_H16 ")?::" DEEPSEEK_H16 ":" DEEPSEEK_LS32 "|((" DEEPSEEK_H16       \
  ":){0,4}" DEEPSEEK_H16 ")?::" DEEPSEEK_LS32 "|((" DEEPSEEK_H16 ":){0,5}" DEEPSEEK_H16 \
  ")?::" DEEPSEEK_H16 "|((" DEEPSEEK_H16 ":){0,6}" DEEPSEEK_H16 ")?::)"
#define DEEPSEEK_URI_CHAR "([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
#define DEEPSEEK_URI                                                                      \
  "[a-z][a-z0-9+.-]{1,15}://" DEEPSEEK_HOSTNAME "(:[1-9][0-9]{0,3})?(/" DEEPSEEK_URI_CHAR \
  "*)*"                                                                                   \
  "(\\?(" DEEPSEEK_URI_CHAR "|[/?])*)?(#(" DEEPSEEK_URI_CHAR "|[/?])*)?"
#define DEEPSEEK_DURATION_TIME \
  "T([0-9]{1,9}H([0-9]{1,9}M([0-9]{1,9}S)?)?|[0-9]{1,9}M([0-9]{1,9}S)?|[0-9]{1,9}S)"
// RFC 3339, appendix A.
#define DEEPSEEK_DURATION                                                             \
  "P(([0-9]{1,9}D|[0-9]{1,9}M([0-9]{1,9}D)?|[0-9]{1,9}Y([0-9]{1,9}M([0-9]{1,9}D)?)?)" \
  "(" DEEPSEEK_DURATION_TIME ")?|" DEEPSEEK_DURATION_TIME "|[0-9]{1,9}W)"

namespace deepseek::grammar {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 10> patterns{{
    {"date", DEEPSEEK_DATE},
    {"date-time", DEEPSEEK_DATE "T" DEEPSEEK_TIME},
    {"duration", DEEPSEEK_DURATION},
    {"email", DEEPSEEK_EMAIL},
    {"hostname", DEEPSEEK_HOSTNAME},
    {"ipv4", DEEPSEEK_IPV4},
    {"ipv6", DEEPSEEK_IPV6},
    {"time", DEEPSEEK_TIME},
    {"uri", DEEPSEEK_URI},
    {"uuid", "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"},
}};

}  // namespace

std::string_view format_pattern(std::string_view format) {
  for (const auto& [name, pattern] : patterns)
    if (name == format) return pattern;
  return {};
}

std::string_view known_formats() {
  return "date, date-time, duration, email, hostname, ipv4, ipv6, time, uri, uuid";
}

}  // namespace deepseek::grammar
