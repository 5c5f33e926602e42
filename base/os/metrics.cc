#include "base/os/metrics.h"

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>
#include <sys/resource.h>
#include <unistd.h>

#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/os/disk.h"

namespace gatetape {
namespace {

double open_fds() {
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  return static_cast<double>(std::distance(begin(files), end(files)));
}

double max_fds() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t size = 0, resident = 0;
  statm >> size >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

prometheus::MetricFamily family_of(const Metrics::Figure& figure) {
  prometheus::MetricFamily family;
  const bool counter = figure.kind == Metrics::Kind::kCounter;
  family.name = figure.name;
  family.help = figure.help;
  family.type = counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
  for (const Metrics::Sample& sample : figure.read()) {
    prometheus::ClientMetric metric;
    if (!figure.label.empty()) metric.label = {{figure.label, sample.label_value}};
    (counter ? metric.counter.value : metric.gauge.value) = sample.value;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

}  // namespace

class Metrics::Figures : public prometheus::Collectable {
 public:
  explicit Figures(std::vector<Figure> figures) : figures_(std::move(figures)) {}
  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<prometheus::MetricFamily> families;
    families.reserve(figures_.size());
    for (const Figure& figure : figures_) families.push_back(family_of(figure));
    return families;
  }

 private:
  const std::vector<Figure> figures_;
};

absl::StatusOr<std::unique_ptr<Metrics>> Metrics::serve(const std::string& listen,
                                                        std::vector<Figure> figures) {
  std::unique_ptr<Metrics> metrics(new Metrics);
  if (listen.empty()) return metrics;
  figures.push_back(figure(Kind::kGauge, "process_open_fds", "Open file descriptors.", open_fds));
  figures.push_back(figure(Kind::kGauge, "process_max_fds",
                           "Largest allowed number of open file descriptors.", max_fds));
  figures.push_back(
      figure(Kind::kGauge, "process_resident_memory_bytes", "Resident memory.", resident_bytes));
  metrics->figures_ = std::make_shared<Figures>(std::move(figures));
  try {
    metrics->exposer_ = std::make_unique<prometheus::Exposer>(listen, 1);
    metrics->exposer_->RegisterCollectable(metrics->figures_);
  } catch (const std::exception& error) {
    return absl::UnavailableError("metrics_listen " + listen + ": " + error.what());
  }
  return metrics;
}

// The HTTP server stops first, because its threads read figures_.
Metrics::~Metrics() { exposer_.reset(); }

Metrics::Figure Metrics::figure(Kind kind, std::string name, std::string help,
                                std::function<double()> read) {
  return {kind, std::move(name), std::move(help), "", [read = std::move(read)] {
            return std::vector<Sample>{{"", read()}};
          }};
}

Metrics::Figure disk_figure(const std::string& dir) {
  return {Metrics::Kind::kGauge, "gatetape_disk_free_bytes", "Free space on a volume of the stack.",
          "path", [dir] {
            std::vector<Metrics::Sample> samples;
            for (const DiskRoom& room : disk_rooms(dir))
              samples.push_back({room.path, static_cast<double>(room.free_bytes)});
            return samples;
          }};
}

}  // namespace gatetape
