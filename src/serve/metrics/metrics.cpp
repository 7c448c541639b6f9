// SPDX-License-Identifier: Apache-2.0
#include "serve/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "core/error.h"

namespace deepseek::serve {
namespace {

enum class Kind { counter, gauge, histogram };

struct FamilyRow {
  Kind kind;
  void* family;
  std::set<Labels> series;
};

struct Alias {
  std::string name;
  Labels of;
};

/// Takes the labels away; false when the metric has not all of them.
bool take_labels(prometheus::ClientMetric& metric, const Labels& labels) {
  const size_t taken = std::erase_if(metric.label, [&](const auto& label) {
    const auto found = labels.find(label.name);
    return found != labels.end() && found->second == label.value;
  });
  return taken == labels.size();
}

}  // namespace

struct MetricRegistry::Impl {
  explicit Impl(int64_t limit) : series_limit(limit) {}

  int64_t series_limit;
  prometheus::Registry registry;
  mutable std::mutex mutex;
  std::map<std::string, FamilyRow> families;
  std::map<std::string, std::vector<Alias>> aliases;

  template <class Metric, class Builder, class... Arguments>
  void* metric(Kind kind, const Builder& build, const std::string& name, const std::string& help,
               const Labels& labels, const Arguments&... arguments) {
    const std::lock_guard lock(mutex);
    auto found = families.find(name);
    if (found == families.end()) {
      auto& family = build().Name(name).Help(help).Register(registry);
      found = families.emplace(name, FamilyRow{kind, &family, {}}).first;
    }
    FamilyRow& row = found->second;
    if (row.kind != kind) fail(ErrorKind::internal, "metric ", name, " is of another kind");
    Labels kept = labels;
    const bool full = kind != Kind::gauge && int64_t(row.series.size()) >= series_limit;
    if (full && !row.series.contains(kept))
      for (auto& [label, value] : kept) value = "other";
    row.series.insert(kept);
    return &static_cast<prometheus::Family<Metric>*>(row.family)->Add(kept, arguments...);
  }
};

void Counter::add(double amount) const {
  static_cast<prometheus::Counter*>(metric_)->Increment(amount);
}
void Counter::raise_to(double total) const {
  auto* const counter = static_cast<prometheus::Counter*>(metric_);
  counter->Increment(std::max(0.0, total - counter->Value()));
}
void Gauge::set(double value) const { static_cast<prometheus::Gauge*>(metric_)->Set(value); }
void Gauge::add(double amount) const {
  static_cast<prometheus::Gauge*>(metric_)->Increment(amount);
}
void Histogram::observe(double value) const {
  static_cast<prometheus::Histogram*>(metric_)->Observe(value);
}

MetricRegistry::MetricRegistry(int64_t series_limit)
    : impl_(std::make_unique<Impl>(series_limit)) {}
MetricRegistry::~MetricRegistry() = default;

Counter MetricRegistry::counter(const std::string& name, const std::string& help,
                                const Labels& labels) {
  return Counter(impl_->metric<prometheus::Counter>(Kind::counter, prometheus::BuildCounter, name,
                                                    help, labels));
}

Gauge MetricRegistry::gauge(const std::string& name, const std::string& help,
                            const Labels& labels) {
  return Gauge(
      impl_->metric<prometheus::Gauge>(Kind::gauge, prometheus::BuildGauge, name, help, labels));
}

Histogram MetricRegistry::histogram(const std::string& name, const std::string& help,
                                    const std::vector<double>& bounds, const Labels& labels) {
  return Histogram(impl_->metric<prometheus::Histogram>(Kind::histogram, prometheus::BuildHistogram,
                                                        name, help, labels, bounds));
}

void MetricRegistry::alias(const std::string& name, const std::string& also, const Labels& of) {
  const std::lock_guard lock(impl_->mutex);
  std::vector<Alias>& aliases = impl_->aliases[name];
  for (const Alias& own : aliases)
    if (own.name == also) return;
  aliases.push_back({also, of});
}

std::string MetricRegistry::text() const {
  std::vector<prometheus::MetricFamily> families = impl_->registry.Collect();
  const size_t own = families.size();
  {
    const std::lock_guard lock(impl_->mutex);
    for (size_t i = 0; i < own; ++i) {
      const auto found = impl_->aliases.find(families[i].name);
      if (found == impl_->aliases.end()) continue;
      for (const auto& [also, of] : found->second) {
        prometheus::MetricFamily copy = families[i];
        copy.name = also;
        std::erase_if(copy.metric, [&of](auto& metric) { return !take_labels(metric, of); });
        families.push_back(std::move(copy));
      }
    }
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace deepseek::serve
