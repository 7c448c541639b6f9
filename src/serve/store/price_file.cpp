// SPDX-License-Identifier: Apache-2.0
// The YAML form of a PriceList.
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <functional>

#include "core/error.h"
#include "core/file.h"
#include "serve/store/prices.h"

namespace deepseek::store {

constexpr size_t largest_price_file_bytes = size_t{4} << 20;
constexpr std::array<std::string_view, 7> weekday_names{"mon", "tue", "wed", "thu",
                                                        "fri", "sat", "sun"};

class PriceFile {
  // First, since a deduced result must be known where it is used.
  [[noreturn]] void refuse(const YAML::Node& node, const std::string& what) const {
    fail(ErrorKind::bad_file, place_, ":", std::max(1, node.Mark().line + 1), ": ", what);
  }

  /// Runs `body`, whose complaints about a value become complaints about its line of the file.
  template <class Body>
  auto as_bad_file(const YAML::Node& node, Body&& body) const {
    try {
      return body();
    } catch (const Error& error) {
      refuse(node, error.what());
    }
  }

 public:
  PriceFile(const std::string& yaml, std::string place) : place_(std::move(place)) {
    try {
      root_ = YAML::Load(yaml);
    } catch (const YAML::Exception& error) {
      fail(ErrorKind::bad_file, place_, ":", std::max(1, error.mark.line + 1),
           ": not YAML: ", printable(error.msg));
    }
  }

  PriceList read() {
    check_map(root_, {"currency", "zone", "holidays", "models"}, "the price list");
    PriceList list;
    list.currency_ = text(root_["currency"], root_, "currency");
    as_bad_file(root_["currency"], [&] { check_currency(list.currency_, "currency"); });
    list.zone_ = zone(root_["zone"], TimeZone::utc());
    read_holidays(root_["holidays"]);
    const YAML::Node models = root_["models"];
    if (!models) refuse(root_, "models is missing");
    check_map(models, {}, "models");
    for (const auto& entry : models) {
      const std::string name = scalar(entry.first, "a model's name");
      list.models_[name] = read_periods(entry.second, list.zone_, name);
    }
    return list;
  }

 private:
  /// `known` empty: keys are free, but may not repeat.
  void check_map(const YAML::Node& node, const std::vector<std::string>& known,
                 const std::string& what) const {
    if (!node.IsMap()) refuse(node, concat(what, ": expected a map"));
    std::vector<std::string> seen;
    for (const auto& entry : node) {
      const std::string key = scalar(entry.first, "a key");
      if (!known.empty() && std::find(known.begin(), known.end(), key) == known.end()) {
        const std::string_view nearest = nearest_name(key, known);
        std::string names;
        for (const std::string& name : known) names += concat(names.empty() ? "" : ", ", name);
        refuse(entry.first, concat(what, ": unknown key '", printable(key, 60), "'; ",
                                   nearest.empty() ? concat("known are ", names)
                                                   : concat("did you mean ", nearest, "?")));
      }
      if (std::find(seen.begin(), seen.end(), key) != seen.end())
        refuse(entry.first, concat(what, ": ", printable(key, 60), " is there twice"));
      seen.push_back(key);
    }
  }

  std::string scalar(const YAML::Node& node, const std::string& what) const {
    if (!node.IsScalar() || node.Scalar().size() > 200)
      refuse(node, concat(what, ": expected one short value"));
    return node.Scalar();
  }

  std::string text(const YAML::Node& node, const YAML::Node& parent,
                   const std::string& what) const {
    if (!node) refuse(parent, concat(what, " is missing"));
    return scalar(node, what);
  }

  /// One value, or a list of them.
  std::vector<YAML::Node> items(const YAML::Node& node) const {
    if (!node.IsSequence()) return {node};
    return {node.begin(), node.end()};
  }

  TimeZone zone(const YAML::Node& node, const TimeZone& absent) const {
    if (!node) return absent;
    return as_bad_file(node, [&] { return TimeZone::named(scalar(node, "zone")); });
  }

