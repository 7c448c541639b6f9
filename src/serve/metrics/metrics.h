// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace deepseek::serve {

using Labels = std::map<std::string, std::string>;

/// Handles are cheap, may be copied and used from any thread, and live as long as their registry.
class Counter {
 public:
  void add(double amount = 1) const;
  /// For what is counted elsewhere; a smaller total changes nothing. One thread at a time.
  void raise_to(double total) const;

 private:
  friend class MetricRegistry;
  explicit Counter(void* metric) : metric_(metric) {}
  void* metric_;
};

class Gauge {
 public:
  void set(double value) const;
  void add(double amount) const;

 private:
  friend class MetricRegistry;
  explicit Gauge(void* metric) : metric_(metric) {}
  void* metric_;
};

class Histogram {
 public:
  void observe(double value) const;

 private:
  friend class MetricRegistry;
  explicit Histogram(void* metric) : metric_(metric) {}
  void* metric_;
};

/// Named metrics and their text. A family of counters or histograms holds at most `series_limit`
/// sets of label values; further ones are counted under "other", so that no client can grow the
/// page. Gauges do not add up, so theirs must be few by themselves.
class MetricRegistry {
 public:
  explicit MetricRegistry(int64_t series_limit = 200);
  ~MetricRegistry();
  MetricRegistry(const MetricRegistry&) = delete;
  MetricRegistry& operator=(const MetricRegistry&) = delete;

  /// The same name and labels give the same metric. Throws internal when the name has another kind.
  Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram histogram(const std::string& name, const std::string& help,
                      const std::vector<double>& bounds, const Labels& labels = {});

  /// The family also appears under this name, with the same values: those of its series that have
  /// the labels `of`, without them.
  void alias(const std::string& name, const std::string& also, const Labels& of = {});

  /// The text exposition of Prometheus, version 0.0.4.
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deepseek::serve
