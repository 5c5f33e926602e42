// Metrics: the figures that a daemon serves to Prometheus over HTTP (GET /metrics on
// `metrics_listen`). A figure is read when Prometheus asks for it, so that the hot path counts
// nothing for it. No figure holds a secret or the name of a person. The main thread makes the
// object before the first request; the HTTP server's threads call the readers.
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
  // Figure has one sample or, with a `label`, one sample for each value of the label.
  struct Figure {
    Kind kind;
    std::string name;  // by the rules of Prometheus: the unit last, _total for counters
    std::string help;
    std::string label;
    std::function<std::vector<Sample>()> read;
  };

  // serve starts the HTTP server on ADDRESS:PORT. With an empty `listen` it starts no server. It
  // adds the figures of the process (process_open_fds, process_max_fds,
  // process_resident_memory_bytes). It fails with UNAVAILABLE when it cannot listen.
  static absl::StatusOr<std::unique_ptr<Metrics>> serve(const std::string& listen,
                                                        std::vector<Figure> figures);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // figure returns a figure with a single sample.
  static Figure figure(Kind kind, std::string name, std::string help, std::function<double()> read);

 private:
  class Figures;
  Metrics() = default;

  // Shared by this object and the HTTP server, whose threads hold a weak_ptr to it.
  std::shared_ptr<Figures> figures_;
  std::unique_ptr<prometheus::Exposer> exposer_;
};

// disk_figure returns the free space on the volumes of the stack in `dir`.
Metrics::Figure disk_figure(const std::string& dir);

}  // namespace gatetape