  int32_t date(const YAML::Node& node, const std::string& written) const {
    const auto day = parse_date(written);
    if (!day)
      refuse(node,
             concat("expected a date such as 2026-10-01, got '", printable(written, 60), "'"));
    return *day;
  }

  void read_holidays(const YAML::Node& node) {
    if (!node) return;
    check_map(node, {}, "holidays");
    for (const auto& entry : node) {
      std::vector<PriceList::Days>& days = holidays_[scalar(entry.first, "holidays")];
      for (const YAML::Node& item : items(entry.second)) {
        const std::string written = scalar(item, "a holiday");
        const size_t dots = written.find("..");
        const int32_t first = date(item, written.substr(0, dots));
        const int32_t last = dots == written.npos ? first : date(item, written.substr(dots + 2));
        if (last < first) refuse(item, concat("holidays: ", written, " ends before it begins"));
        days.push_back({first, last});
      }
    }
  }

  std::vector<PriceList::Period> read_periods(const YAML::Node& node, const TimeZone& zone,
                                              const std::string& model) const {
    if (!node.IsSequence() || node.size() == 0)
      refuse(node, concat(printable(model, 60), ": expected a list of periods"));
    std::vector<PriceList::Period> periods;
    for (const YAML::Node& item : node) {
      check_map(item, {"from", "hit", "miss", "output", "bands"}, "a period");
      PriceList::Period period;
      period.from = moment(item["from"], item);
      period.price = {money(item, "hit"), money(item, "miss"), money(item, "output")};
      if (!periods.empty() && !later(periods.back().from, period.from))
        refuse(item, "periods: each begins later than the one before");
      if (item["bands"]) {
        if (!item["bands"].IsSequence()) refuse(item["bands"], "bands: expected a list");
        for (const YAML::Node& band : item["bands"])
          period.bands.push_back(read_band(band, zone, period.price));
      }
      periods.push_back(std::move(period));
    }
    return periods;
  }

  static bool later(const WallTime& before, const WallTime& after) {
    return before.day != after.day ? before.day < after.day
                                   : before.second_of_day < after.second_of_day;
  }

  /// "2025-09-05" or "2025-09-05 16:00".
  WallTime moment(const YAML::Node& node, const YAML::Node& parent) const {
    const std::string written = text(node, parent, "from");
    if (written.size() == 16 && (written[10] == ' ' || written[10] == 'T'))
      return {date(node, written.substr(0, 10)), time_of_day(node, written.substr(11))};
    return {date(node, written), 0};
  }

  int32_t time_of_day(const YAML::Node& node, const std::string& written) const {
    const auto digit = [&](size_t i) { return written[i] >= '0' && written[i] <= '9'; };
    if (written.size() == 5 && written[2] == ':' && digit(0) && digit(1) && digit(3) && digit(4)) {
      const int hours = std::stoi(written.substr(0, 2)), minutes = std::stoi(written.substr(3));
      if (minutes < 60 && (hours < 24 || (hours == 24 && minutes == 0)))
        return hours * 3600 + minutes * 60;
    }
    refuse(node, concat("expected a time such as 16:30, got '", printable(written, 60), "'"));
  }

  int64_t money(const YAML::Node& parent, const std::string& key) const {
    const YAML::Node node = parent[key];
    const std::string written = text(node, parent, key);
    const int64_t micro = as_bad_file(node, [&] { return parse_money(written, key); });
    if (micro < 0 || micro > largest_price_micro)
      refuse(node, concat(key, ": expected a price of 0 to ", money_text(largest_price_micro)));
    return micro;
  }

