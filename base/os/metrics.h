// Metrics: what a daemon tells a Prometheus that asks it over HTTP (GET /metrics on
// `metrics_listen`). Every figure is read when it is asked for, so that nothing is counted twice or
// on the hot path. Holds no secret and no name of a person. Made and filled by main before the
// first scrape; the readers are called by threads of the HTTP server.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace prometheus {
class Exposer;
}

namespace gatetape {

class Metrics {
 public:
  enum class Kind { kCounter, kGauge };
  struct Sample {
    std::string label_value;
    double value = 0;
  };
  // Figure has one sample, or with a `label` one for each of its values.
  struct Figure {
    Kind kind;
    std::string name;  // as Prometheus wants it: unit last, _total for counters
    std::string help;
    std::string label;
    std::function<std::vector<Sample>()> read;
  };

  // serve listens on ADDRESS:PORT; with an empty `listen` nothing is served. Adds the process's own
  // figures (process_open_fds, process_max_fds, process_resident_memory_bytes). UNAVAILABLE when it
  // cannot listen.
  static absl::StatusOr<std::unique_ptr<Metrics>> serve(const std::string& listen,
                                                        std::vector<Figure> figures);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // figure makes one with a single sample.
  static Figure figure(Kind kind, std::string name, std::string help, std::function<double()> read);

 private:
  class Figures;
  Metrics() = default;

  // Shared by us and the HTTP server's threads, which look at it through a weak_ptr.
  std::shared_ptr<Figures> figures_;
  std::unique_ptr<prometheus::Exposer> exposer_;
};

// disk_figure tells the room on the volumes of a stack's folder.
Metrics::Figure disk_figure(const std::string& dir);

}  // namespace gatetape