  PriceList::Band read_band(const YAML::Node& node, const TimeZone& zone_of_list,
                            const TokenPrice& base) const {
    check_map(node,
              {"name", "zone", "hours", "days", "from", "until", "except", "percent", "hit", "miss",
               "output"},
              "a band");
    PriceList::Band band;
    band.name = text(node["name"], node, "name");
    band.zone = zone(node["zone"], zone_of_list);
    if (node["from"]) band.from = date(node["from"], scalar(node["from"], "from"));
    if (node["until"]) band.until = date(node["until"], scalar(node["until"], "until"));
    if (node["days"]) band.weekdays = weekdays(node["days"]);
    if (node["except"]) {
      const auto found = holidays_.find(scalar(node["except"], "except"));
      if (found == holidays_.end())
        refuse(node["except"], concat("except: no holidays '",
                                      printable(node["except"].Scalar(), 60), "' in this file"));
      band.except = found->second;
    }
    band.hours = node["hours"] ? hours(node["hours"]) : std::vector<PriceList::Hours>{{0, 86400}};
    if (!node["percent"]) {
      band.price = {money(node, "hit"), money(node, "miss"), money(node, "output")};
      return band;
    }
    for (const char* key : {"hit", "miss", "output"})
      if (node[key]) refuse(node[key], "a band: give percent or prices, not both");
    const int64_t percent = percentage(node["percent"]);
    for (const auto part : {&TokenPrice::hit, &TokenPrice::miss, &TokenPrice::output}) {
      const int64_t scaled = base.*part * percent;
      if (scaled % 100 != 0 || scaled / 100 > largest_price_micro)
        refuse(node["percent"], concat("percent: ", percent, "% of ", money_text(base.*part),
                                       " is no whole number of micro-units; give the prices"));
      band.price.*part = scaled / 100;
    }
    return band;
  }

  int64_t percentage(const YAML::Node& node) const {
    const std::string written = scalar(node, "percent");
    if (written.empty() || written.size() > 4 ||
        written.find_first_not_of("0123456789") != written.npos)
      refuse(node, "percent: expected a whole number such as 50 or 200");
    return std::stoll(written);
  }

  std::vector<PriceList::Hours> hours(const YAML::Node& node) const {
    std::vector<PriceList::Hours> ranges;
    for (const YAML::Node& item : items(node)) {
      const std::string written = scalar(item, "hours");
      const size_t dash = written.find('-');
      if (dash == written.npos)
        refuse(item, concat("hours: expected a range such as 16:30-00:30, got '",
                            printable(written, 60), "'"));
      const PriceList::Hours range{time_of_day(item, written.substr(0, dash)),
                                   time_of_day(item, written.substr(dash + 1))};
      if (range.begin_s == range.end_s || range.begin_s == 86400)
        refuse(item, "hours: the range is empty; the whole day is 00:00-24:00");
      ranges.push_back(range);
    }
    return ranges;
  }

  int weekday(const YAML::Node& node, const std::string& written) const {
    const auto found = std::find(weekday_names.begin(), weekday_names.end(), written);
    if (found == weekday_names.end())
      refuse(node, concat("days: expected mon, tue, wed, thu, fri, sat, sun or a range of them, "
                          "got '",
                          printable(written, 60), "'"));
    return int(found - weekday_names.begin());
  }

  unsigned weekdays(const YAML::Node& node) const {
    unsigned mask = 0;
    for (const YAML::Node& item : items(node)) {
      const std::string written = scalar(item, "days");
      const size_t dash = written.find('-');
      int day = weekday(item, written.substr(0, dash));
      const int last = dash == written.npos ? day : weekday(item, written.substr(dash + 1));
      for (mask |= 1U << day; day != last;) mask |= 1U << (day = (day + 1) % 7);
    }
    return mask;
  }

  std::string place_;
  YAML::Node root_;
  std::map<std::string, std::vector<PriceList::Days>> holidays_;
};

PriceList PriceList::load(const std::filesystem::path& path) {
  return parse(read_text_file(path, largest_price_file_bytes), path.string());
}

PriceList PriceList::parse(const std::string& yaml, const std::string& place) {
  try {
    return PriceFile(yaml, place).read();
  } catch (const YAML::Exception& error) {
    fail(ErrorKind::bad_file, place, ":", std::max(1, error.mark.line + 1), ": ",
         printable(error.msg));
  }
}

}  // namespace deepseek::store
